local function make_matrix(n, start, step)
  local rows, x = {}, start
  for i = 1, n do
    local row = {}
    for j = 1, n do
      row[j] = x
      x = x + step
    end
    rows[i] = row
  end
  return rows
end

local function element(a_row, b, n, j)
  local sum = 0.0
  for k = 1, n do sum = sum + a_row[k] * b[k][j] end
  return sum
end

local function multiply(a, b, n)
  local rows = {}
  for i = 1, n do
    local row = {}
    for j = 1, n do row[j] = element(a[i], b, n, j) end
    rows[i] = row
  end
  return rows
end

local function trace(m, n)
  local sum = 0.0
  for i = 1, n do sum = sum + m[i][i] end
  return sum
end

local a, b = make_matrix(100, -1.0, 0.0003), make_matrix(100, 2.0, -0.0001)
measure(function() return trace(multiply(a, b, 100), 100) end)
