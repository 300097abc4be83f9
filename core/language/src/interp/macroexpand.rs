//! Macros expanded for people to look at: forms to forms, with no meaning given to them.

use super::call;
use super::expand::core_form_names;
use crate::runtime::{ErrorKind, Outcome, Runtime, Symbol};
use crate::value::{offset, Kind, Value};

/// How many macros in a row may give a macro call.
const MOST: usize = 10_000;

/// Expand a macro call until it is none any more. What is no macro call stays as it is.
///
/// # Errors
/// What macros raise, and `syntax` if that does not come to an end.
pub fn macroexpand(runtime: &mut Runtime, form: Value, environment: Value) -> Outcome {
    Walk { runtime, environment, bound: Vec::new() }.outside(form)
}

/// Expand all macro calls in a form, wherever forms are evaluated in it.
///
/// # Errors
/// As [`macroexpand`]; and `stack-overflow` for forms too deeply nested.
pub fn expand_all(runtime: &mut Runtime, form: Value, environment: Value) -> Outcome {
    let base = runtime.roots.len();
    runtime.roots.extend([form, environment]);
    let result = Walk { runtime, environment, bound: Vec::new() }.inside(form);
    runtime.roots.truncate(base);
    result
}

/// A walk through forms.
struct Walk<'a> {
    runtime: &'a mut Runtime,
    environment: Value,
    /// Names that are lexically bound around the form, which hide macros and words of the language.
    bound: Vec<Symbol>,
}

