local function turns(cr, ci)
  local zr, zi, i = 0.0, 0.0, 0
  while true do
    local rr, ii = zr * zr, zi * zi
    if i == 100 or rr + ii > 4.0 then return i end
    zi = 2.0 * (zr * zi) + ci
    zr = rr - ii + cr
    i = i + 1
  end
end

local function mandelbrot(size)
  local step, ci, total = 3.0 / size, -1.5, 0
  for _ = 1, size do
    local cr = -2.0
    for _ = 1, size do
      total = total + turns(cr, ci)
      cr = cr + step
    end
    ci = ci + step
  end
  return total
end

measure(function() return mandelbrot(160) end)
