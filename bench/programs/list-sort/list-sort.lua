-- A list is a chain of { car, cdr } that ends in nil.
local function cons(car, cdr) return { car = car, cdr = cdr } end

local function make_numbers(n)
  local numbers, seed = nil, 17
  for _ = 1, n do
    seed = seed * 16807 % 2147483647
    numbers = cons(seed, numbers)
  end
  return numbers
end

-- Every other element, from the first on. Nested calls would be too deep here, and in merge.
local function every_other(list)
  local head = cons(0, nil)
  local last = head
  while list do
    last.cdr = cons(list.car, nil)
    last = last.cdr
    list = list.cdr and list.cdr.cdr
  end
  return head.cdr
end

local function merge(left, right)
  local head = cons(0, nil)
  local last = head
  while left and right do
    if right.car < left.car then
      last.cdr = cons(right.car, nil)
      right = right.cdr
    else
      last.cdr = cons(left.car, nil)
      left = left.cdr
    end
    last = last.cdr
  end
  last.cdr = left or right
  return head.cdr
end

local function merge_sort(list)
  if not list or not list.cdr then return list end
  return merge(merge_sort(every_other(list)), merge_sort(every_other(list.cdr)))
end

local function checksum(list)
  local i, sum = 1, 0
  while list do
    sum = (sum + i * list.car) % 1000003
    list, i = list.cdr, i + 1
  end
  return sum
end

local numbers = make_numbers(10000)
measure(function() return checksum(merge_sort(numbers)) end)
