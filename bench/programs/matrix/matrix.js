function makeMatrix(n, start, step) {
  const rows = [];
  let x = start;
  for (let i = 0; i < n; i++) {
    const row = [];
    for (let j = 0; j < n; j++, x += step) row.push(x);
    rows.push(row);
  }
  return rows;
}

function element(aRow, b, n, j) {
  let sum = 0.0;
  for (let k = 0; k < n; k++) sum += aRow[k] * b[k][j];
  return sum;
}

function multiply(a, b, n) {
  const rows = [];
  for (let i = 0; i < n; i++) {
    const row = [];
    for (let j = 0; j < n; j++) row.push(element(a[i], b, n, j));
    rows.push(row);
  }
  return rows;
}

function trace(m, n) {
  let sum = 0.0;
  for (let i = 0; i < n; i++) sum += m[i][i];
  return sum;
}

const a = makeMatrix(100, -1.0, 0.0003), b = makeMatrix(100, 2.0, -0.0001);
measure(() => trace(multiply(a, b, 100), 100));
