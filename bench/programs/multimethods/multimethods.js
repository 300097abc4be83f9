// Double dispatch: the first argument's method sends its own class to the second argument.
class Body {
  constructor(size) {
    this.size = size;
  }
  collide(b) {
    return b.hitByBody(this);
  }
  hitByBody(a) {
    return a.size + this.size;
  }
  hitByAsteroid(a) {
    return this.hitByBody(a);
  }
  hitByShip(a) {
    return this.hitByBody(a);
  }
}

class Asteroid extends Body {
  collide(b) {
    return b.hitByAsteroid(this);
  }
  hitByShip(a) {
    return this.size - a.shield;
  }
}

class Ship extends Body {
  constructor(size, shield) {
    super(size);
    this.shield = shield;
  }
  collide(b) {
    return b.hitByShip(this);
  }
  hitByAsteroid(a) {
    return a.size - this.shield;
  }
  hitByShip(a) {
    return a.shield + this.shield;
  }
}

function makeBody(seed) {
  const kind = seed % 3, size = 1 + (seed % 10);
  if (kind === 0) return new Body(size);
  if (kind === 1) return new Asteroid(size);
  return new Ship(size, size + 5);
}

function makeBodies(n) {
  const bodies = [];
  for (let i = 0, seed = 17; i < n; i++, seed = (seed * 421 + 1663) % 7875) bodies.push(makeBody(seed));
  return bodies;
}

function collisions(bodies, n, passes) {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let i = 0; i < n; i++) {
      const a = bodies[i];
      for (let j = 0; j < n; j++) sum += a.collide(bodies[j]);
    }
  }
  return sum;
}

const bodies = makeBodies(100);
measure(() => collisions(bodies, 100, 10));
