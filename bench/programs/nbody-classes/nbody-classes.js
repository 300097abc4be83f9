const SOLAR_MASS = 39.47841760435743, DAYS_PER_YEAR = 365.24;

class Body {
  constructor(x, y, z, vx, vy, vz, mass) {
    this.x = x;
    this.y = y;
    this.z = z;
    this.vx = vx * DAYS_PER_YEAR;
    this.vy = vy * DAYS_PER_YEAR;
    this.vz = vz * DAYS_PER_YEAR;
    this.mass = mass * SOLAR_MASS;
  }
}

// The sun first, and the planets outwards.
const makeBodies = () => [
  new Body(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
  new Body(4.841431442464721, -1.1603200440274284, -0.10362204447112311, 0.001660076642744037, 0.007699011184197404, -6.90460016972063e-05, 0.0009547919384243266),
  new Body(8.34336671824458, 4.124798564124305, -0.4035234171143214, -0.00276742510726411, 0.004998528012349172, 2.3041729757376393e-05, 0.0002858859806661308),
  new Body(12.894369562139131, -15.111151401698631, -0.22330757889265573, 0.002964601375647616, 0.0023784717395948095, -2.9658956854023756e-05, 4.366244043351563e-05),
  new Body(15.379697114850917, -25.919314609987964, 0.17925877295037118, 0.0026806777249038932, 0.001628241700382423, -9.515922545197159e-05, 5.1513890204661145e-05),
];

// The sun gets the speed that brings all to rest together.
function offsetMomentum(bodies) {
  let px = 0.0, py = 0.0, pz = 0.0;
  for (const body of bodies) {
    px += body.vx * body.mass;
    py += body.vy * body.mass;
    pz += body.vz * body.mass;
  }
  const sun = bodies[0];
  sun.vx = 0.0 - px / SOLAR_MASS;
  sun.vy = 0.0 - py / SOLAR_MASS;
  sun.vz = 0.0 - pz / SOLAR_MASS;
}

// Two bodies attract each other for a time.
function attract(a, b, dt) {
  const dx = a.x - b.x, dy = a.y - b.y, dz = a.z - b.z;
  const square = dx * dx + dy * dy + dz * dz;
  const magnitude = dt / (square * Math.sqrt(square));
  const ma = a.mass * magnitude, mb = b.mass * magnitude;
  a.vx -= dx * mb;
  a.vy -= dy * mb;
  a.vz -= dz * mb;
  b.vx += dx * ma;
  b.vy += dy * ma;
  b.vz += dz * ma;
}

function move(body, dt) {
  body.x += dt * body.vx;
  body.y += dt * body.vy;
  body.z += dt * body.vz;
}

function advance(bodies, dt) {
  for (let i = 0; i < bodies.length; i++) {
    for (let j = i + 1; j < bodies.length; j++) attract(bodies[i], bodies[j], dt);
  }
  for (const body of bodies) move(body, dt);
}

function kineticEnergy(body) {
  return 0.5 * body.mass * (body.vx * body.vx + body.vy * body.vy + body.vz * body.vz);
}

function potentialEnergy(a, b) {
  const dx = a.x - b.x, dy = a.y - b.y, dz = a.z - b.z;
  return (a.mass * b.mass) / Math.sqrt(dx * dx + dy * dy + dz * dz);
}

function energy(bodies) {
  let sum = 0.0;
  for (let i = 0; i < bodies.length; i++) {
    sum += kineticEnergy(bodies[i]);
    for (let j = i + 1; j < bodies.length; j++) sum -= potentialEnergy(bodies[i], bodies[j]);
  }
  return sum;
}

function simulate(steps) {
  const bodies = makeBodies();
  offsetMomentum(bodies);
  for (let i = 0; i < steps; i++) advance(bodies, 0.01);
  return energy(bodies);
}

measure(() => simulate(5000));
