//! Conditions, loops, handlers.

use super::{malformed, name, operands};
use crate::interpret::{unknown, Here, Machine, Outcome, Step, Stop};
use crate::primitives::{self, compare};
use crate::value::{Pair, Place, Value};

type Result<T = Step> = std::result::Result<T, Stop>;

pub fn if_(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let [(test, at), (then, then_at), rest @ ..] = &operands(pair)[..] else { return malformed("if") };
    if machine.evaluate(test, *at, here)?.is_true() {
        return Ok(Step::Tail(then.clone(), *then_at, here.clone()));
    }
    match rest {
        [] => Ok(Step::Value(Value::Nil)),
        _ => machine.sequence(&pair.rest.borrow().rest().rest(), here),
    }
}

/// `when` and `unless`.
pub fn guarded(machine: &mut Machine, pair: &Pair, here: &Here, wanted: bool) -> Result {
    let [(test, at), ..] = &operands(pair)[..] else { return malformed("when") };
    match machine.evaluate(test, *at, here)?.is_true() == wanted {
        true => machine.sequence(&pair.rest.borrow().rest(), here),
        false => Ok(Step::Value(Value::Nil)),
    }
}

pub fn and(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let operands = operands(pair);
    let Some(((last, last_at), before)) = operands.split_last() else { return Ok(Step::Value(Value::True)) };
    for (form, at) in before {
        if !machine.evaluate(form, *at, here)?.is_true() {
            return Ok(Step::Value(Value::Nil));
        }
    }
    Ok(Step::Tail(last.clone(), *last_at, here.clone()))
}

pub fn or(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let operands = operands(pair);
    let Some(((last, last_at), before)) = operands.split_last() else { return Ok(Step::Value(Value::Nil)) };
    for (form, at) in before {
        let value = machine.evaluate(form, *at, here)?;
        if value.is_true() {
            return Ok(Step::Value(value));
        }
    }
    Ok(Step::Tail(last.clone(), *last_at, here.clone()))
}

pub fn cond(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    for (clause, clause_at) in operands(pair) {
        let Value::Pair(clause) = &clause else { return malformed("cond") };
        let test = clause.first.borrow().clone();
        let body = clause.rest.borrow().clone();
        if test.is_symbol("else") && here.lexical("else").is_none() {
            return machine.sequence(&body, here);
        }
        let value = machine.evaluate(&test, clause.first_place, here)?;
        if !value.is_true() {
            continue;
        }
        if body.first().is_symbol("=>") && here.lexical("=>").is_none() {
            let [_, (receiver, receiver_at)] = &operands(clause)[..] else { return malformed("cond") };
            let function = machine.evaluate(receiver, *receiver_at, here)?;
            return machine.call(&function, vec![value], clause_at);
        }
        return match body {
            Value::Nil => Ok(Step::Value(value)),
            body => machine.sequence(&body, here),
        };
    }
    Ok(Step::Value(Value::Nil))
}

pub fn case(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let [(key, at), clauses @ ..] = &operands(pair)[..] else { return malformed("case") };
    if clauses.iter().any(|(clause, _)| !matches!(clause, Value::Pair(_))) {
        return malformed("case");
    }
    let key = machine.evaluate(key, *at, here)?;
    for (clause, _) in clauses {
        let keys = clause.first();
        let mut found = keys.is_symbol("else") && here.lexical("else").is_none();
        let wanted = if matches!(keys, Value::Pair(_)) { keys.elements().0 } else { vec![keys] };
        for wanted in &wanted {
            found = found || compare::is_equal_value(&key, wanted)?;
        }
        if found {
            return machine.sequence(&clause.rest(), here);
        }
    }
    Ok(Step::Value(Value::Nil))
}

/// `while` and `until`.
pub fn repeat(machine: &mut Machine, pair: &Pair, here: &Here, wanted: bool) -> Result {
    let [(test, at), ..] = &operands(pair)[..] else { return malformed("while") };
    while machine.evaluate(test, *at, here)?.is_true() == wanted {
        machine.spend(1)?;
        machine.body(&pair.rest.borrow().rest(), here)?;
    }
    Ok(Step::Value(Value::Nil))
}

/// `(for (i from to [step]) body…)`: one variable for all turns; the limits are evaluated once.
pub fn for_(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let [(head, _), ..] = &operands(pair)[..] else { return malformed("for") };
    let Value::Pair(head) = head else { return malformed("for") };
    let limits = operands(head);
    if !(2..=3).contains(&limits.len()) {
        return malformed("for");
    }
    let variable = name(&head.first.borrow(), "for")?;
    let mut values = Vec::new();
    for (form, at) in &limits {
        values.push(machine.evaluate(form, *at, here)?);
    }
    let step = values.get(2).cloned().unwrap_or_else(|| Value::integer(1));
    let place = None;
    let down = primitives::call(machine, "<", &[step.clone(), Value::integer(0)], place)?.is_true();
    let inside = here.with(vec![(variable.clone(), values[0].clone())]);
    loop {
        let counter = inside.lexical(&variable).unwrap_or(Value::Nil);
        let ends = [counter, values[1].clone()];
        if !primitives::call(machine, if down { ">" } else { "<" }, &ends, place)?.is_true() {
            return Ok(Step::Value(Value::Nil));
        }
        machine.spend(1)?;
        machine.body(&pair.rest.borrow().rest(), &inside)?;
        let counter = inside.lexical(&variable).unwrap_or(Value::Nil);
        let next = primitives::call(machine, "+", &[counter, step.clone()], place)?;
        inside.assign(&variable, &next);
    }
}

