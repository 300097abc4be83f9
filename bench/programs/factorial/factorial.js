function factorial(n) {
  return n <= 1n ? 1n : n * factorial(n - 1n);
}

measure(() => {
  let sum = 0;
  for (let i = 0; i < 10; i++) sum += Number(factorial(1000n) % 1000000007n);
  return sum;
});
