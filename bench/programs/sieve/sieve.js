function sieve(limit) {
  const composite = new Array(limit).fill(false);
  let primes = 0;
  for (let i = 2; i < limit; i++) {
    if (!composite[i]) {
      primes++;
      for (let j = i * i; j < limit; j += i) composite[j] = true;
    }
  }
  return primes;
}

measure(() => sieve(1000000));
