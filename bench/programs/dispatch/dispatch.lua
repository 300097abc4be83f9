local function class(methods)
  methods.__index = methods
  return methods
end

local circle = class { area = function(self) return 3 * (self.radius * self.radius) end }
local square = class { area = function(self) return self.side * self.side end }
local rectangle = class { area = function(self) return self.width * self.height end }

local function make_shape(seed)
  local kind, size = seed % 3, 1 + seed % 10
  if kind == 0 then return setmetatable({ radius = size }, circle) end
  if kind == 1 then return setmetatable({ side = size }, square) end
  return setmetatable({ width = size, height = size + 1 }, rectangle)
end

local function make_shapes(n)
  local shapes, seed = {}, 17
  for i = 1, n do
    shapes[i] = make_shape(seed)
    seed = (seed * 421 + 1663) % 7875
  end
  return shapes
end

local function total_area(shapes, n, passes)
  local sum = 0
  for _ = 1, passes do
    for i = 1, n do sum = sum + shapes[i]:area() end
  end
  return sum
end

local shapes = make_shapes(1000)
measure(function() return total_area(shapes, 1000, 100) end)
