-- A line of numbers with their names, put together part by part.
local names = { [0] = "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine" }

local function build(n)
  local parts = {}
  for i = 0, n - 1 do parts[i + 1] = names[i % 10] .. "=" .. i end
  return table.concat(parts, ", ")
end

-- In capitals, character by character.
local function capitals(text)
  local characters = {}
  for i = 1, #text do
    local c = text:byte(i)
    characters[i] = string.char((97 <= c and c <= 122) and c - 32 or c)
  end
  return table.concat(characters)
end

local function hash(text)
  local sum = 0
  for i = 1, #text do sum = (sum * 31 + text:byte(i)) % 1000003 end
  return sum
end

measure(function() return hash(capitals(build(5000))) end)
