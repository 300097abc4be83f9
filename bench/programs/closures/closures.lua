-- A counter that is called with what is to be added.
local function make_counter(start)
  return function(amount)
    start = start + amount
    return start
  end
end

-- The first counts by calling the second: each call goes through two closures.
local function make_counted(counter)
  local calls = 0
  return {
    count = function(amount)
      calls = calls + 1
      return counter(amount)
    end,
    calls = function() return calls end,
  }
end

local function each_number(n, f)
  for i = 0, n - 1 do f(i) end
end

local function count_with(counters, n)
  local sum = 0
  each_number(n, function(i)
    local counter = counters[i % 10]
    sum = sum + counter.count(i) % 1000
  end)
  for i = 0, 9 do sum = sum + counters[i].calls() end
  return sum
end

local function make_counters()
  local counters = {}
  for i = 0, 9 do counters[i] = make_counted(make_counter(i)) end
  return counters
end

measure(function() return count_with(make_counters(), 100000) end)
