local function safe(row, distance, placed)
  while placed do
    local other = placed.row
    if other == row or other == row + distance or other == row - distance then return false end
    distance = distance + 1
    placed = placed.rest
  end
  return true
end

local function place(size, column, placed)
  if column > size then return 1 end
  local solutions = 0
  for row = 1, size do
    if safe(row, 1, placed) then
      solutions = solutions + place(size, column + 1, { row = row, rest = placed })
    end
  end
  return solutions
end

measure(function() return place(10, 1, nil) end)
