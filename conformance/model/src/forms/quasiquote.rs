//! Templates.

use super::operands;
use crate::interpret::{Here, Machine, Outcome, Step, Stop};
use crate::primitives::lists;
use crate::value::{Pair, Place, Value};

pub fn quasiquote(machine: &mut Machine, pair: &Pair, place: Place, here: &Here) -> Result<Step, Stop> {
    let [(template, _)] = &operands(pair)[..] else { return super::malformed("quasiquote") };
    fill(machine, template, 1, place, here).map(Step::Value)
}

/// `(word form)`.
fn marked(template: &Value, word: &str) -> Option<(Value, Place)> {
    let Value::Pair(pair) = template else { return None };
    if !pair.first.borrow().is_symbol(word) {
        return None;
    }
    match &operands(pair)[..] {
        [(form, at)] => Some((form.clone(), *at)),
        _ => None,
    }
}

fn fill(machine: &mut Machine, template: &Value, level: u32, place: Place, here: &Here) -> Outcome {
    let Value::Pair(pair) = template else { return Ok(template.clone()) };
    if let Some((form, at)) = marked(template, "unquote") {
        if level == 1 {
            return machine.evaluate(&form, at, here);
        }
        let inner = fill(machine, &form, level - 1, place, here)?;
        return Ok(Value::list([Value::symbol("unquote"), inner]));
    }
    if let Some((form, _)) = marked(template, "quasiquote") {
        let inner = fill(machine, &form, level + 1, place, here)?;
        return Ok(Value::list([Value::symbol("quasiquote"), inner]));
    }
    let first = pair.first.borrow().clone();
    if let Some((form, at)) = marked(&first, "unquote-splicing") {
        if level > 1 {
            return crate::interpret::unknown("nested splicing");
        }
        let spliced = machine.evaluate(&form, at, here)?;
        let rest = fill(machine, &pair.rest.borrow().clone(), level, place, here)?;
        return lists::append(machine, &[spliced, rest], place);
    }
    let first = fill(machine, &first, level, place, here)?;
    let rest = fill(machine, &pair.rest.borrow().clone(), level, place, here)?;
    Ok(Value::cons(first, rest))
}
