//! Forms that could be macros: `cond`, `case`, loops over collections. Being built in, they need no names that a
//! program could shadow lexically.

use super::core_forms::{or_else, thunk};
use super::expression::{Expression, VariableState};
use super::form::at_least;
use super::scope::Bound;
use super::{Expander, FormContext};
use crate::runtime::Failure;
use crate::value::Value;

/// `(when test body…)`.
pub(super) fn when(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let (condition, body) = test_and_body(expander, form, place, "when: a test is wanted")?;
    Ok(Expression::branch(condition, body, Expression::NIL))
}

/// `(unless test body…)`.
pub(super) fn unless(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let (condition, body) = test_and_body(expander, form, place, "unless: a test is wanted")?;
    Ok(Expression::branch(condition, Expression::NIL, body))
}

fn test_and_body(
    expander: &mut Expander,
    form: Value,
    place: FormContext,
    what: &str,
) -> Result<(Expression, Expression), Failure> {
    let operands = expander.operands(form, place, at_least(1), what)?;
    let test = expander.test(place);
    let condition = expander.element_of(operands, test)?;
    let body = expander.runtime.cdr(operands);
    Ok((condition, expander.body(body, place)?))
}

/// A clause of a `cond`, expanded.
enum Clause {
    /// `(test)`.
    Value(Expression),
    /// `(test body…)`, or `(test => function)`.
    Branch(Vec<Expression>, Expression, Expression),
}

/// `(cond (test body…) (test => function) (test) (else body…))`.
pub(super) fn cond(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let mut rest = expander.operands(form, place, at_least(0), "")?;
    let mut clauses = Vec::new();
    let mut otherwise = Expression::NIL;
    while rest.is_pair() {
        let clause = expander.runtime.car(rest);
        let at = FormContext { position: expander.position_of(clause, place.position), ..place };
        rest = expander.runtime.cdr(rest);
        if !clause.is_pair() || expander.proper_length(clause).is_none() {
            return Err(expander.malformed(clause, at, "cond: a clause is a list of a test and a body"));
        }
        let head = expander.runtime.car(clause);
        if expander.is_else(head) {
            if rest.is_pair() {
                return Err(expander.malformed(clause, at, "cond: else must come last"));
            }
            let body = expander.runtime.cdr(clause);
            otherwise = expander.body(body, at)?;
            break;
        }
        clauses.push(cond_clause(expander, clause, at)?);
    }
    Ok(clauses.into_iter().rev().fold(otherwise, |otherwise, clause| match clause {
        Clause::Value(value) => or_else(value, otherwise, place),
        Clause::Branch(before, condition, then) => {
            let mut expressions = before;
            expressions.push(Expression::branch(condition, then, otherwise));
            Expression::sequence(expressions)
        }
    }))
}

fn cond_clause(expander: &mut Expander, clause: Value, place: FormContext) -> Result<Clause, Failure> {
    let body = expander.runtime.cdr(clause);
    if body.is_nil() {
        // A clause that is not the last one is never in tail position: what follows depends on its value.
        let operand = FormContext { condition: place.condition, ..expander.operand(place) };
        return expander.element_of(clause, operand).map(Clause::Value);
    }
    let arrow = expander.runtime.car(body);
    if expander.is_symbol(arrow, "=>") && !expander.is_lexical(arrow) {
        if expander.proper_length(body) != Some(2) {
            return Err(expander.malformed(clause, place, "cond: one function is wanted after =>"));
        }
        let operand = expander.operand(place);
        let value = expander.element_of(clause, operand)?;
        let variable = VariableState::new(Value::NIL);
        let function = expander.runtime.cdr(body);
        let function = expander.element_of(function, operand)?;
        let call = Expression::call(function, vec![Expression::of(&variable)], place.position);
        let before = vec![Expression::bind(&variable, value)];
        return Ok(Clause::Branch(before, Expression::of(&variable), call));
    }
    let test = expander.test(place);
    let condition = expander.element_of(clause, test)?;
    Ok(Clause::Branch(Vec::new(), condition, expander.body(body, place)?))
}

