local function sum_of_residues(n)
  local i, sum = 0, 0
  while i < n do
    sum = sum + (i * i) % 7919
    i = i + 1
  end
  return sum
end

measure(function() return sum_of_residues(3000000) end)
