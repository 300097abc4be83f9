// Expressions are numbers, symbols (strings) and lists: chains of pairs that end in null. An environment is a list of
// pairs of a name and a value.
class Pair {
  constructor(car, cdr) {
    this.car = car;
    this.cdr = cdr;
  }
}

const list = (...items) => items.reduceRight((rest, item) => new Pair(item, rest), null);
const cadr = (l) => l.cdr.car, caddr = (l) => l.cdr.cdr.car, cadddr = (l) => l.cdr.cdr.cdr.car;

function lookup(name, environment) {
  for (; environment !== null; environment = environment.cdr) {
    if (environment.car.car === name) return environment.car.cdr;
  }
  throw new Error(`unbound: ${name}`);
}

function bind(names, values, environment) {
  for (; names !== null; names = names.cdr, values = values.cdr) {
    environment = new Pair(new Pair(names.car, values.car), environment);
  }
  return environment;
}

function evaluateAll(expressions, environment) {
  if (expressions === null) return null;
  const value = evaluate(expressions.car, environment);
  return new Pair(value, evaluateAll(expressions.cdr, environment));
}

function evaluate(expression, environment) {
  if (typeof expression === "number") return expression;
  if (typeof expression === "string") return lookup(expression, environment);
  switch (expression.car) {
    case "lambda":
      return list("closure", cadr(expression), caddr(expression), environment);
    case "if":
      return evaluate(cadr(expression), environment)
        ? evaluate(caddr(expression), environment)
        : evaluate(cadddr(expression), environment);
    case "let": {
      const value = evaluate(caddr(expression), environment);
      return evaluate(cadddr(expression), new Pair(new Pair(cadr(expression), value), environment));
    }
    case "+":
    case "-":
    case "*":
    case "<":
      return evaluateOperation(expression, environment);
    default:
      return call(evaluate(expression.car, environment), evaluateAll(expression.cdr, environment));
  }
}

function evaluateOperation(expression, environment) {
  const left = evaluate(cadr(expression), environment), right = evaluate(caddr(expression), environment);
  switch (expression.car) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    default:
      return left < right;
  }
}

function call(closure, values) {
  return evaluate(caddr(closure), bind(cadr(closure), values, cadddr(closure)));
}

const program = list(
  "let", "fib",
  list("lambda", list("self", "n"),
    list("if", list("<", "n", 2), "n",
      list("+", list("self", "self", list("-", "n", 1)), list("self", "self", list("-", "n", 2))))),
  list("let", "square", list("lambda", list("x"), list("*", "x", "x")),
    list("square", list("fib", "fib", 17))));

measure(() => evaluate(program, null));
