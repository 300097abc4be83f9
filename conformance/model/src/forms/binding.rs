//! Variables, functions, definitions.

use super::{malformed, name, named, operands};
use crate::environment::IsConstant;
use crate::interpret::{unknown, Here, Machine, Outcome, Step, Stop};
use crate::value::{Pair, Place, Symbol, Value};
use std::rc::Rc;

type Result<T = Step> = std::result::Result<T, Stop>;

/// One binding of a `let`: what is bound, the form, its place.
type Binding = (Value, Option<(Value, Place)>);

/// The bindings of `((x 1) (y) z)`.
fn bindings(list: &Value) -> Result<Vec<Binding>> {
    let (bindings, Value::Nil) = list.elements() else { return malformed("let") };
    let one = |binding: &Value| match binding {
        Value::Symbol(_) => Ok((binding.clone(), None)),
        Value::Pair(pair) => match &operands(pair)[..] {
            [] => Ok((binding.first(), None)),
            [form] => Ok((binding.first(), Some(form.clone()))),
            _ => malformed("let"),
        },
        _ => malformed("let"),
    };
    bindings.iter().map(one).collect()
}

/// The value of a binding's form; a function gets its name.
fn value(machine: &mut Machine, binding: &Binding, here: &Here) -> Outcome {
    let (target, Some((form, at))) = binding else { return Ok(Value::Nil) };
    let value = machine.evaluate(form, *at, here)?;
    if let Some(name) = target.as_symbol() {
        named(&value, form, name);
    }
    Ok(value)
}

pub fn let_(machine: &mut Machine, pair: &Pair, place: Place, here: &Here) -> Result {
    let rest = pair.rest.borrow().clone();
    if !matches!(rest, Value::Pair(_)) {
        return malformed("let");
    }
    if let Value::Symbol(loop_name) = rest.first() {
        return named_let(machine, &loop_name, &rest.rest(), place, here);
    }
    let mut variables = Vec::new();
    for binding in bindings(&rest.first())? {
        let value = value(machine, &binding, here)?;
        variables.push((name(&binding.0, "let")?, value));
    }
    machine.sequence(&rest.rest(), &here.with(variables))
}

/// `(let loop ((i 0)) body…)`: a local function, called at once.
fn named_let(machine: &mut Machine, loop_name: &Symbol, rest: &Value, place: Place, here: &Here) -> Result {
    let mut names = Vec::new();
    let mut arguments = Vec::new();
    for binding in bindings(&rest.first())? {
        names.push(Value::Symbol(name(&binding.0, "let")?));
        arguments.push(value(machine, &binding, here)?);
    }
    let inside = here.with(vec![(loop_name.clone(), Value::Nil)]);
    let function = machine.function(&Value::list(names), rest.rest(), &inside)?;
    *function.name.borrow_mut() = Some(loop_name.clone());
    let function = Value::Function(function);
    inside.assign(loop_name, &function);
    machine.call(&function, arguments, place)
}

pub fn let_star(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let rest = pair.rest.borrow().clone();
    let mut inside = here.clone();
    for binding in bindings(&rest.first())? {
        let value = value(machine, &binding, &inside)?;
        let mut variables = Vec::new();
        take_apart(&binding.0, value, &mut variables)?;
        inside = inside.with(variables);
    }
    machine.sequence(&rest.rest(), &inside)
}

/// Bind the names of a pattern to the parts of a value.
fn take_apart(pattern: &Value, value: Value, variables: &mut Vec<(Symbol, Value)>) -> Result<()> {
    match pattern {
        Value::Symbol(name) => variables.push((name.clone(), value)),
        Value::Nil => {}
        Value::Pair(_) => {
            take_apart(&pattern.first(), value.first(), variables)?;
            take_apart(&pattern.rest(), value.rest(), variables)?;
        }
        _ => return malformed("let*"),
    }
    Ok(())
}

pub fn letrec(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let rest = pair.rest.borrow().clone();
    let bindings = bindings(&rest.first())?;
    let mut variables = Vec::new();
    for binding in &bindings {
        variables.push((name(&binding.0, "letrec")?, Value::Nil));
    }
    let inside = here.with(variables.clone());
    for (binding, (name, _)) in bindings.iter().zip(&variables) {
        let value = value(machine, binding, &inside)?;
        inside.assign(name, &value);
    }
    machine.sequence(&rest.rest(), &inside)
}

pub fn lambda(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let rest = pair.rest.borrow().clone();
    if !matches!(rest, Value::Pair(_)) {
        return malformed("lambda");
    }
    let function = machine.function(&rest.first(), rest.rest(), here)?;
    Ok(Step::Value(Value::Function(function)))
}

