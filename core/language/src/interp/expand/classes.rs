//! Classes, selectors and multimethods.

use super::expression::Expression;
use super::form::{at_least, between};
use super::{Expander, FormContext};
use crate::runtime::Failure;
use crate::value::Value;

/// `(define-class <point3> <point> (z))`: defines the class, and a reader and a writer for each field.
pub(super) fn define_class(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let what = "define-class: a name, a base class or () and a list of fields are wanted";
    let operands = expander.operands(form, place, between(2, 3), what)?;
    let name = expander.runtime.car(operands);
    let symbol = expander.symbol(name, place, "define-class: the name must be a symbol")?;
    let operands = expander.runtime.cdr(operands);
    let operand = expander.operand(place);
    let base = expander.element_of(operands, operand)?;
    let fields = expander.element(operands, 1);
    let fields =
        expander.distinct_symbols(form, fields, place, "define-class: the fields must be a list of symbols")?;
    let class = expander.call_global("%make-class", vec![Expression::Constant(name), base, fields], place);
    let definition = Expression::Define(symbol, Box::new(class), false, place.position);
    let environment = expander.constant(expander.environment);
    let class = Expression::Global(symbol, place.position);
    let accessors = expander.call_global("%define-accessors", vec![class, environment], place);
    Ok(Expression::Sequence(vec![definition, accessors]))
}

/// `(define-selector area)`; with a default, `(define-selector area (other) body…)`, which is a method for all objects, or
/// `(define-selector area body)`, which takes any further arguments.
pub(super) fn define_selector(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let what = "define-selector: a name is wanted, and perhaps parameters and a default body";
    let operands = expander.operands(form, place, at_least(1), what)?;
    let name = expander.runtime.car(operands);
    let symbol = expander.symbol(name, place, "define-selector: the name must be a symbol")?;
    let selector = expander.call_global("%make-selector", vec![Expression::Constant(name)], place);
    let definition = Expression::Define(symbol, Box::new(selector), false, place.position);
    let default = expander.runtime.cdr(operands);
    if default.is_nil() {
        return Ok(definition);
    }
    let (parameters, body) = match expander.runtime.cdr(default) {
        body if body.is_nil() => (expander.runtime.intern_value("arguments")?, default),
        body => (expander.runtime.car(default), body),
    };
    let operand = expander.operand(place);
    let object = expander.global("<object>", operand);
    let method = expander.default_method(form, (symbol, name), parameters, body, object, place)?;
    Ok(Expression::Sequence(vec![definition, method]))
}

/// `(define-multimethod emit (insn arch port))` defines a multimethod without methods;
/// `(define-multimethod add ((<long> a) (<double> b)) body…)` a method of one, and the multimethod if need be.
pub(super) fn define_multimethod(
    expander: &mut Expander,
    form: Value,
    place: FormContext,
) -> Result<Expression, Failure> {
    let what = "define-multimethod: a name and a list of parameters are wanted";
    let operands = expander.operands(form, place, at_least(2), what)?;
    let name = expander.runtime.car(operands);
    let symbol = expander.symbol(name, place, "define-multimethod: the name must be a symbol")?;
    let operands = expander.runtime.cdr(operands);
    let (parameters, body) = (expander.runtime.car(operands), expander.runtime.cdr(operands));
    if expander.proper_length(parameters).is_none() {
        return Err(expander.malformed(form, place, what));
    }
    let names = expander.names_of_parameters(parameters)?;
    let constant = Expression::Constant(name);
    if names == parameters && body.is_nil() {
        let names = expander.distinct_symbols(form, names, place, what)?;
        let multimethod = expander.call_global("%make-multimethod", vec![constant, names], place);
        return Ok(Expression::Define(symbol, Box::new(multimethod), false, place.position));
    }
    let classes = expander.classes_of_parameters(form, parameters, place)?;
    let method = expander.method("define-multimethod", (symbol, name), names, body, place)?;
    let environment = expander.constant(expander.environment);
    let names = expander.constant(names);
    let multimethod = expander.call_global("%ensure-multimethod", vec![environment, constant, names], place);
    let definition = Expression::Define(symbol, Box::new(multimethod), false, place.position);
    let generic = Expression::Global(symbol, place.position);
    let method = expander.add_method(generic, classes, method, place);
    Ok(Expression::Sequence(vec![definition, method]))
}

impl Expander<'_> {
    /// A list of different symbols, as a constant.
    pub fn distinct_symbols(
        &mut self,
        form: Value,
        list: Value,
        place: FormContext,
        what: &str,
    ) -> Result<Expression, Failure> {
        if self.proper_length(list).is_none() {
            return Err(self.malformed(form, place, what));
        }
        let mut seen = rustc_hash::FxHashSet::default();
        for name in self.runtime.list_to_vec(list) {
            let Some(symbol) = self.runtime.as_symbol(name) else { return Err(self.malformed(form, place, what)) };
            if !seen.insert(symbol) {
                let message = format!("{}: {} twice", self.name_of(form), self.runtime.symbols.name(symbol));
                return Err(self.malformed(form, place, &message));
            }
        }
        Ok(self.constant(list))
    }

    /// The names in `((<long> a) b)`; the list itself if they are all it holds.
    fn names_of_parameters(&mut self, parameters: Value) -> Result<Value, Failure> {
        let names: Vec<Value> = self
            .runtime
            .list_to_vec(parameters)
            .into_iter()
            .map(|parameter| if parameter.is_pair() { self.element(parameter, 1) } else { parameter })
            .collect();
        if names == self.runtime.list_to_vec(parameters) {
            return Ok(parameters);
        }
        let names = self.runtime.list(&names)?;
        self.runtime.roots.push(names);
        Ok(names)
    }

    /// The classes in `((<long> a) (<double> b) c)`, up to the last parameter that has one.
    fn classes_of_parameters(
        &mut self,
        form: Value,
        parameters: Value,
        place: FormContext,
    ) -> Result<Vec<Expression>, Failure> {
        let operand = self.operand(place);
        let mut classes = Vec::new();
        let mut typed = 0;
        let mut rest = parameters;
        while rest.is_pair() {
            let parameter = self.runtime.car(rest);
            rest = self.runtime.cdr(rest);
            if !parameter.is_pair() {
                classes.push(self.global("<object>", operand));
                continue;
            }
            if self.proper_length(parameter) != Some(2) {
                let message = "define-multimethod: a parameter is a name, or a list of a class and a name";
                return Err(self.malformed(parameter, place, message));
            }
            classes.push(self.element_of(parameter, operand)?);
            typed = classes.len();
        }
        if typed == 0 {
            return Err(self.malformed(form, place, "define-multimethod: no parameter has a class"));
        }
        classes.truncate(typed);
        Ok(classes)
    }
}
