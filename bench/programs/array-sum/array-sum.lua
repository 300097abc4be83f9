local function make_numbers(n)
  local numbers = {}
  for i = 1, n do numbers[i] = ((i - 1) * (i - 1)) % 1009 end
  return numbers
end

local function array_sum(numbers)
  local sum = 0
  for i = 1, #numbers do sum = sum + numbers[i] end
  return sum
end

local numbers = make_numbers(100000)
measure(function()
  local sum = 0
  for _ = 1, 20 do sum = sum + array_sum(numbers) end
  return sum
end)
