local SOLAR_MASS, DAYS_PER_YEAR = 39.47841760435743, 365.24

local function make_body(x, y, z, vx, vy, vz, mass)
  return {
    x = x, y = y, z = z,
    vx = vx * DAYS_PER_YEAR, vy = vy * DAYS_PER_YEAR, vz = vz * DAYS_PER_YEAR,
    mass = mass * SOLAR_MASS,
  }
end

-- The sun first, and the planets outwards.
local function make_bodies()
  return {
    make_body(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
    make_body(4.841431442464721, -1.1603200440274284, -0.10362204447112311, 0.001660076642744037, 0.007699011184197404, -6.90460016972063e-05, 0.0009547919384243266),
    make_body(8.34336671824458, 4.124798564124305, -0.4035234171143214, -0.00276742510726411, 0.004998528012349172, 2.3041729757376393e-05, 0.0002858859806661308),
    make_body(12.894369562139131, -15.111151401698631, -0.22330757889265573, 0.002964601375647616, 0.0023784717395948095, -2.9658956854023756e-05, 4.366244043351563e-05),
    make_body(15.379697114850917, -25.919314609987964, 0.17925877295037118, 0.0026806777249038932, 0.001628241700382423, -9.515922545197159e-05, 5.1513890204661145e-05),
  }
end

-- The sun gets the speed that brings all to rest together.
local function offset_momentum(bodies)
  local px, py, pz, sun = 0.0, 0.0, 0.0, bodies[1]
  for _, body in ipairs(bodies) do
    px = px + body.vx * body.mass
    py = py + body.vy * body.mass
    pz = pz + body.vz * body.mass
  end
  sun.vx = 0.0 - px / SOLAR_MASS
  sun.vy = 0.0 - py / SOLAR_MASS
  sun.vz = 0.0 - pz / SOLAR_MASS
end

-- Two bodies attract each other for a time.
local function attract(a, b, dt)
  local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
  local square = dx * dx + dy * dy + dz * dz
  local magnitude = dt / (square * math.sqrt(square))
  local ma, mb = a.mass * magnitude, b.mass * magnitude
  a.vx = a.vx - dx * mb
  a.vy = a.vy - dy * mb
  a.vz = a.vz - dz * mb
  b.vx = b.vx + dx * ma
  b.vy = b.vy + dy * ma
  b.vz = b.vz + dz * ma
end

local function move(body, dt)
  body.x = body.x + dt * body.vx
  body.y = body.y + dt * body.vy
  body.z = body.z + dt * body.vz
end

local function advance(bodies, dt)
  for i = 1, #bodies do
    for j = i + 1, #bodies do attract(bodies[i], bodies[j], dt) end
  end
  for i = 1, #bodies do move(bodies[i], dt) end
end

local function kinetic_energy(body)
  return 0.5 * body.mass * (body.vx * body.vx + body.vy * body.vy + body.vz * body.vz)
end

local function potential_energy(a, b)
  local dx, dy, dz = a.x - b.x, a.y - b.y, a.z - b.z
  return a.mass * b.mass / math.sqrt(dx * dx + dy * dy + dz * dz)
end

local function energy(bodies)
  local sum = 0.0
  for i = 1, #bodies do
    sum = sum + kinetic_energy(bodies[i])
    for j = i + 1, #bodies do sum = sum - potential_energy(bodies[i], bodies[j]) end
  end
  return sum
end

local function simulate(steps)
  local bodies = make_bodies()
  offset_momentum(bodies)
  for _ = 1, steps do advance(bodies, 0.01) end
  return energy(bodies)
end

measure(function() return simulate(5000) end)
