local SOLAR_MASS, DAYS_PER_YEAR, BODIES = 39.47841760435743, 365.24, 5

-- The sun first, and the planets outwards.
local initial_x = { 0.0, 4.841431442464721, 8.34336671824458, 12.894369562139131, 15.379697114850917 }
local initial_y = { 0.0, -1.1603200440274284, 4.124798564124305, -15.111151401698631, -25.919314609987964 }
local initial_z = { 0.0, -0.10362204447112311, -0.4035234171143214, -0.22330757889265573, 0.17925877295037118 }
local initial_vx = { 0.0, 0.001660076642744037, -0.00276742510726411, 0.002964601375647616, 0.0026806777249038932 }
local initial_vy = { 0.0, 0.007699011184197404, 0.004998528012349172, 0.0023784717395948095, 0.001628241700382423 }
local initial_vz = { 0.0, -6.90460016972063e-05, 2.3041729757376393e-05, -2.9658956854023756e-05, -9.515922545197159e-05 }
local mass = { 1.0, 0.0009547919384243266, 0.0002858859806661308, 4.366244043351563e-05, 5.1513890204661145e-05 }
local x, y, z, vx, vy, vz = {}, {}, {}, {}, {}, {}
for i = 1, BODIES do mass[i] = mass[i] * SOLAR_MASS end

local function restore(array, values, factor)
  for i = 1, BODIES do array[i] = values[i] * factor end
end

local function restore_all()
  restore(x, initial_x, 1.0)
  restore(y, initial_y, 1.0)
  restore(z, initial_z, 1.0)
  restore(vx, initial_vx, DAYS_PER_YEAR)
  restore(vy, initial_vy, DAYS_PER_YEAR)
  restore(vz, initial_vz, DAYS_PER_YEAR)
end

local function momentum(v)
  local p = 0.0
  for i = 1, BODIES do p = p + v[i] * mass[i] end
  return p
end

-- The sun gets the speed that brings all to rest together.
local function offset_momentum()
  vx[1] = 0.0 - momentum(vx) / SOLAR_MASS
  vy[1] = 0.0 - momentum(vy) / SOLAR_MASS
  vz[1] = 0.0 - momentum(vz) / SOLAR_MASS
end

local function advance(dt)
  for i = 1, BODIES do
    for j = i + 1, BODIES do
      local dx, dy, dz = x[i] - x[j], y[i] - y[j], z[i] - z[j]
      local square = dx * dx + dy * dy + dz * dz
      local magnitude = dt / (square * math.sqrt(square))
      local mi, mj = mass[i] * magnitude, mass[j] * magnitude
      vx[i] = vx[i] - dx * mj
      vy[i] = vy[i] - dy * mj
      vz[i] = vz[i] - dz * mj
      vx[j] = vx[j] + dx * mi
      vy[j] = vy[j] + dy * mi
      vz[j] = vz[j] + dz * mi
    end
  end
  for i = 1, BODIES do
    x[i] = x[i] + dt * vx[i]
    y[i] = y[i] + dt * vy[i]
    z[i] = z[i] + dt * vz[i]
  end
end

local function square(a) return a * a end

local function energy()
  local sum = 0.0
  for i = 1, BODIES do
    sum = sum + 0.5 * mass[i] * (square(vx[i]) + square(vy[i]) + square(vz[i]))
    for j = i + 1, BODIES do
      local distance = math.sqrt(square(x[i] - x[j]) + square(y[i] - y[j]) + square(z[i] - z[j]))
      sum = sum - mass[i] * mass[j] / distance
    end
  end
  return sum
end

local function simulate(steps)
  restore_all()
  offset_momentum()
  for _ = 1, steps do advance(0.01) end
  return energy()
end

measure(function() return simulate(5000) end)
