//! Classes, methods, and `object.field`.

use super::expression::Expression;
use super::form::{at_least, between};
use super::{Expander, FormContext};
use crate::runtime::classes::generic;
use crate::runtime::{Failure, Symbol};
use crate::value::{Kind, Value};

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

/// `(define-selector area)`.
pub(super) fn define_selector(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, between(1, 1), "define-selector: a name is wanted")?;
    let name = expander.runtime.car(operands);
    let symbol = expander.symbol(name, place, "define-selector: the name must be a symbol")?;
    let selector = expander.call_global("%make-selector", vec![Expression::Constant(name)], place);
    Ok(Expression::Define(symbol, Box::new(selector), false, place.position))
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
    let function = expander.function("define-multimethod", name, names, body, place)?;
    let environment = expander.constant(expander.environment);
    let names = expander.constant(names);
    let multimethod = expander.call_global("%ensure-multimethod", vec![environment, constant, names], place);
    let definition = Expression::Define(symbol, Box::new(multimethod), false, place.position);
    let generic = Expression::Global(symbol, place.position);
    let classes = expander.call_global("list", classes, place);
    let method = expander.call_global("%add-method", vec![generic, classes, function], place);
    Ok(Expression::Sequence(vec![definition, method]))
}

/// `(define-method emit <ir-add> <machine> (port) body…)`: one argument is dispatched on for each class in front of the
/// parameters. The first is `self`, the others have the names that the multimethod gave them.
pub(super) fn define_method(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let what = "define-method: a selector, classes and a list of parameters are wanted";
    let operands = expander.operands(form, place, at_least(3), what)?;
    let name = expander.runtime.car(operands);
    let symbol = expander.symbol(name, place, "define-method: the selector's name must be a symbol")?;
    let operand = expander.operand(place);
    let selector = expander.element_of(operands, operand)?;
    let mut classes = Vec::new();
    let mut rest = expander.runtime.cdr(operands);
    let most = expander.most_classes(symbol);
    while classes.len() < most && expander.runtime.as_symbol(expander.runtime.car(rest)).is_some() {
        classes.push(expander.element_of(rest, operand)?);
        rest = expander.runtime.cdr(rest);
    }
    let parameters = expander.runtime.car(rest);
    let bare = expander.runtime.as_symbol(parameters).map(|name| expander.runtime.symbols.name(name).to_string());
    if bare.as_ref().is_some_and(|name| name.starts_with('<') && name.ends_with('>')) {
        let message = format!("define-method: more classes than {} chooses by", expander.runtime.symbols.name(symbol));
        return Err(expander.malformed(form, place, &message));
    }
    if classes.is_empty() || !rest.is_pair() || !(parameters.is_pair() || parameters.is_nil() || bare.is_some()) {
        return Err(expander.malformed(form, place, what));
    }
    let parameters = expander.method_parameters(form, symbol, classes.len(), parameters, place)?;
    let body = expander.runtime.cdr(rest);
    let function = expander.function("define-method", name, parameters, body, place)?;
    let classes = expander.call_global("list", classes, place);
    Ok(expander.call_global("%add-method", vec![selector, classes, function], place))
}

impl Expander<'_> {
    /// How many classes a method of a selector or multimethod can name. A symbol after so many is the name of the list
    /// of all further arguments.
    fn most_classes(&mut self, selector: Symbol) -> usize {
        let Some(value) = self.global_value(selector) else { return usize::MAX };
        match self.runtime.kind(value) {
            Some(Kind::Selector) => 1,
            Some(Kind::Generic) => generic(self.runtime, value).map_or(usize::MAX, |generic| generic.parameters.len()),
            _ => usize::MAX,
        }
    }

    /// A list of different symbols, as a constant.
    fn distinct_symbols(
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

    /// `self`, the names that the multimethod gives to further arguments that are dispatched on, then the method's
    /// own parameters.
    fn method_parameters(
        &mut self,
        form: Value,
        selector: Symbol,
        dispatched: usize,
        own: Value,
        place: FormContext,
    ) -> Result<Value, Failure> {
        let mut names = vec![self.runtime.symbol_value("self")];
        if dispatched > 1 {
            let value = self.global_value(selector).filter(|value| self.runtime.is_kind(*value, Kind::Generic));
            let given = value.and_then(|value| generic(self.runtime, value)).map(|generic| generic.parameters.clone());
            let Some(given) = given else {
                let message = format!(
                    "define-method: {} is neither a selector nor a multimethod when this form is expanded",
                    self.runtime.symbols.name(selector)
                );
                return Err(self.malformed(form, place, &message));
            };
            if given.len() < dispatched {
                let message = format!(
                    "define-method: {} has {} parameters, fewer than the classes here",
                    self.runtime.symbols.name(selector),
                    given.len()
                );
                return Err(self.malformed(form, place, &message));
            }
            names.extend(given[1..dispatched].iter().map(|name| self.runtime.symbols.value(*name)));
        }
        let mut parameters = own;
        for name in names.into_iter().rev() {
            parameters = self.runtime.cons(name, parameters)?;
        }
        self.runtime.roots.push(parameters);
        Ok(parameters)
    }

    /// `object.field`, where `object` is a lexical variable, or itself such an access.
    pub fn field_access(&mut self, symbol: Symbol, place: FormContext) -> Option<Expression> {
        let (object, field) = self.split_access(symbol, place)?;
        Some(self.call_global("%field", vec![object, field], place))
    }

    /// The object and the field's name of an access, if the symbol is one.
    pub fn split_access(&mut self, symbol: Symbol, place: FormContext) -> Option<(Expression, Expression)> {
        let name = self.runtime.symbols.name(symbol);
        let mut segments = name.split('.');
        let variable = self.runtime.symbols.find(segments.next()?)?;
        self.scope.find(variable)?;
        let mut fields: Vec<String> = segments.map(String::from).collect();
        if fields.is_empty() || fields.iter().any(String::is_empty) {
            return None;
        }
        let last = fields.pop()?;
        let mut object = self.reference(variable, place);
        for field in fields {
            let field = Expression::Constant(self.runtime.symbol_value(&field));
            object = self.call_global("%field", vec![object, field], place);
        }
        Some((object, Expression::Constant(self.runtime.symbol_value(&last))))
    }
}
