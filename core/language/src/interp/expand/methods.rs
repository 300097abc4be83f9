//! Methods, and from inside of one the next one.

use super::expression::{Expression, Variable, VariableState};
use super::form::at_least;
use super::{Expander, FormContext};
use crate::runtime::classes::generic;
use crate::runtime::{Failure, Symbol};
use crate::value::{Kind, Value};

/// A method whose body is being expanded.
#[derive(Debug)]
pub(super) struct Method {
    /// The name of its selector or multimethod.
    selector: Symbol,
    /// The list of its classes, for the body to tell it from other methods by.
    classes: Variable,
    /// Whether the body does.
    is_used: bool,
    parameters: Vec<Variable>,
    rest: Option<Variable>,
}

/// A method that has been expanded: its function, and the variable for its classes, if its body uses that.
pub(super) type Expanded = (Expression, Option<Variable>);

/// `(define-method emit <ir-add> <machine> (port) body…)`: one argument is dispatched on for each class in front of the
/// parameters. The first is `self`, the others have the names that the multimethod gave them. A selector or multimethod is
/// made if there is none.
pub(super) fn define_method(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let what = "define-method: a selector, classes and a list of parameters are wanted";
    let operands = expander.operands(form, place, at_least(3), what)?;
    let name = expander.runtime.car(operands);
    let symbol = expander.symbol(name, place, "define-method: the selector's name must be a symbol")?;
    let operand = expander.operand(place);
    let mut classes = Vec::new();
    let mut class_names = Vec::new();
    let mut rest = expander.runtime.cdr(operands);
    let most = expander.most_classes(symbol);
    while expander.is_class_operand(rest, classes.len(), most) {
        class_names.push(expander.runtime.car(rest));
        classes.push(expander.element_of(rest, operand)?);
        rest = expander.runtime.cdr(rest);
    }
    let parameters = expander.runtime.car(rest);
    let bare = expander.runtime.as_symbol(parameters);
    if bare.is_some_and(|name| looks_like_class(expander.runtime.symbols.name(name))) {
        let message = format!("define-method: more classes than {} chooses by", expander.runtime.symbols.name(symbol));
        return Err(expander.malformed(form, place, &message));
    }
    if classes.is_empty() || !rest.is_pair() || !(parameters.is_pair() || parameters.is_nil() || bare.is_some()) {
        return Err(expander.malformed(form, place, what));
    }
    let body = expander.runtime.cdr(rest);
    let (selector, own) = match most {
        Some(_) => (expander.element_of(operands, operand)?, None),
        None => {
            let names = expander.names_after_classes(&class_names, parameters)?;
            (expander.call_ensure_selector(name, names, place), Some(names))
        }
    };
    let parameters = expander.method_parameters(form, symbol, (classes.len(), own), parameters, place)?;
    let method = expander.method("define-method", (symbol, name), parameters, body, place)?;
    Ok(expander.add_method(selector, classes, method, place))
}

/// `(call-next-method argument…)`, `(super argument…)`: from inside of a method, a call of the one that would have been
/// chosen without it; with the method's own arguments if none are given.
pub(super) fn call_next_method(
    expander: &mut Expander,
    form: Value,
    place: FormContext,
) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(0), "")?;
    let name = expander.name_of(form);
    let operand = expander.operand(place);
    let Some(method) = expander.methods.last_mut() else {
        let message = format!("{name}: this stands inside of a method only");
        return Err(expander.malformed(form, place, &message));
    };
    method.is_used = true;
    let (selector, classes, rest) = (method.selector, method.classes.clone(), method.rest.clone());
    let parameters: Vec<Expression> = method.parameters.iter().map(Expression::of).collect();
    let own: Vec<Expression> = method.parameters.iter().map(Expression::of).collect();
    let mut finding = vec![Expression::Global(selector, place.position), Expression::of(&classes)];
    finding.extend(parameters);
    let next = expander.call_global("%next-method", finding, place);
    if operands.is_pair() {
        let mut arguments = Vec::new();
        let mut rest = operands;
        while rest.is_pair() {
            arguments.push(expander.element_of(rest, operand)?);
            rest = expander.runtime.cdr(rest);
        }
        return Ok(Expression::call(next, arguments, place.position));
    }
    let Some(rest) = rest else { return Ok(Expression::call(next, own, place.position)) };
    let arguments = std::iter::once(next).chain(own).chain([Expression::of(&rest)]).collect();
    Ok(expander.call_global("apply", arguments, place))
}

/// Whether a symbol is what classes are called.
fn looks_like_class(name: &str) -> bool {
    name.starts_with('<') && name.ends_with('>')
}

