function turns(cr, ci) {
  let zr = 0.0, zi = 0.0, i = 0;
  for (;;) {
    const rr = zr * zr, ii = zi * zi;
    if (i === 100 || rr + ii > 4.0) return i;
    zi = 2.0 * (zr * zi) + ci;
    zr = rr - ii + cr;
    i++;
  }
}

function mandelbrot(size) {
  const step = 3.0 / size;
  let ci = -1.5, total = 0;
  for (let y = 0; y < size; y++) {
    let cr = -2.0;
    for (let x = 0; x < size; x++) {
      total += turns(cr, ci);
      cr += step;
    }
    ci += step;
  }
  return total;
}

measure(() => mandelbrot(160));
