// A signal of n points, the same at every run.
function fillSignal(re, im, n) {
  for (let i = 0, seed = 17; i < n; i++) {
    seed = (seed * 421 + 1663) % 7875;
    re[i] = seed / 7875.0 - 0.5;
    im[i] = 0.0;
  }
}

function swap(array, i, j) {
  const x = array[i];
  array[i] = array[j];
  array[j] = x;
}

function reverseBits(re, im, n) {
  for (let i = 0, j = 0; i < n - 1; i++) {
    if (i < j) {
      swap(re, i, j);
      swap(im, i, j);
    }
    let bit = n >> 1;
    for (; bit <= j; bit >>= 1) j -= bit;
    j += bit;
  }
}

// The butterflies of all groups that share one factor.
function butterflies(re, im, n, first, half, ur, ui) {
  for (let i = first; i < n; i += 2 * half) {
    const j = i + half;
    const ar = re[i], ai = im[i], br = re[j], bi = im[j];
    const tr = br * ur - bi * ui, ti = br * ui + bi * ur;
    re[i] = ar + tr;
    im[i] = ai + ti;
    re[j] = ar - tr;
    im[j] = ai - ti;
  }
}

// In place. The first stage has no factors; the root of unity of a later one comes by the half-angle formulas.
function transform(re, im, n) {
  reverseBits(re, im, n);
  butterflies(re, im, n, 0, 1, 1.0, 0.0);
  let wr = 0.0, wi = -1.0;
  for (let half = 2; half < n; half *= 2) {
    let ur = 1.0, ui = 0.0;
    for (let k = 0; k < half; k++) {
      butterflies(re, im, n, k, half, ur, ui);
      const r = ur * wr - ui * wi;
      ui = ur * wi + ui * wr;
      ur = r;
    }
    wr = Math.sqrt((1.0 + wr) / 2.0);
    wi = wi / (2.0 * wr);
  }
}

function energy(re, im, n) {
  let sum = 0.0;
  for (let i = 0; i < n; i++) sum += re[i] * re[i] + im[i] * im[i];
  return sum;
}

function fft(n) {
  const re = new Array(n).fill(0.0), im = new Array(n).fill(0.0);
  fillSignal(re, im, n);
  transform(re, im, n);
  return energy(re, im, n);
}

measure(() => fft(4096));
