// A matrix is one array, row after row.
function makeMatrix(n, start, step) {
  const m = [];
  let x = start;
  for (let i = 0; i < n * n; i++, x += step) m.push(x);
  return m;
}

function multiply(a, b, c, n) {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0.0;
      for (let k = 0; k < n; k++) sum += a[i * n + k] * b[k * n + j];
      c[i * n + j] = sum;
    }
  }
}

function trace(m, n) {
  let sum = 0.0;
  for (let i = 0; i < n; i++) sum += m[i * n + i];
  return sum;
}

const a = makeMatrix(100, -1.0, 0.0003), b = makeMatrix(100, 2.0, -0.0001), c = makeMatrix(100, 0.0, 0.0);
measure(() => {
  multiply(a, b, c, 100);
  return trace(c, 100);
});
