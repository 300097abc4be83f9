local function make_keys(n)
  local keys = {}
  for i = 0, n - 1 do keys[i + 1] = (i * 7919) % 1000003 end
  return keys
end

-- The keys are set, each is looked up five times, and every other one is changed.
local function use_table(keys, others)
  local t, sum = {}, 0
  for i = 1, #keys do t[keys[i]] = i - 1 end
  for _ = 1, 5 do
    for i = 1, #keys do sum = sum + t[others[i]] end
  end
  for i = 1, #keys, 2 do t[others[i]] = t[others[i]] + 1 end
  for i = 1, #keys do sum = sum + t[keys[i]] end
  return sum
end

local keys, others = make_keys(10000), make_keys(10000)
measure(function() return use_table(keys, others) end)
