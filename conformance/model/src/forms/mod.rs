//! The language's own forms: what looks like a call but is none.

mod binding;
pub mod classes;
mod control;
mod quasiquote;

use crate::interpret::{unknown, Here, Machine, Step, Stop};
use crate::value::{Pair, Place, Symbol, Value};

/// Evaluates one form: the pair that it is, its place.
pub type Form = fn(&mut Machine, &Pair, Place, &Here) -> Result<Step, Stop>;

/// The form of this name.
pub fn find(name: &str) -> Option<Form> {
    Some(match name {
        "quote" => |_, pair, _, _| Ok(Step::Value(pair.rest.borrow().first())),
        "quasiquote" => quasiquote::quasiquote,
        "if" => control::if_,
        "progn" | "begin" => |machine, pair, _, here| machine.sequence(&pair.rest.borrow().clone(), here),
        "while" => |machine, pair, _, here| control::repeat(machine, pair, here, true),
        "until" => |machine, pair, _, here| control::repeat(machine, pair, here, false),
        "and" => control::and,
        "or" => control::or,
        "when" => |machine, pair, _, here| control::guarded(machine, pair, here, true),
        "unless" => |machine, pair, _, here| control::guarded(machine, pair, here, false),
        "cond" => control::cond,
        "case" => control::case,
        "for" => control::for_,
        "list-do" => control::list_do,
        "array-do" => control::array_do,
        "string-do" => control::string_do,
        "try" => control::try_,
        "with-output-to-string" => control::with_output_to_string,
        "push" => control::push,
        "pop" => control::pop,
        "incr" => |machine, pair, place, here| control::changed(machine, pair, place, here, "+"),
        "decr" => |machine, pair, place, here| control::changed(machine, pair, place, here, "-"),
        "let" => binding::let_,
        "let*" => binding::let_star,
        "letrec" => binding::letrec,
        "lambda" => binding::lambda,
        "define" | "define-compilable" => binding::define,
        "define-function" => binding::define_function,
        "define-constant" => binding::define_constant,
        "define-form" | "define-macro" => binding::define_form,
        "set" => binding::set,
        "with-environment" => binding::with_environment,
        "current-environment" => |_, _, _, here| Ok(Step::Value(Value::Environment(here.environment.clone()))),
        "define-class" => classes::define_class,
        "define-selector" => classes::define_selector,
        "define-multimethod" => classes::define_multimethod,
        "define-method" => classes::define_method,
        // What the model has not learned.
        "catch" | "finally" | "form" | "unquote" | "unquote-splicing" | "with-output-to-file" => no_opinion,
        _ => return None,
    })
}

fn no_opinion(_: &mut Machine, pair: &Pair, _: Place, _: &Here) -> Result<Step, Stop> {
    unknown(format!("the form {:?}", pair.first.borrow().as_symbol()))
}

/// The forms behind the head, each with its place.
pub fn operands(pair: &Pair) -> Vec<(Value, Place)> {
    let mut all = Vec::new();
    let mut rest = pair.rest.borrow().clone();
    while let Value::Pair(pair) = rest {
        all.push((pair.first.borrow().clone(), pair.first_place));
        rest = pair.rest.borrow().clone();
    }
    all
}

/// A form that the model's programs do not have in this shape: the expander may refuse it.
pub fn malformed<T>(name: &str) -> Result<T, Stop> {
    unknown(format!("an unusual {name}"))
}

/// The name that is to be bound.
pub fn name(value: &Value, form: &str) -> Result<Symbol, Stop> {
    match value.as_symbol() {
        Some(name) => Ok(name.clone()),
        None => malformed(form),
    }
}

/// A function that a form makes has the name that the form gives it, if it has no other.
pub fn named(value: &Value, form: &Value, name: &Symbol) {
    if let Value::Function(function) = value {
        if form.first().is_symbol("lambda") {
            function.name.borrow_mut().get_or_insert_with(|| name.clone());
        }
    }
}
