function makeNumbers(n) {
  const numbers = [];
  for (let i = 0; i < n; i++) numbers.push((i * i) % 1009);
  return numbers;
}

function arraySum(numbers) {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i];
  return sum;
}

const numbers = makeNumbers(100000);
measure(() => {
  let sum = 0;
  for (let pass = 0; pass < 20; pass++) sum += arraySum(numbers);
  return sum;
});
