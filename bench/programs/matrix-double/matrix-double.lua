-- A matrix is one table from 0, row after row.
local function make_matrix(n, start, step)
  local m, x = {}, start
  for i = 0, n * n - 1 do
    m[i] = x
    x = x + step
  end
  return m
end

local function multiply(a, b, c, n)
  for i = 0, n - 1 do
    for j = 0, n - 1 do
      local sum = 0.0
      for k = 0, n - 1 do sum = sum + a[i * n + k] * b[k * n + j] end
      c[i * n + j] = sum
    end
  end
end

local function trace(m, n)
  local sum = 0.0
  for i = 0, n - 1 do sum = sum + m[i * n + i] end
  return sum
end

local a, b, c = make_matrix(100, -1.0, 0.0003), make_matrix(100, 2.0, -0.0001), make_matrix(100, 0.0, 0.0)
measure(function()
  multiply(a, b, c, 100)
  return trace(c, 100)
end)