/// `(case key (datum body…) ((datum…) body…) (else body…))`: data are compared by `=`.
pub(super) fn case(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(1), "case: a key is wanted")?;
    let operand = expander.operand(place);
    let key = expander.element_of(operands, operand)?;
    let variable = VariableState::new(Value::NIL);
    let mut branches = Vec::new();
    let mut otherwise = Expression::NIL;
    let mut rest = expander.runtime.cdr(operands);
    while rest.is_pair() {
        let clause = expander.runtime.car(rest);
        let at = FormContext { position: expander.position_of(clause, place.position), ..place };
        rest = expander.runtime.cdr(rest);
        if !clause.is_pair() || expander.proper_length(clause).is_none() {
            return Err(expander.malformed(clause, at, "case: a clause is a list of data and a body"));
        }
        let data = expander.runtime.car(clause);
        let body = expander.runtime.cdr(clause);
        if expander.is_else(data) {
            if rest.is_pair() {
                return Err(expander.malformed(clause, at, "case: else must come last"));
            }
            otherwise = expander.body(body, at)?;
            break;
        }
        let data = if data.is_pair() { data } else { expander.runtime.list(&[data])? };
        expander.runtime.roots.push(data);
        if expander.proper_length(data).is_none() {
            return Err(expander.malformed(clause, at, "case: the data are no proper list"));
        }
        let mut tests = Vec::new();
        for datum in expander.runtime.list_to_vec(data) {
            let datum = expander.constant(datum);
            tests.push(expander.call_global("=", vec![Expression::of(&variable), datum], at));
        }
        let last = tests.pop().unwrap_or(Expression::NIL);
        let yes = || Expression::Constant(Value::TRUE);
        let test = tests.into_iter().rev().fold(last, |next, test| Expression::branch(test, yes(), next));
        branches.push((test, expander.body(body, at)?));
    }
    let dispatch =
        branches.into_iter().rev().fold(otherwise, |next, (test, body)| Expression::branch(test, body, next));
    Ok(Expression::Sequence(vec![Expression::bind(&variable, key), dispatch]))
}

/// `(for (i from limit [step]) body…)`: `i` runs from `from` up to, not including, `limit`; down, if the step is
/// negative. The body may assign `i`; all turns share it.
pub(super) fn for_(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let what = "for: a list of a variable, its first value, a limit and perhaps a step is wanted";
    let (head, body) = expander.head(form, place, what)?;
    let at = FormContext { position: expander.position_of(head, place.position), ..expander.operand(place) };
    if !matches!(expander.proper_length(head), Some(3 | 4)) {
        return Err(expander.malformed(head, at, what));
    }
    let name = expander.runtime.car(head);
    let symbol = expander.symbol(name, at, "for: the variable must be a symbol")?;
    let (counter, limit, step) =
        (VariableState::new(name), VariableState::new(Value::NIL), VariableState::new(Value::NIL));
    let operands = expander.runtime.cdr(head);
    let mut expressions = vec![Expression::bind(&counter, expander.element_of(operands, at)?)];
    let operands = expander.runtime.cdr(operands);
    expressions.push(Expression::bind(&limit, expander.element_of(operands, at)?));
    let operands = expander.runtime.cdr(operands);
    let step_value =
        if operands.is_nil() { Expression::Constant(Value::fixnum(1)) } else { expander.element_of(operands, at)? };
    let counter_and_limit = || vec![Expression::of(&counter), Expression::of(&limit)];
    let up = expander.call_global("<", counter_and_limit(), at);
    let down = expander.call_global(">", counter_and_limit(), at);
    let (condition, step) = match step_value {
        Expression::Constant(value) if value.is_fixnum() => {
            (if value.as_fixnum() < Some(0) { down } else { up }, Expression::Constant(value))
        }
        other => {
            expressions.push(Expression::bind(&step, other));
            let arguments = vec![Expression::of(&step), Expression::Constant(Value::fixnum(0))];
            let negative = expander.call_global("<", arguments, at);
            (Expression::branch(negative, down, up), Expression::of(&step))
        }
    };
    let mark = expander.scope.enter();
    expander.scope.bind(symbol, counter.clone());
    let inner = expander.operand(place);
    let body = expander.body(body, inner);
    expander.scope.leave(mark);
    let next = expander.call_global("+", vec![Expression::of(&counter), step], at);
    let turn = vec![body?, Expression::set(&counter, next)];
    let turns = Expression::While(Box::new(condition), Box::new(Expression::sequence(turn)), place.position);
    expressions.push(turns);
    Ok(Expression::Sequence(expressions))
}

/// `(list-do x list body…)`: each turn has an `x` of its own.
pub(super) fn list_do(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let rest = VariableState::new(Value::NIL);
    let of_rest = |expander: &mut Expander, name: &str, place: FormContext| {
        expander.call_global(name, vec![Expression::of(&rest)], place)
    };
    let at = expander.operand(place);
    let test = of_rest(expander, "pair?", at);
    let element = of_rest(expander, "car", at);
    let next = of_rest(expander, "cdr", at);
    let (list, body) = collection(expander, form, place, element, Expression::set(&rest, next))?;
    let turns = Expression::While(Box::new(test), Box::new(body), place.position);
    Ok(Expression::Sequence(vec![Expression::bind(&rest, list), turns]))
}

