//! The table of core forms, and the forms that are simplest to expand.
//!
//! A name in the table means its core form where it is neither lexically bound nor bound in the environment.

use super::expression::{Expression, Function, Try, VariableState, WithEnvironment};
use super::form::{at_least, between};
use super::{binding, classes, definition, derived, methods, quasiquote, Expander, FormContext};
use crate::runtime::Failure;
use crate::value::Value;
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// Expands a form of its kind, in a place whose position is the form's.
pub(super) type CoreForm = fn(&mut Expander, Value, FormContext) -> Result<Expression, Failure>;

/// All core forms, the derived ones among them.
const CORE_FORMS: &[(&str, CoreForm)] = &[
    ("quote", quote),
    ("quasiquote", quasiquote::quasiquote),
    ("unquote", quasiquote::stray),
    ("unquote-splicing", quasiquote::stray),
    ("if", if_),
    ("progn", progn),
    ("begin", progn),
    ("while", while_),
    ("until", until),
    ("and", and),
    ("or", or),
    ("try", try_),
    ("catch", stray_clause),
    ("finally", stray_clause),
    ("with-environment", with_environment),
    ("current-environment", current_environment),
    ("let", binding::let_),
    ("let*", binding::let_star),
    ("letrec", binding::letrec),
    ("lambda", binding::lambda),
    ("form", binding::form),
    ("define", definition::define),
    ("define-function", definition::define_function),
    ("define-constant", definition::define_constant),
    ("define-compilable", definition::define_compilable),
    ("define-form", definition::define_form),
    ("define-macro", definition::define_form),
    ("set", definition::set),
    ("define-class", classes::define_class),
    ("define-selector", classes::define_selector),
    ("define-multimethod", classes::define_multimethod),
    ("define-method", methods::define_method),
    ("call-next-method", methods::call_next_method),
    ("super", methods::call_next_method),
    ("cond", derived::cond),
    ("case", derived::case),
    ("when", derived::when),
    ("unless", derived::unless),
    ("for", derived::for_),
    ("list-do", derived::list_do),
    ("array-do", derived::array_do),
    ("string-do", derived::string_do),
    ("with-output-to-string", derived::with_output_to_string),
    ("with-output-to-file", derived::with_output_to_file),
    ("with-binary-output-to-file", derived::with_binary_output_to_file),
];

/// The core form with a name.
pub(super) fn find(name: &str) -> Option<CoreForm> {
    static TABLE: OnceLock<FxHashMap<&'static str, CoreForm>> = OnceLock::new();
    TABLE.get_or_init(|| CORE_FORMS.iter().copied().collect()).get(name).copied()
}

/// Names of all core forms.
pub fn names() -> impl Iterator<Item = &'static str> {
    CORE_FORMS.iter().map(|(name, _)| *name)
}

/// Whether a primitive's last parameter is an environment that the expander provides where it is missing.
pub(super) fn takes_environment(name: &str) -> bool {
    matches!(name, "eval" | "load" | "require" | "defined?" | "compile-now" | "macroexpand" | "expand")
}

/// `(quote datum)`.
fn quote(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, between(1, 1), "quote: one datum is wanted")?;
    let datum = expander.runtime.car(operands);
    Ok(expander.constant(datum))
}

/// `(if condition then else…)`.
fn if_(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let what = "if: a condition and a form for when it holds are wanted";
    let operands = expander.operands(form, place, at_least(2), what)?;
    let test = expander.test(place);
    let condition = expander.element_of(operands, test)?;
    let operands = expander.runtime.cdr(operands);
    let then = expander.element_of(operands, place)?;
    let otherwise = expander.runtime.cdr(operands);
    let otherwise = expander.body(otherwise, place)?;
    Ok(Expression::branch(condition, then, otherwise))
}

/// `(progn form…)`.
fn progn(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let forms = expander.operands(form, place, at_least(0), "")?;
    expander.body(forms, place)
}

/// `(while test body…)`.
fn while_(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(1), "while: a test is wanted")?;
    let test = expander.test(place);
    let condition = expander.element_of(operands, test)?;
    turns(expander, condition, operands, place)
}

/// `(current-environment)`: the environment that the form is expanded in.
fn current_environment(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    expander.operands(form, place, between(0, 0), "current-environment: takes nothing")?;
    let environment = expander.environment;
    Ok(expander.constant(environment))
}

/// `(until test body…)`.
fn until(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(1), "until: a test is wanted")?;
    let test = expander.test(place);
    let condition = expander.element_of(operands, test)?;
    let condition = Expression::branch(condition, Expression::NIL, Expression::Constant(Value::TRUE));
    turns(expander, condition, operands, place)
}

/// A loop whose body follows its test in a list.
fn turns(
    expander: &mut Expander,
    condition: Expression,
    operands: Value,
    place: FormContext,
) -> Result<Expression, Failure> {
    let operand = expander.operand(place);
    let body = expander.runtime.cdr(operands);
    let body = expander.body(body, operand)?;
    Ok(Expression::While(Box::new(condition), Box::new(body), place.position))
}

