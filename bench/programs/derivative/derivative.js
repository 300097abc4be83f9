// A list is a chain of pairs that ends in null; a symbol is a string.
class Pair {
  constructor(car, cdr) {
    this.car = car;
    this.cdr = cdr;
  }
}

const list = (...items) => items.reduceRight((rest, item) => new Pair(item, rest), null);

function map(f, l) {
  return l === null ? null : new Pair(f(l.car), map(f, l.cdr));
}

function quotientRule(factor) {
  return new Pair("/", new Pair(derivative(factor), new Pair(factor, null)));
}

function derivative(e) {
  if (!(e instanceof Pair)) return e === "x" ? 1 : 0;
  switch (e.car) {
    case "+":
    case "-":
      return new Pair(e.car, map(derivative, e.cdr));
    case "*":
      return new Pair("*", new Pair(e, new Pair(new Pair("+", map(quotientRule, e.cdr)), null)));
    default:
      throw new Error("not an expression");
  }
}

function countLeaves(e) {
  let leaves = 0;
  for (; e instanceof Pair; e = e.cdr) leaves += countLeaves(e.car);
  return e === null ? leaves : leaves + 1;
}

const expression = list("+", list("*", 3, "x", "x"), list("*", "a", "x", "x"), list("*", "b", "x"), 5);

measure(() => {
  let leaves = 0;
  for (let i = 0; i < 5000; i++) leaves += countLeaves(derivative(expression));
  return leaves;
});