impl Expander<'_> {
    /// The method of all objects that a selector is defined with.
    pub fn default_method(
        &mut self,
        form: Value,
        (symbol, name): (Symbol, Value),
        parameters: Value,
        body: Value,
        object: Expression,
        place: FormContext,
    ) -> Result<Expression, Failure> {
        let parameters = self.method_parameters(form, symbol, (1, None), parameters, place)?;
        let method = self.method("define-selector", (symbol, name), parameters, body, place)?;
        let selector = Expression::Global(symbol, place.position);
        Ok(self.add_method(selector, vec![object], method, place))
    }

    /// A method's function. Its first parameter is `self` as well, whatever it is called.
    pub fn method(
        &mut self,
        what: &str,
        (selector, name): (Symbol, Value),
        parameters: Value,
        body: Value,
        place: FormContext,
    ) -> Result<Expanded, Failure> {
        let own_name = self.runtime.symbol("self");
        let given = self.global_value(selector).filter(|value| self.runtime.is_kind(*value, Kind::Generic));
        let given = given.and_then(|value| generic(self.runtime, value)?.parameters.first().copied());
        let count = self.methods.len();
        let function = self.function_with(what, name, parameters, body, place, |expander, bound, rest| {
            let parameters: Vec<Variable> = bound.iter().map(|(_, variable)| variable.clone()).collect();
            let also = std::iter::once(own_name).chain(given);
            for name in also.filter(|name| !bound.has(*name)) {
                if let Some(first) = parameters.first() {
                    expander.scope.bind(name, first.clone());
                }
            }
            let classes = VariableState::new(Value::NIL);
            expander.methods.push(Method { selector, classes, is_used: false, parameters, rest: rest.cloned() });
        });
        let method = self.methods.drain(count..).next();
        let classes = method.filter(|method| method.is_used).map(|method| method.classes);
        Ok((function?, classes))
    }

    /// Add a method to what an expression gives, at run time.
    pub fn add_method(
        &mut self,
        generic: Expression,
        classes: Vec<Expression>,
        (function, variable): Expanded,
        place: FormContext,
    ) -> Expression {
        let classes = self.call_global("list", classes, place);
        let Some(variable) = variable else {
            return self.call_global("%add-method", vec![generic, classes, function], place);
        };
        let method = self.call_global("%add-method", vec![generic, Expression::of(&variable), function], place);
        Expression::Sequence(vec![Expression::bind(&variable, classes), method])
    }

    /// How many classes a method of a selector or multimethod can name; nothing if there is none of that name. A symbol
    /// after so many is the name of the list of all further arguments.
    fn most_classes(&mut self, selector: Symbol) -> Option<usize> {
        let value = self.global_value(selector)?;
        Some(match self.runtime.kind(value) {
            Some(Kind::Selector) => 1,
            Some(Kind::Generic) => generic(self.runtime, value).map_or(usize::MAX, |generic| generic.parameters.len()),
            _ => usize::MAX,
        })
    }

    /// Whether an operand is one more class that a method chooses by.
    fn is_class_operand(&self, operands: Value, classes: usize, most: Option<usize>) -> bool {
        let Some(name) = self.runtime.as_symbol(self.runtime.car(operands)) else { return false };
        match most {
            Some(most) => classes < most,
            None => looks_like_class(self.runtime.symbols.name(name)),
        }
    }

    /// What the arguments that a method chooses by are called where no multimethod says: the first `self`, each other
    /// like its class, without the brackets; unless that is taken.
    fn names_after_classes(&mut self, classes: &[Value], own: Value) -> Result<Value, Failure> {
        let mut taken = vec!["self".to_string()];
        let mut rest = own;
        while rest.is_pair() || self.runtime.as_symbol(rest).is_some() {
            let name = if rest.is_pair() { self.runtime.car(rest) } else { rest };
            taken.extend(self.runtime.as_symbol(name).map(|name| self.runtime.symbols.name(name).to_string()));
            rest = self.runtime.cdr(rest);
        }
        let mut names = vec![self.runtime.symbol_value("self")];
        for class in classes.iter().skip(1) {
            let class = self.runtime.as_symbol(*class).map_or("", |name| self.runtime.symbols.name(name));
            let mut name = class.trim_matches(['<', '>']).to_string();
            let usual = name.clone();
            let mut number = 2;
            while name.is_empty() || taken.contains(&name) {
                name = format!("{usual}-{number}");
                number += 1;
            }
            names.push(self.runtime.intern_value(&name)?);
            taken.push(name);
        }
        let names = self.runtime.list(&names)?;
        self.runtime.roots.push(names);
        Ok(names)
    }

    /// The selector or multimethod of a name, which is made if there is none when this is reached.
    fn call_ensure_selector(&mut self, name: Value, names: Value, place: FormContext) -> Expression {
        let environment = self.constant(self.environment);
        let names = self.constant(names);
        self.call_global("%ensure-selector", vec![environment, Expression::Constant(name), names], place)
    }

    /// `self`, the names of further arguments that are dispatched on, then the method's own parameters. `dispatched` says
    /// how many there are, and what they are called unless a multimethod says it.
    fn method_parameters(
        &mut self,
        form: Value,
        selector: Symbol,
        (dispatched, called): (usize, Option<Value>),
        own: Value,
        place: FormContext,
    ) -> Result<Value, Failure> {
        let names = match called {
            Some(names) => self.runtime.list_to_vec(names),
            None if dispatched > 1 => self.names_of_multimethod(form, selector, dispatched, place)?,
            None => vec![self.runtime.symbol_value("self")],
        };
        let mut parameters = own;
        for name in names.into_iter().rev() {
            parameters = self.runtime.cons(name, parameters)?;
        }
        self.runtime.roots.push(parameters);
        Ok(parameters)
    }

    fn names_of_multimethod(
        &mut self,
        form: Value,
        selector: Symbol,
        dispatched: usize,
        place: FormContext,
    ) -> Result<Vec<Value>, Failure> {
        let value = self.global_value(selector).filter(|value| self.runtime.is_kind(*value, Kind::Generic));
        let given = value.and_then(|value| generic(self.runtime, value)).map(|generic| generic.parameters.clone());
        let name = self.runtime.symbols.name(selector);
        let message = match &given {
            None => format!("define-method: {name} is neither a selector nor a multimethod when this form is expanded"),
            Some(given) if given.len() < dispatched => {
                format!("define-method: {name} has {} parameters, fewer than the classes here", given.len())
            }
            Some(given) => {
                let further =
                    given[1..dispatched].iter().map(|name| self.runtime.symbols.value(*name)).collect::<Vec<_>>();
                let own = self.runtime.symbol_value("self");
                return Ok(std::iter::once(own).chain(further).collect());
            }
        };
        Err(self.malformed(form, place, &message))
    }
}
