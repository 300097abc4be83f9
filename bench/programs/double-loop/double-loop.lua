local function integrate(step)
  local x, sum = 0.0, 0.0
  while x < 1.0 do
    sum = sum + x * (1.0 - x * x)
    x = x + step
  end
  return sum
end

measure(function() return integrate(0.00000033) end)