/// Bind a name in the environment whose code runs.
fn bind(machine: &mut Machine, name: &Symbol, value: Value, constant: bool, place: Place, here: &Here) -> Result {
    match here.environment.define(name, value.clone(), constant) {
        Ok(()) => Ok(Step::Value(value)),
        Err(IsConstant) => machine.raise("type", vec![Value::Symbol(name.clone())], place),
    }
}

/// `(define x 1)`, `(define (f a) …)`.
pub fn define(machine: &mut Machine, pair: &Pair, place: Place, here: &Here) -> Result {
    let rest = pair.rest.borrow().clone();
    match rest.first() {
        Value::Symbol(name) => {
            let value = match &operands(pair)[1..] {
                [] => Value::Nil,
                [(form, at)] => {
                    let value = machine.evaluate(form, *at, here)?;
                    named(&value, form, &name);
                    value
                }
                _ => return malformed("define"),
            };
            bind(machine, &name, value, false, place, here)
        }
        head => {
            let function_name = name(&head.first(), "define")?;
            bind_function(machine, function_name, &head.rest(), rest.rest(), place, here)
        }
    }
}

pub fn define_function(machine: &mut Machine, pair: &Pair, place: Place, here: &Here) -> Result {
    let rest = pair.rest.borrow().clone();
    let function_name = name(&rest.first(), "define-function")?;
    bind_function(machine, function_name, &rest.rest().first(), rest.rest().rest(), place, here)
}

/// Bind a function to its own name.
fn bind_function(
    machine: &mut Machine,
    function_name: Symbol,
    parameters: &Value,
    body: Value,
    place: Place,
    here: &Here,
) -> Result {
    let function = machine.function(parameters, body, here)?;
    *function.name.borrow_mut() = Some(function_name.clone());
    bind(machine, &function_name, Value::Function(function), false, place, here)
}

pub fn define_constant(machine: &mut Machine, pair: &Pair, place: Place, here: &Here) -> Result {
    let [(target, _), (form, at)] = &operands(pair)[..] else { return malformed("define-constant") };
    let target = name(target, "define-constant")?;
    let value = machine.evaluate(form, *at, here)?;
    named(&value, form, &target);
    bind(machine, &target, value, true, place, here)
}

pub fn define_form(machine: &mut Machine, pair: &Pair, place: Place, here: &Here) -> Result {
    let rest = pair.rest.borrow().clone();
    let macro_name = name(&rest.first(), "define-form")?;
    let outside = Here { scope: None, environment: here.environment.clone() };
    let function = machine.function(&rest.rest().first(), rest.rest().rest(), &outside)?;
    *function.name.borrow_mut() = Some(macro_name.clone());
    bind(machine, &macro_name, Value::Macro(function), false, place, here)
}

pub fn set(machine: &mut Machine, pair: &Pair, place: Place, here: &Here) -> Result {
    let [(target, target_at), (form, at)] = &operands(pair)[..] else { return malformed("set") };
    if let Value::Pair(call) = target {
        // `(set (f a) v)` means `(set-f a v)`.
        let function = name(&call.first.borrow(), "set")?;
        let setter = Value::symbol(&format!("set-{function}"));
        let (mut elements, _) = call.rest.borrow().elements();
        elements.push(form.clone());
        return Ok(Step::Tail(Value::cons(setter, Value::list(elements)), place, here.clone()));
    }
    let variable = name(target, "set")?;
    if here.lexical(&variable).is_none() {
        if let Some((object, mut fields)) = machine.dotted(&variable, here) {
            let last = fields.pop().unwrap_or_else(|| Rc::from(""));
            let object = super::classes::field_path(machine, object, &fields, place)?;
            let value = machine.evaluate(form, *at, here)?;
            return super::classes::set_field(machine, object, &last, value, place).map(Step::Value);
        }
    }
    let value = machine.evaluate(form, *at, here)?;
    if here.assign(&variable, &value) {
        return Ok(Step::Value(value));
    }
    match here.environment.assign(&variable, value.clone()) {
        Ok(true) => Ok(Step::Value(value)),
        Ok(false) if (machine.is_bound)(&variable) => unknown(format!("{variable} is not modelled")),
        Ok(false) => machine.raise("unbound", vec![Value::Symbol(variable)], place.or(*target_at)),
        Err(IsConstant) => machine.raise("type", vec![Value::Symbol(variable)], place),
    }
}

pub fn with_environment(machine: &mut Machine, pair: &Pair, place: Place, here: &Here) -> Result {
    let [(form, at), ..] = &operands(pair)[..] else { return malformed("with-environment") };
    match machine.evaluate(form, *at, here)? {
        Value::Environment(environment) => {
            let inside = Here { scope: here.scope.clone(), environment };
            let value = machine.body(&pair.rest.borrow().rest(), &inside)?;
            Ok(Step::Value(value))
        }
        other => machine.raise("type", vec![other], place),
    }
}
