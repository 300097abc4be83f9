//! Definitions, which always bind in the environment, and `set`.

use super::access::Access;
use super::expression::Expression;
use super::form::{at_least, between};
use super::{Expander, FormContext};
use crate::runtime::{Failure, Symbol};
use crate::value::Value;

/// `(define name value)`, `(define (f a) body…)`.
pub(super) fn define(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(1), "define: a name is wanted")?;
    let target = expander.runtime.car(operands);
    if target.is_pair() {
        return define_by_pattern(expander, "define", target, operands, place).map(|(_, definition)| definition);
    }
    variable(expander, "define", form, false, place)
}

/// `(define-constant name value)`.
pub(super) fn define_constant(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    variable(expander, "define-constant", form, true, place)
}

fn variable(
    expander: &mut Expander,
    what: &str,
    form: Value,
    constant: bool,
    place: FormContext,
) -> Result<Expression, Failure> {
    let wanted = format!("{what}: a name and one value are wanted");
    let operands = expander.operands(form, place, between(1, 2), &wanted)?;
    let name = expander.runtime.car(operands);
    let symbol = expander.symbol(name, place, &format!("{what}: the name must be a symbol"))?;
    let value = expander.runtime.cdr(operands);
    let operand = expander.operand(place).named(name);
    let value = if value.is_nil() { Expression::NIL } else { expander.element_of(value, operand)? };
    Ok(Expression::Define(symbol, Box::new(value), constant, place.position))
}

/// `(define-function f (a) body…)`.
pub(super) fn define_function(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    function(expander, "define-function", form, place).map(|(_, definition)| definition)
}

/// `(define-compilable f (a) body…)`: the function is marked once it is defined.
pub(super) fn define_compilable(
    expander: &mut Expander,
    form: Value,
    place: FormContext,
) -> Result<Expression, Failure> {
    let (name, definition) = function(expander, "define-compilable", form, place)?;
    let name = Expression::Constant(name);
    let environment = expander.constant(expander.environment);
    let mark = expander.call_global("mark-compilable", vec![name, environment], place);
    Ok(Expression::Sequence(vec![definition, mark]))
}

/// `(define-form f (a . b) body…)`, `(define-form (f a . b) body…)`: the function gets the operands unevaluated.
pub(super) fn define_form(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let what = expander.name_of(form);
    let (_, definition) = function(expander, &what, form, place)?;
    Ok(match definition {
        Expression::Define(symbol, function, constant, position) => {
            let form = expander.call_global("make-form", vec![*function], place);
            Expression::Define(symbol, Box::new(form), constant, position)
        }
        other => other,
    })
}

/// A function definition with the parameters behind the name or in a list with it. Its name, and the definition.
fn function(
    expander: &mut Expander,
    what: &str,
    form: Value,
    place: FormContext,
) -> Result<(Value, Expression), Failure> {
    let wanted = format!("{what}: a name, parameters and a body are wanted");
    let operands = expander.operands(form, place, at_least(1), &wanted)?;
    let name = expander.runtime.car(operands);
    if name.is_pair() {
        return define_by_pattern(expander, what, name, operands, place);
    }
    let symbol = expander.symbol(name, place, &format!("{what}: the name must be a symbol"))?;
    let rest = expander.runtime.cdr(operands);
    if rest.is_nil() {
        return Err(expander.malformed(form, place, &wanted));
    }
    let parameters = expander.runtime.car(rest);
    let body = expander.runtime.cdr(rest);
    define_named(expander, what, (symbol, name), parameters, body, place)
}

/// `((f a . b) body…)`.
fn define_by_pattern(
    expander: &mut Expander,
    what: &str,
    pattern: Value,
    operands: Value,
    place: FormContext,
) -> Result<(Value, Expression), Failure> {
    let name = expander.runtime.car(pattern);
    let symbol = expander.symbol(name, place, &format!("{what}: the function's name must be a symbol"))?;
    let parameters = expander.runtime.cdr(pattern);
    let body = expander.runtime.cdr(operands);
    define_named(expander, what, (symbol, name), parameters, body, place)
}

fn define_named(
    expander: &mut Expander,
    what: &str,
    (symbol, name): (Symbol, Value),
    parameters: Value,
    body: Value,
    place: FormContext,
) -> Result<(Value, Expression), Failure> {
    let function = expander.function(what, name, parameters, body, place)?;
    Ok((name, Expression::Define(symbol, Box::new(function), false, place.position)))
}

/// `(set variable value)`; `(set (f a…) value)` is `(set-f a… value)`.
pub(super) fn set(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, between(2, 2), "set: a place and a value are wanted")?;
    let target = expander.runtime.car(operands);
    if target.is_pair() {
        return set_by_function(expander, form, target, operands, place);
    }
    let symbol = expander.symbol(target, place, "set: the place must be a variable or a call")?;
    let operand = expander.operand(place).named(target);
    let value = expander.runtime.cdr(operands);
    let value = expander.element_of(value, operand)?;
    Ok(match expander.scope.find(symbol) {
        Some(variable) => Expression::set(&variable.clone(), value),
        None => match expander.split_access(symbol, place) {
            Some(Access::Field(object, field)) => expander.call_global("%set-field", vec![object, field, value], place),
            Some(Access::Unknown(name, environment)) => {
                expander.call_global("%set-variable-or-field", vec![name, environment, value], place)
            }
            None => Expression::SetGlobal(symbol, Box::new(value), place.position),
        },
    })
}

fn set_by_function(
    expander: &mut Expander,
    form: Value,
    target: Value,
    operands: Value,
    place: FormContext,
) -> Result<Expression, Failure> {
    let head = expander.runtime.car(target);
    let what = "set: the place must be a variable, or a call of a function by its name";
    let symbol = expander.symbol(head, place, what)?;
    let arguments = expander.runtime.cdr(target);
    if expander.proper_length(arguments).is_none() {
        return Err(expander.malformed(form, place, "set: the place is no proper list"));
    }
    let setter = format!("set-{}", expander.runtime.symbols.name(symbol));
    let mut call = expander.runtime.cdr(operands);
    // The list is built backwards; the forms in it are reachable through the form, their copies through `call`.
    for argument in expander.runtime.list_to_vec(arguments).into_iter().rev() {
        call = expander.runtime.cons(argument, call)?;
    }
    let setter = expander.runtime.intern_value(&setter)?;
    let call = expander.runtime.cons(setter, call)?;
    expander.runtime.roots.push(call);
    let symbol_position = place.position;
    expander.runtime.positions.insert(call.address() as u64, symbol_position);
    expander.expand(call, place)
}
