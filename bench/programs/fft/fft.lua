-- Arrays from 0. A signal of n points, the same at every run.
local function fill_signal(re, im, n)
  local seed = 17
  for i = 0, n - 1 do
    seed = (seed * 421 + 1663) % 7875
    re[i] = seed / 7875.0 - 0.5
    im[i] = 0.0
  end
end

local function reverse_bits(re, im, n)
  local j = 0
  for i = 0, n - 2 do
    if i < j then
      re[i], re[j] = re[j], re[i]
      im[i], im[j] = im[j], im[i]
    end
    local bit = n / 2
    while bit <= j do
      j = j - bit
      bit = bit / 2
    end
    j = j + bit
  end
end

-- The butterflies of all groups that share one factor.
local function butterflies(re, im, n, first, half, ur, ui)
  for i = first, n - 1, 2 * half do
    local j = i + half
    local ar, ai, br, bi = re[i], im[i], re[j], im[j]
    local tr, ti = br * ur - bi * ui, br * ui + bi * ur
    re[i], im[i], re[j], im[j] = ar + tr, ai + ti, ar - tr, ai - ti
  end
end

-- In place. The first stage has no factors; the root of unity of a later one comes by the half-angle formulas.
local function transform(re, im, n)
  reverse_bits(re, im, n)
  butterflies(re, im, n, 0, 1, 1.0, 0.0)
  local half, wr, wi = 2, 0.0, -1.0
  while half < n do
    local ur, ui = 1.0, 0.0
    for k = 0, half - 1 do
      butterflies(re, im, n, k, half, ur, ui)
      ur, ui = ur * wr - ui * wi, ur * wi + ui * wr
    end
    wr = math.sqrt((1.0 + wr) / 2.0)
    wi = wi / (2.0 * wr)
    half = half * 2
  end
end

local function energy(re, im, n)
  local sum = 0.0
  for i = 0, n - 1 do sum = sum + (re[i] * re[i] + im[i] * im[i]) end
  return sum
end

local function fft(n)
  local re, im = {}, {}
  fill_signal(re, im, n)
  transform(re, im, n)
  return energy(re, im, n)
end

measure(function() return fft(4096) end)