/// The variable, the collection's value and the body of `(list-do x list body…)`.
fn each(machine: &mut Machine, pair: &Pair, here: &Here) -> Result<(crate::value::Symbol, Value, Value)> {
    let [(variable, _), (collection, at), ..] = &operands(pair)[..] else { return malformed("list-do") };
    let collection = machine.evaluate(collection, *at, here)?;
    Ok((name(variable, "list-do")?, collection, pair.rest.borrow().rest().rest()))
}

pub fn list_do(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let (variable, mut list, body) = each(machine, pair, here)?;
    while let Value::Pair(_) = &list {
        machine.spend(1)?;
        machine.body(&body, &here.with(vec![(variable.clone(), list.first())]))?;
        list = list.rest();
    }
    Ok(Step::Value(Value::Nil))
}

pub fn array_do(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let (variable, array, body) = each(machine, pair, here)?;
    let Value::Array(elements) = array else { return unknown("array-do of something else") };
    let mut at = 0;
    while at < elements.borrow().len() {
        let element = elements.borrow()[at].clone();
        machine.body(&body, &here.with(vec![(variable.clone(), element)]))?;
        at += 1;
    }
    Ok(Step::Value(Value::Nil))
}

pub fn string_do(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let (variable, string, body) = each(machine, pair, here)?;
    let Value::Text(characters) = string else { return unknown("string-do of something else") };
    let mut at = 0;
    while at < characters.borrow().len() {
        let character = Value::integer(characters.borrow()[at] as u32);
        machine.body(&body, &here.with(vec![(variable.clone(), character)]))?;
        at += 1;
    }
    Ok(Step::Value(Value::Nil))
}

/// `(try body… (catch (e) …) (finally …))`.
pub fn try_(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let mut forms = operands(pair);
    let is = |form: Option<&(Value, Place)>, word: &str| form.is_some_and(|(form, _)| form.first().is_symbol(word));
    let finally = is(forms.last(), "finally").then(|| forms.pop()).flatten();
    let catch = is(forms.last(), "catch").then(|| forms.pop()).flatten();
    if forms.iter().any(|form| is(Some(form), "catch") || is(Some(form), "finally")) {
        return malformed("try");
    }
    let depth = machine.depth();
    let captures = machine.output.len();
    let mut outcome = attempt(machine, &forms, here);
    if let (Err(Stop::Raised(error)), Some((clause, _))) = (&outcome, &catch) {
        machine.rewind(depth, captures);
        let variable = name(&clause.rest().first().first(), "catch")?;
        let inside = here.with(vec![(variable, error.clone())]);
        outcome = machine.body(&clause.rest().rest(), &inside);
    }
    if let Some((clause, _)) = finally {
        if !matches!(outcome, Err(Stop::NoOpinion(_))) {
            machine.rewind(depth, captures);
            machine.body(&clause.rest(), here)?;
        }
    }
    outcome.map(Step::Value)
}

fn attempt(machine: &mut Machine, forms: &[(Value, Place)], here: &Here) -> Outcome {
    let mut value = Value::Nil;
    for (form, at) in forms {
        value = machine.evaluate(form, *at, here)?;
    }
    Ok(value)
}

pub fn with_output_to_string(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    machine.output.push(String::new());
    machine.body(&pair.rest.borrow().clone(), here)?;
    let text = machine.output.pop().unwrap_or_default();
    Ok(Step::Value(Value::text(&text)))
}

/// `(set place value)` as a form, evaluated.
fn assign(machine: &mut Machine, target: Value, value: Value, place: Place, here: &Here) -> Outcome {
    let quoted = Value::list([Value::symbol("quote"), value]);
    machine.evaluate(&Value::list([Value::symbol("set"), target, quoted]), place, here)
}

pub fn push(machine: &mut Machine, pair: &Pair, place: Place, here: &Here) -> Result {
    let [(list, list_at), (element, element_at)] = &operands(pair)[..] else { return malformed("push") };
    let element = machine.evaluate(element, *element_at, here)?;
    let old = machine.evaluate(list, *list_at, here)?;
    assign(machine, list.clone(), Value::cons(element, old), place, here).map(Step::Value)
}

pub fn pop(machine: &mut Machine, pair: &Pair, place: Place, here: &Here) -> Result {
    let [(list, at)] = &operands(pair)[..] else { return malformed("pop") };
    let first = machine.evaluate(list, *at, here)?.first();
    let rest = machine.evaluate(list, *at, here)?.rest();
    assign(machine, list.clone(), rest, place, here)?;
    Ok(Step::Value(first))
}

/// `incr` and `decr`.
pub fn changed(machine: &mut Machine, pair: &Pair, place: Place, here: &Here, operator: &'static str) -> Result {
    let [(target, at), amount @ ..] = &operands(pair)[..] else { return malformed("incr") };
    let old = machine.evaluate(target, *at, here)?;
    let by = match amount {
        [(amount, at), ..] => machine.evaluate(amount, *at, here)?,
        [] => Value::integer(1),
    };
    let new = primitives::call(machine, operator, &[old, by], place)?;
    assign(machine, target.clone(), new, place, here).map(Step::Value)
}