/// `(and form…)`: the first nil, or the last value.
fn and(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let mut rest = expander.operands(form, place, at_least(0), "")?;
    if rest.is_nil() {
        return Ok(Expression::Constant(Value::TRUE));
    }
    let test = expander.test(place);
    let mut tests = Vec::new();
    loop {
        let next = expander.runtime.cdr(rest);
        if !next.is_pair() {
            break;
        }
        tests.push(expander.element_of(rest, test)?);
        rest = next;
    }
    let last = expander.element_of(rest, place)?;
    Ok(tests.into_iter().rev().fold(last, |then, test| Expression::branch(test, then, Expression::NIL)))
}

/// `(or form…)`: the first value that is not nil, or the last one.
fn or(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let mut rest = expander.operands(form, place, at_least(0), "")?;
    let operand = FormContext { condition: place.condition, ..expander.operand(place) };
    let mut tests = Vec::new();
    if rest.is_nil() {
        return Ok(Expression::NIL);
    }
    loop {
        let next = expander.runtime.cdr(rest);
        if !next.is_pair() {
            break;
        }
        tests.push(expander.element_of(rest, operand)?);
        rest = next;
    }
    let last = expander.element_of(rest, place)?;
    Ok(tests.into_iter().rev().fold(last, |otherwise, test| or_else(test, otherwise, place)))
}

/// A value unless it is nil, in which case another one. Where only the truth matters, no variable is needed.
pub(super) fn or_else(value: Expression, otherwise: Expression, place: FormContext) -> Expression {
    if place.condition {
        return Expression::branch(value, Expression::Constant(Value::TRUE), otherwise);
    }
    let variable = VariableState::new(Value::NIL);
    Expression::Sequence(vec![
        Expression::bind(&variable, value),
        Expression::branch(Expression::of(&variable), Expression::of(&variable), otherwise),
    ])
}

/// `(try body… (catch (e) handler…) (finally form…))`.
fn try_(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(0), "")?;
    let operand = expander.operand(place);
    let mut body = Vec::new();
    let mut catch = None;
    let mut finally = None;
    let mut rest = operands;
    while rest.is_pair() {
        let clause = expander.runtime.car(rest);
        let head = expander.runtime.car(clause);
        let at = FormContext { position: expander.position_of(clause, place.position), ..operand };
        if expander.is_symbol(head, "catch") {
            if catch.is_some() || finally.is_some() {
                return Err(expander.malformed(clause, at, "try: one catch is allowed, in front of finally"));
            }
            catch = Some(catch_clause(expander, clause, at)?);
        } else if expander.is_symbol(head, "finally") {
            if finally.is_some() {
                return Err(expander.malformed(clause, at, "try: one finally is allowed"));
            }
            let forms = expander.operands(clause, at, at_least(0), "")?;
            finally = Some(expander.body(forms, at)?);
        } else if catch.is_some() || finally.is_some() {
            return Err(expander.malformed(clause, at, "try: catch and finally come last"));
        } else {
            body.push(expander.element_of(rest, operand)?);
        }
        rest = expander.runtime.cdr(rest);
    }
    let body = Expression::sequence(body);
    Ok(Expression::Try(Box::new(Try { body, catch, finally, position: place.position })))
}

/// `(catch (e) handler…)`.
fn catch_clause(
    expander: &mut Expander,
    clause: Value,
    place: FormContext,
) -> Result<(super::Variable, Expression), Failure> {
    let what = "catch: a list of one variable is wanted, then what to do";
    let operands = expander.operands(clause, place, at_least(1), what)?;
    let parameters = expander.runtime.car(operands);
    let name = expander.runtime.car(parameters);
    if expander.proper_length(parameters) != Some(1) {
        return Err(expander.malformed(clause, place, what));
    }
    let symbol = expander.symbol(name, place, "catch: the variable must be a symbol")?;
    let mark = expander.scope.enter();
    let variable = VariableState::new(name);
    expander.scope.bind(symbol, variable.clone());
    let forms = expander.runtime.cdr(operands);
    let handler = expander.body(forms, place);
    expander.scope.leave(mark);
    Ok((variable, handler?))
}

fn stray_clause(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let name = expander.name_of(form);
    Err(expander.malformed(form, place, &format!("{name}: this stands at the end of a try only")))
}

/// `(with-environment environment form…)`: the forms are expanded when they are reached.
fn with_environment(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let what = "with-environment: an environment is wanted";
    let operands = expander.operands(form, place, at_least(1), what)?;
    let operand = expander.operand(place);
    let environment = expander.element_of(operands, operand)?;
    let forms = expander.runtime.cdr(operands);
    expander.runtime.roots.push(forms);
    let variables = expander.scope.visible();
    for variable in &variables {
        // What the forms will do with it is not known.
        let uses = &variable.looping.references;
        uses.set(uses.get() + 1);
        variable.assigned.set(true);
    }
    let position = place.position;
    Ok(Expression::WithEnvironment(Box::new(WithEnvironment { environment, forms, variables, position })))
}

/// A function of no arguments.
pub(super) fn thunk(expander: &mut Expander, forms: Value, place: FormContext) -> Result<Expression, Failure> {
    let body = expander.operand(place);
    let body = expander.body(forms, body)?;
    let function = Function::new(Value::NIL, Vec::new(), None, body, place.position);
    Ok(Expression::Lambda(Box::new(function)))
}
