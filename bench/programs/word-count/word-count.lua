-- 20,000 words of a vocabulary of 500.
local function make_text(n)
  local words, seed = {}, 17
  for i = 1, n do
    seed = (seed * 421 + 1663) % 7875
    words[i] = "word" .. (seed * seed) % 500
  end
  return table.concat(words, " ")
end

-- How often each word occurs.
local function count_words(text)
  local counts = {}
  for word in text:gmatch("[^ ]+") do counts[word] = (counts[word] or 0) + 1 end
  return counts
end

local function sum_of_squares(counts)
  local sum = 0
  for _, count in pairs(counts) do sum = sum + count * count end
  return sum
end

local text = make_text(20000)
measure(function() return sum_of_squares(count_words(text)) end)