impl Walk<'_> {
    /// The function of the macro that a form calls.
    fn macro_of(&mut self, form: Value) -> Option<Value> {
        let head = self.runtime.car(form);
        let mut value = head;
        if let Some(symbol) = self.runtime.as_symbol(head) {
            if self.bound.contains(&symbol) {
                return None;
            }
            let environment = self.runtime.as_environment(self.environment)?;
            let name = self.runtime.symbols.name(symbol).to_string();
            value = self.runtime.lookup(environment, &name)?;
        }
        self.runtime.is_kind(value, Kind::Form).then(|| self.runtime.field(value, offset::FORM_FUNCTION))
    }

    fn outside(&mut self, mut form: Value) -> Outcome {
        for _ in 0..MOST {
            let Some(function) = self.macro_of(form).filter(|_| form.is_pair()) else { return Ok(form) };
            let operands = self.runtime.cdr(form);
            let operands = self.runtime.list_to_vec(operands);
            form = call(self.runtime, function, &operands)?;
            self.runtime.roots.push(form);
        }
        Err(self.runtime.error(ErrorKind::Syntax, "macroexpand: the expansion does not come to an end", &[form]))
    }

    /// The name of the core form that a form is.
    fn core_form(&mut self, form: Value) -> Option<&'static str> {
        let symbol = self.runtime.as_symbol(self.runtime.car(form))?;
        let name = self.runtime.symbols.name(symbol).to_string();
        let environment = self.runtime.as_environment(self.environment)?;
        if self.bound.contains(&symbol) || self.runtime.lookup(environment, &name).is_some() {
            return None;
        }
        core_form_names().find(|known| *known == name)
    }

    fn inside(&mut self, form: Value) -> Outcome {
        super::expand::check_stack(self.runtime)?;
        call::poll(self.runtime)?;
        let form = self.outside(form)?;
        if !form.is_pair() {
            return Ok(form);
        }
        let count = self.bound.len();
        let result = match self.core_form(form).unwrap_or_default() {
            "quote" | "quasiquote" | "define-class" | "define-multimethod" | "define-selector" => Ok(form),
            "lambda" | "form" | "catch" => self.after(form, 1),
            "list-do" | "array-do" | "string-do" => self.after(form, 1),
            "define" | "define-constant" => self.definition(form, 1),
            "define-function" | "define-compilable" | "define-form" | "define-macro" => self.definition(form, 2),
            "define-method" => self.method(form),
            "let" | "let*" | "letrec" => self.bindings(form),
            "for" => self.counted(form),
            "cond" => self.clauses(form, 1, 0),
            "case" => self.clauses(form, 2, 1),
            "set" => self.assignment(form),
            _ => self.elements(form, 0, |walk, element| walk.inside(element)),
        };
        self.bound.truncate(count);
        result
    }

    /// A list like a form: its first elements as they are, of the others what a function makes of them.
    fn elements(&mut self, form: Value, kept: usize, mut each: impl FnMut(&mut Self, Value) -> Outcome) -> Outcome {
        let base = self.runtime.roots.len();
        let mut rest = form;
        while rest.is_pair() {
            let element = self.runtime.car(rest);
            let is_kept = self.runtime.roots.len() - base < kept;
            let mark = self.runtime.roots.len();
            let made = if is_kept { element } else { each(self, element)? };
            self.runtime.roots.truncate(mark);
            self.runtime.roots.push(made);
            rest = self.runtime.cdr(rest);
        }
        let elements = self.runtime.roots[base..].to_vec();
        let mut list = rest;
        for element in elements.into_iter().rev() {
            list = self.runtime.cons(element, list)?;
        }
        self.runtime.roots.truncate(base);
        self.runtime.roots.push(list);
        Ok(list)
    }

    /// Bind all names in a list of parameters, or a pattern.
    fn bind(&mut self, names: Value) {
        let mut open = vec![names];
        while let Some(names) = open.pop() {
            match self.runtime.as_symbol(names) {
                Some(symbol) => self.bound.push(symbol),
                None if names.is_pair() => open.extend([self.runtime.car(names), self.runtime.cdr(names)]),
                None => {}
            }
        }
    }

    /// A form whose operand at an index is what it binds for those behind.
    fn after(&mut self, form: Value, index: usize) -> Outcome {
        let names = self.element(form, index);
        self.bind(names);
        self.elements(form, index + 1, |walk, element| walk.inside(element))
    }

    fn element(&self, mut list: Value, index: usize) -> Value {
        for _ in 0..index {
            list = self.runtime.cdr(list);
        }
        self.runtime.car(list)
    }

    /// `(define (f a) …)`, or a name and, at an index behind it, parameters.
    fn definition(&mut self, form: Value, parameters: usize) -> Outcome {
        let target = self.element(form, 1);
        if target.is_pair() {
            let parameters = self.runtime.cdr(target);
            self.bind(parameters);
            return self.elements(form, 2, |walk, element| walk.inside(element));
        }
        match parameters {
            1 => self.elements(form, 2, |walk, element| walk.inside(element)),
            index => self.after(form, index),
        }
    }

    fn method(&mut self, form: Value) -> Outcome {
        let mut index = 2;
        while self.runtime.as_symbol(self.element(form, index)).is_some() {
            index += 1;
        }
        self.after(form, index)
    }

    fn bindings(&mut self, form: Value) -> Outcome {
        let name = self.element(form, 1);
        let index = if self.runtime.as_symbol(name).is_some() { 2 } else { 1 };
        let bindings = self.element(form, index);
        let bindings = self.elements(bindings, 0, |walk, binding| match binding.is_pair() {
            true => walk.elements(binding, 1, |walk, value| walk.inside(value)),
            false => Ok(binding),
        })?;
        if index == 2 {
            self.bind(name);
        }
        let mut rest = bindings;
        while rest.is_pair() {
            let binding = self.runtime.car(rest);
            let target = if binding.is_pair() { self.runtime.car(binding) } else { binding };
            self.bind(target);
            rest = self.runtime.cdr(rest);
        }
        self.replaced(form, index, bindings)
    }

    /// A form with another operand at an index, those behind it expanded.
    fn replaced(&mut self, form: Value, index: usize, operand: Value) -> Outcome {
        let mut at = 0;
        self.elements(form, 0, |walk, element| {
            at += 1;
            match at - 1 {
                here if here < index => Ok(element),
                here if here == index => Ok(operand),
                _ => walk.inside(element),
            }
        })
    }

    /// `(for (i from limit) …)`.
    fn counted(&mut self, form: Value) -> Outcome {
        let head = self.element(form, 1);
        let head = self.elements(head, 1, |walk, bound| walk.inside(bound))?;
        let name = self.runtime.car(head);
        self.bind(name);
        self.replaced(form, 1, head)
    }

    /// Lists of forms behind the first operands, each with so many elements that are none.
    fn clauses(&mut self, form: Value, first: usize, kept: usize) -> Outcome {
        let mut at = 0;
        self.elements(form, 1, |walk, clause| {
            at += 1;
            match at < first {
                true => walk.inside(clause),
                false => walk.elements(clause, kept, |walk, element| walk.inside(element)),
            }
        })
    }

    /// `(set (f a…) value)`: the place is no call.
    fn assignment(&mut self, form: Value) -> Outcome {
        let place = self.element(form, 1);
        let place = match place.is_pair() {
            true => self.elements(place, 1, |walk, element| walk.inside(element))?,
            false => place,
        };
        self.replaced(form, 1, place)
    }
}
