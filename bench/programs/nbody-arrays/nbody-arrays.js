const SOLAR_MASS = 39.47841760435743, DAYS_PER_YEAR = 365.24, BODIES = 5;

// The sun first, and the planets outwards.
const initialX = [0.0, 4.841431442464721, 8.34336671824458, 12.894369562139131, 15.379697114850917];
const initialY = [0.0, -1.1603200440274284, 4.124798564124305, -15.111151401698631, -25.919314609987964];
const initialZ = [0.0, -0.10362204447112311, -0.4035234171143214, -0.22330757889265573, 0.17925877295037118];
const initialVx = [0.0, 0.001660076642744037, -0.00276742510726411, 0.002964601375647616, 0.0026806777249038932];
const initialVy = [0.0, 0.007699011184197404, 0.004998528012349172, 0.0023784717395948095, 0.001628241700382423];
const initialVz = [0.0, -6.90460016972063e-05, 2.3041729757376393e-05, -2.9658956854023756e-05, -9.515922545197159e-05];
const mass = [1.0, 0.0009547919384243266, 0.0002858859806661308, 4.366244043351563e-05, 5.1513890204661145e-05];
const x = [], y = [], z = [], vx = [], vy = [], vz = [];
for (let i = 0; i < BODIES; i++) mass[i] *= SOLAR_MASS;

function restore(array, values, factor) {
  for (let i = 0; i < BODIES; i++) array[i] = values[i] * factor;
}

function restoreAll() {
  restore(x, initialX, 1.0);
  restore(y, initialY, 1.0);
  restore(z, initialZ, 1.0);
  restore(vx, initialVx, DAYS_PER_YEAR);
  restore(vy, initialVy, DAYS_PER_YEAR);
  restore(vz, initialVz, DAYS_PER_YEAR);
}

function momentum(v) {
  let p = 0.0;
  for (let i = 0; i < BODIES; i++) p += v[i] * mass[i];
  return p;
}

// The sun gets the speed that brings all to rest together.
function offsetMomentum() {
  vx[0] = 0.0 - momentum(vx) / SOLAR_MASS;
  vy[0] = 0.0 - momentum(vy) / SOLAR_MASS;
  vz[0] = 0.0 - momentum(vz) / SOLAR_MASS;
}

function advance(dt) {
  for (let i = 0; i < BODIES; i++) {
    for (let j = i + 1; j < BODIES; j++) {
      const dx = x[i] - x[j], dy = y[i] - y[j], dz = z[i] - z[j];
      const square = dx * dx + dy * dy + dz * dz;
      const magnitude = dt / (square * Math.sqrt(square));
      const mi = mass[i] * magnitude, mj = mass[j] * magnitude;
      vx[i] -= dx * mj;
      vy[i] -= dy * mj;
      vz[i] -= dz * mj;
      vx[j] += dx * mi;
      vy[j] += dy * mi;
      vz[j] += dz * mi;
    }
  }
  for (let i = 0; i < BODIES; i++) {
    x[i] += dt * vx[i];
    y[i] += dt * vy[i];
    z[i] += dt * vz[i];
  }
}

const square = (a) => a * a;

function energy() {
  let sum = 0.0;
  for (let i = 0; i < BODIES; i++) {
    sum += 0.5 * mass[i] * (square(vx[i]) + square(vy[i]) + square(vz[i]));
    for (let j = i + 1; j < BODIES; j++) {
      sum -= (mass[i] * mass[j]) / Math.sqrt(square(x[i] - x[j]) + square(y[i] - y[j]) + square(z[i] - z[j]));
    }
  }
  return sum;
}

function simulate(steps) {
  restoreAll();
  offsetMomentum();
  for (let i = 0; i < steps; i++) advance(0.01);
  return energy();
}

measure(() => simulate(5000));
