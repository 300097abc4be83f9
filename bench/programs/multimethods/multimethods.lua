-- A table of functions by the kinds of both arguments; missing entries are filled with the inherited method.
local function sizes(a, b) return a.size + b.size end
local collide = {
  body = { body = sizes, asteroid = sizes, ship = sizes },
  asteroid = { body = sizes, asteroid = sizes, ship = function(a, b) return a.size - b.shield end },
  ship = {
    body = sizes,
    asteroid = function(a, b) return b.size - a.shield end,
    ship = function(a, b) return a.shield + b.shield end,
  },
}

local function make_body(seed)
  local kind, size = seed % 3, 1 + seed % 10
  if kind == 0 then return { kind = "body", size = size, shield = false } end
  if kind == 1 then return { kind = "asteroid", size = size, shield = false } end
  return { kind = "ship", size = size, shield = size + 5 }
end

local function make_bodies(n)
  local bodies, seed = {}, 17
  for i = 1, n do
    bodies[i] = make_body(seed)
    seed = (seed * 421 + 1663) % 7875
  end
  return bodies
end

local function collisions(bodies, n, passes)
  local sum = 0
  for _ = 1, passes do
    for i = 1, n do
      local a = bodies[i]
      for j = 1, n do
        local b = bodies[j]
        sum = sum + collide[a.kind][b.kind](a, b)
      end
    end
  end
  return sum
end

local bodies = make_bodies(100)
measure(function() return collisions(bodies, 100, 10) end)
