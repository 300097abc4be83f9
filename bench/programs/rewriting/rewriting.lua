-- Terms are symbols (strings) and lists with an operator: chains of { car, cdr } that end in nil. x and y in a rule stand
-- for any term.
local function cons(car, cdr) return { car = car, cdr = cdr } end

local function list(first, ...)
  if first == nil then return nil end
  return cons(first, list(...))
end

local rules = list(
  cons(list("plus", "zero", "x"), "x"),
  cons(list("plus", list("s", "x"), "y"), list("s", list("plus", "x", "y"))),
  cons(list("times", "zero", "x"), "zero"),
  cons(list("times", list("s", "x"), "y"), list("plus", "y", list("times", "x", "y"))),
  cons(list("factorial", "zero"), list("s", "zero")),
  cons(list("factorial", list("s", "x")), list("times", list("s", "x"), list("factorial", "x"))))

local function is_variable(term) return term == "x" or term == "y" end

-- The bindings extended by what makes the pattern the term, or "fail".
local function match(pattern, term, bindings)
  if bindings == "fail" then return "fail" end
  if is_variable(pattern) then return cons(cons(pattern, term), bindings) end
  if type(pattern) == "table" then
    if type(term) ~= "table" then return "fail" end
    return match(pattern.cdr, term.cdr, match(pattern.car, term.car, bindings))
  end
  if pattern ~= term then return "fail" end
  return bindings
end

local function lookup(name, bindings)
  while bindings.car.car ~= name do bindings = bindings.cdr end
  return bindings.car.cdr
end

local function substitute(term, bindings)
  if is_variable(term) then return lookup(term, bindings) end
  if type(term) == "table" then return cons(substitute(term.car, bindings), substitute(term.cdr, bindings)) end
  return term
end

local function map(f, l)
  if not l then return nil end
  return cons(f(l.car), map(f, l.cdr))
end

local normal_form

-- By the first rule that matches.
local function rewrite(term)
  local rest = rules
  while rest do
    local bindings = match(rest.car.car, term, nil)
    if bindings ~= "fail" then return normal_form(substitute(rest.car.cdr, bindings)) end
    rest = rest.cdr
  end
  return term
end

function normal_form(term)
  if type(term) ~= "table" then return term end
  return rewrite(cons(term.car, map(normal_form, term.cdr)))
end

local function value(term)
  local n = 0
  while type(term) == "table" do
    term = term.cdr.car
    n = n + 1
  end
  return n
end

local term = list("factorial", list("s", list("s", list("s", list("s", "zero")))))
measure(function() return value(normal_form(term)) end)
