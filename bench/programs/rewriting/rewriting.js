// Terms are symbols (strings) and lists with an operator: chains of pairs that end in null. x and y in a rule stand for
// any term.
class Pair {
  constructor(car, cdr) {
    this.car = car;
    this.cdr = cdr;
  }
}

const list = (...items) => items.reduceRight((rest, item) => new Pair(item, rest), null);

const rules = [
  [list("plus", "zero", "x"), "x"],
  [list("plus", list("s", "x"), "y"), list("s", list("plus", "x", "y"))],
  [list("times", "zero", "x"), "zero"],
  [list("times", list("s", "x"), "y"), list("plus", "y", list("times", "x", "y"))],
  [list("factorial", "zero"), list("s", "zero")],
  [list("factorial", list("s", "x")), list("times", list("s", "x"), list("factorial", "x"))],
].reduceRight((rest, [left, right]) => new Pair(new Pair(left, right), rest), null);

const isVariable = (term) => term === "x" || term === "y";

// The bindings extended by what makes the pattern the term, or "fail".
function match(pattern, term, bindings) {
  if (bindings === "fail") return "fail";
  if (isVariable(pattern)) return new Pair(new Pair(pattern, term), bindings);
  if (pattern instanceof Pair) {
    if (!(term instanceof Pair)) return "fail";
    return match(pattern.cdr, term.cdr, match(pattern.car, term.car, bindings));
  }
  return pattern === term ? bindings : "fail";
}

function lookup(name, bindings) {
  while (bindings.car.car !== name) bindings = bindings.cdr;
  return bindings.car.cdr;
}

function substitute(term, bindings) {
  if (isVariable(term)) return lookup(term, bindings);
  if (term instanceof Pair) return new Pair(substitute(term.car, bindings), substitute(term.cdr, bindings));
  return term;
}

const map = (f, l) => (l === null ? null : new Pair(f(l.car), map(f, l.cdr)));

function normalForm(term) {
  return term instanceof Pair ? rewrite(new Pair(term.car, map(normalForm, term.cdr)), rules) : term;
}

// By the first rule that matches.
function rewrite(term, rules) {
  for (; rules !== null; rules = rules.cdr) {
    const bindings = match(rules.car.car, term, null);
    if (bindings !== "fail") return normalForm(substitute(rules.car.cdr, bindings));
  }
  return term;
}

function value(term) {
  let n = 0;
  for (; term instanceof Pair; term = term.cdr.car) n++;
  return n;
}

const term = list("factorial", list("s", list("s", list("s", list("s", "zero")))));
measure(() => value(normalForm(term)));
