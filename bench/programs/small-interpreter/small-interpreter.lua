-- Expressions are numbers, symbols (strings) and lists: chains of { car, cdr } that end in nil. An environment is a list
-- of pairs of a name and a value.
local function cons(car, cdr) return { car = car, cdr = cdr } end

local function list(first, ...)
  if first == nil then return nil end
  return cons(first, list(...))
end

local function cadr(l) return l.cdr.car end
local function caddr(l) return l.cdr.cdr.car end
local function cadddr(l) return l.cdr.cdr.cdr.car end

local function lookup(name, environment)
  while environment do
    if environment.car.car == name then return environment.car.cdr end
    environment = environment.cdr
  end
  error("unbound: " .. name)
end

local function bind(names, values, environment)
  while names do
    environment = cons(cons(names.car, values.car), environment)
    names, values = names.cdr, values.cdr
  end
  return environment
end

local evaluate

local function evaluate_all(expressions, environment)
  if not expressions then return nil end
  local value = evaluate(expressions.car, environment)
  return cons(value, evaluate_all(expressions.cdr, environment))
end

local function evaluate_operation(expression, environment)
  local left, right = evaluate(cadr(expression), environment), evaluate(caddr(expression), environment)
  local operator = expression.car
  if operator == "+" then return left + right end
  if operator == "-" then return left - right end
  if operator == "*" then return left * right end
  return left < right
end

local function call(closure, values)
  return evaluate(caddr(closure), bind(cadr(closure), values, cadddr(closure)))
end

function evaluate(expression, environment)
  local kind = type(expression)
  if kind == "number" then return expression end
  if kind == "string" then return lookup(expression, environment) end
  local operator = expression.car
  if operator == "lambda" then
    return cons("closure", cons(cadr(expression), cons(caddr(expression), cons(environment, nil))))
  elseif operator == "if" then
    if evaluate(cadr(expression), environment) then return evaluate(caddr(expression), environment) end
    return evaluate(cadddr(expression), environment)
  elseif operator == "let" then
    local value = evaluate(caddr(expression), environment)
    return evaluate(cadddr(expression), cons(cons(cadr(expression), value), environment))
  elseif operator == "+" or operator == "-" or operator == "*" or operator == "<" then
    return evaluate_operation(expression, environment)
  end
  return call(evaluate(operator, environment), evaluate_all(expression.cdr, environment))
end

local program = list(
  "let", "fib",
  list("lambda", list("self", "n"),
    list("if", list("<", "n", 2), "n",
      list("+", list("self", "self", list("-", "n", 1)), list("self", "self", list("-", "n", 2))))),
  list("let", "square", list("lambda", list("x"), list("*", "x", "x")),
    list("square", list("fib", "fib", 17))))

measure(function() return evaluate(program, nil) end)
