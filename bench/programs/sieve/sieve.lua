local function sieve(limit)
  local composite, primes = {}, 0
  for i = 0, limit - 1 do composite[i] = false end
  for i = 2, limit - 1 do
    if not composite[i] then
      primes = primes + 1
      for j = i * i, limit - 1, i do composite[j] = true end
    end
  end
  return primes
end

measure(function() return sieve(1000000) end)
