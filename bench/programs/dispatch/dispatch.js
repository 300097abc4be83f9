class Shape {}

class Circle extends Shape {
  constructor(radius) {
    super();
    this.radius = radius;
  }
  area() {
    return 3 * (this.radius * this.radius);
  }
}

class Square extends Shape {
  constructor(side) {
    super();
    this.side = side;
  }
  area() {
    return this.side * this.side;
  }
}

class Rectangle extends Shape {
  constructor(width, height) {
    super();
    this.width = width;
    this.height = height;
  }
  area() {
    return this.width * this.height;
  }
}

function makeShape(seed) {
  const kind = seed % 3, size = 1 + (seed % 10);
  if (kind === 0) return new Circle(size);
  if (kind === 1) return new Square(size);
  return new Rectangle(size, size + 1);
}

function makeShapes(n) {
  const shapes = [];
  for (let i = 0, seed = 17; i < n; i++, seed = (seed * 421 + 1663) % 7875) shapes.push(makeShape(seed));
  return shapes;
}

function totalArea(shapes, n, passes) {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let i = 0; i < n; i++) sum += shapes[i].area();
  }
  return sum;
}

const shapes = makeShapes(1000);
measure(() => totalArea(shapes, 1000, 100));