/// `(array-do x array body…)`.
pub(super) fn array_do(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    indexed(expander, form, place, "array-length", "array-at")
}

/// `(string-do c string body…)`.
pub(super) fn string_do(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    indexed(expander, form, place, "string-length", "string-at")
}

/// A loop over what has a length, which is asked for at each turn, and elements by index.
fn indexed(
    expander: &mut Expander,
    form: Value,
    place: FormContext,
    length: &str,
    at: &str,
) -> Result<Expression, Failure> {
    let (sequence, index) = (VariableState::new(Value::NIL), VariableState::new(Value::NIL));
    let operand = expander.operand(place);
    let length = expander.call_global(length, vec![Expression::of(&sequence)], operand);
    let test = expander.call_global("<", vec![Expression::of(&index), length], operand);
    let element = vec![Expression::of(&sequence), Expression::of(&index)];
    let element = expander.call_global(at, element, operand);
    let next = vec![Expression::of(&index), Expression::Constant(Value::fixnum(1))];
    let next = expander.call_global("+", next, operand);
    let (value, body) = collection(expander, form, place, element, Expression::set(&index, next))?;
    let turns = Expression::While(Box::new(test), Box::new(body), place.position);
    let zero = Expression::Constant(Value::fixnum(0));
    Ok(Expression::Sequence(vec![Expression::bind(&sequence, value), Expression::bind(&index, zero), turns]))
}

/// `(name x collection body…)`: the collection, and a turn of the loop, in which `x` (or a pattern) is bound to the
/// element, then the body follows, then the loop advances. (So the body may change the rest of the collection.)
fn collection(
    expander: &mut Expander,
    form: Value,
    place: FormContext,
    element: Expression,
    advance: Expression,
) -> Result<(Expression, Expression), Failure> {
    let name = expander.name_of(form);
    let wanted = format!("{name}: a variable and a collection are wanted");
    let operands = expander.operands(form, place, at_least(2), &wanted)?;
    let operand = expander.operand(place);
    let target = expander.runtime.car(operands);
    let rest = expander.runtime.cdr(operands);
    let value = expander.element_of(rest, operand)?;
    let (mut turn, mut variables) = (Vec::new(), Bound::default());
    expander.destructure(&name, target, element, operand, &mut turn, &mut variables)?;
    let mark = expander.scope.enter();
    variables.into_iter().for_each(|(name, variable)| expander.scope.bind(name, variable));
    let forms = expander.runtime.cdr(rest);
    let body = expander.body(forms, operand);
    expander.scope.leave(mark);
    turn.push(body?);
    turn.push(advance);
    Ok((value, Expression::sequence(turn)))
}

/// `(with-output-to-string body…)`.
pub(super) fn with_output_to_string(
    expander: &mut Expander,
    form: Value,
    place: FormContext,
) -> Result<Expression, Failure> {
    let body = expander.operands(form, place, at_least(0), "")?;
    let body = thunk(expander, body, place)?;
    Ok(expander.call_global("call-with-output-to-string", vec![body], place))
}

/// `(with-output-to-file path body…)`.
pub(super) fn with_output_to_file(
    expander: &mut Expander,
    form: Value,
    place: FormContext,
) -> Result<Expression, Failure> {
    output_to_file(expander, "with-output-to-file", form, place)
}

/// `(with-binary-output-to-file path body…)`.
pub(super) fn with_binary_output_to_file(
    expander: &mut Expander,
    form: Value,
    place: FormContext,
) -> Result<Expression, Failure> {
    output_to_file(expander, "with-binary-output-to-file", form, place)
}

fn output_to_file(expander: &mut Expander, name: &str, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(1), &format!("{name}: a path is wanted"))?;
    let operand = expander.operand(place);
    let path = expander.element_of(operands, operand)?;
    let body = expander.runtime.cdr(operands);
    let body = thunk(expander, body, place)?;
    Ok(expander.call_global(&name.replacen("with", "call-with", 1), vec![path, body], place))
}

impl Expander<'_> {
    /// Whether a form is the word `else` of a clause.
    fn is_else(&self, form: Value) -> bool {
        self.is_symbol(form, "else") && !self.is_lexical(form)
    }
    /// Whether a symbol is lexically bound.
    fn is_lexical(&self, symbol: Value) -> bool {
        self.runtime.as_symbol(symbol).is_some_and(|symbol| self.scope.find(symbol).is_some())
    }
}
