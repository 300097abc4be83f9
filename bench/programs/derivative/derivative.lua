-- A list is a chain of { car, cdr } that ends in nil; a symbol is a string.
local function cons(car, cdr) return { car = car, cdr = cdr } end

local function list(first, ...)
  if first == nil then return nil end
  return cons(first, list(...))
end

local function map(f, l)
  if not l then return nil end
  return cons(f(l.car), map(f, l.cdr))
end

local derivative

local function quotient_rule(factor) return cons("/", cons(derivative(factor), cons(factor, nil))) end

function derivative(e)
  if type(e) ~= "table" then return e == "x" and 1 or 0 end
  local operator = e.car
  if operator == "+" or operator == "-" then return cons(operator, map(derivative, e.cdr)) end
  if operator == "*" then return cons("*", cons(e, cons(cons("+", map(quotient_rule, e.cdr)), nil))) end
  error("not an expression")
end

local function count_leaves(e)
  local leaves = 0
  while type(e) == "table" do
    leaves = leaves + count_leaves(e.car)
    e = e.cdr
  end
  return e == nil and leaves or leaves + 1
end

local expression = list("+", list("*", 3, "x", "x"), list("*", "a", "x", "x"), list("*", "b", "x"), 5)

measure(function()
  local leaves = 0
  for _ = 1, 5000 do leaves = leaves + count_leaves(derivative(expression)) end
  return leaves
end)
