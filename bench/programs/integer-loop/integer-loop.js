function sumOfResidues(n) {
  let i = 0, sum = 0;
  while (i < n) {
    sum += (i * i) % 7919;
    i++;
  }
  return sum;
}

measure(() => sumOfResidues(3000000));
