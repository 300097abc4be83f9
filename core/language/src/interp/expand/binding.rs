//! Forms that bind variables: `let` and its kin, functions, patterns.

use super::expression::{Expression, Function, NamedLet, Variable, VariableState};
use super::form::at_least;
use super::scope::Bound;
use super::{Expander, FormContext};
use crate::runtime::{Failure, Symbol};
use crate::value::Value;

/// A binding as written: what it binds, and its value.
struct Binding {
    /// A symbol or a pattern.
    target: Value,
    /// The list whose car is the value's form; nil if there is none.
    value: Value,
    place: FormContext,
}

/// `(let ((x 1) (y) z) body…)`, `(let name ((x 1)) body…)`.
pub(super) fn let_(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(1), "let: a list of bindings is wanted")?;
    let bindings = expander.runtime.car(operands);
    if let Some(name) = expander.runtime.as_symbol(bindings) {
        return named_let(expander, name, form, place);
    }
    let bindings = expander.bindings("let", bindings, place)?;
    let mut expressions = Vec::new();
    let mut variables = Bound::default();
    // The values are expanded before any name is bound.
    for binding in &bindings {
        let value = expander.binding_value(binding)?;
        expander.destructure("let", binding.target, value, binding.place, &mut expressions, &mut variables)?;
    }
    let mark = expander.scope.enter();
    variables.into_iter().for_each(|(name, variable)| expander.scope.bind(name, variable));
    let forms = expander.runtime.cdr(operands);
    let body = expander.body(forms, place);
    expander.scope.leave(mark);
    expressions.push(body?);
    Ok(Expression::sequence(expressions))
}

/// `(let* ((x 1) ((a . b) (f x))) body…)`: each value sees the variables before it.
pub(super) fn let_star(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(1), "let*: a list of bindings is wanted")?;
    let bindings = expander.runtime.car(operands);
    let bindings = expander.bindings("let*", bindings, place)?;
    let mark = expander.scope.enter();
    let result = (|| {
        let mut expressions = Vec::new();
        for binding in &bindings {
            let value = expander.binding_value(binding)?;
            let mut variables = Bound::default();
            expander.destructure("let*", binding.target, value, binding.place, &mut expressions, &mut variables)?;
            variables.into_iter().for_each(|(name, variable)| expander.scope.bind(name, variable));
        }
        let forms = expander.runtime.cdr(operands);
        expressions.push(expander.body(forms, place)?);
        Ok(Expression::sequence(expressions))
    })();
    expander.scope.leave(mark);
    result
}

/// `(letrec ((f (lambda …)) …) body…)`: every value sees all variables.
pub(super) fn letrec(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(1), "letrec: a list of bindings is wanted")?;
    let bindings = expander.runtime.car(operands);
    let bindings = expander.bindings("letrec", bindings, place)?;
    let mut variables = Bound::default();
    for binding in &bindings {
        let what = "letrec: a variable must be a symbol";
        let symbol = expander.symbol(binding.target, binding.place, what)?;
        expander.check_distinct("letrec", &variables, symbol, binding.place)?;
        variables.push((symbol, VariableState::new(binding.target)));
    }
    let mark = expander.scope.enter();
    variables.iter().for_each(|(name, variable)| expander.scope.bind(*name, variable.clone()));
    let result = (|| {
        let mut values = Vec::new();
        for binding in &bindings {
            values.push(expander.binding_value(binding)?);
        }
        let forms = expander.runtime.cdr(operands);
        Ok((values, expander.body(forms, place)?))
    })();
    expander.scope.leave(mark);
    let (values, body) = result?;
    let variables = variables.into_iter().map(|(_, variable)| variable).collect();
    Ok(recursive(variables, values, body))
}

/// Variables that all values refer to: functions of each other if they can be, else variables assigned later.
fn recursive(variables: Vec<Variable>, values: Vec<Expression>, body: Expression) -> Expression {
    let are_functions = values.iter().all(|value| matches!(value, Expression::Lambda(_)));
    if are_functions && !variables.iter().any(|variable| variable.assigned.get()) {
        let functions = values.into_iter().filter_map(|value| match value {
            Expression::Lambda(function) => Some(*function),
            _ => None,
        });
        return Expression::Fix(variables.into_iter().zip(functions).collect(), Box::new(body));
    }
    let mut expressions: Vec<_> =
        variables.iter().map(|variable| Expression::bind(variable, Expression::NIL)).collect();
    for (variable, value) in variables.iter().zip(values) {
        expressions.push(Expression::set(variable, value));
    }
    expressions.push(body);
    Expression::sequence(expressions)
}

/// `(let name ((x first)…) body…)`.
fn named_let(expander: &mut Expander, symbol: Symbol, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let what = "let: bindings are wanted after the name";
    let operands = expander.operands(form, place, at_least(2), what)?;
    let name = expander.runtime.car(operands);
    let bindings = expander.element(operands, 1);
    let bindings = expander.bindings("let", bindings, place)?;
    expander.check_written(bindings.len(), form, place, "variables of a named let")?;
    let mut first = Vec::new();
    let mut parameters = Bound::default();
    for binding in &bindings {
        first.push(expander.binding_value(binding)?);
        let what = "let: a variable of a named let must be a symbol";
        let parameter = expander.symbol(binding.target, binding.place, what)?;
        expander.check_distinct("let", &parameters, parameter, binding.place)?;
        parameters.push((parameter, VariableState::new(binding.target)));
    }
    let variable = VariableState::new(name);
    variable.looping.arity.set(Some(first.len()));
    // If this becomes a function, what looks like a jump out of its body to a loop around it is none.
    let jumps_before = expander.jumps.len();
    let mark = expander.scope.enter();
    expander.scope.bind(symbol, variable.clone());
    parameters.iter().for_each(|(name, variable)| expander.scope.bind(*name, variable.clone()));
    variable.looping.depth.set(expander.loops.len());
    expander.loops.push(variable.clone());
    let forms = expander.runtime.cdr(operands);
    let forms = expander.runtime.cdr(forms);
    let body = expander.body(forms, place.for_value().named(Value::NIL));
    expander.loops.pop();
    expander.scope.leave(mark);
    let body = body?;
    let is_loop = !variable.assigned.get() && variable.looping.references == variable.looping.jumps;
    if !is_loop {
        for name in expander.jumps.drain(jumps_before..) {
            name.looping.jumps.set(name.looping.jumps.get() - 1);
        }
    }
    let position = place.position;
    let parameters = parameters.into_iter().map(|(_, variable)| variable).collect();
    let function = Function::new(name, parameters, None, body, position);
    Ok(Expression::NamedLet(Box::new(NamedLet { variable, function, first, is_loop, position })))
}

/// `(lambda (a b . rest) body…)`, `(lambda args body…)`.
pub(super) fn lambda(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, at_least(1), "lambda: a list of parameters is wanted")?;
    let parameters = expander.runtime.car(operands);
    let body = expander.runtime.cdr(operands);
    expander.function("lambda", place.name, parameters, body, place)
}

/// `(form (a . rest) body…)`, `(form function)`: a macro as a value.
pub(super) fn form(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let what = "form: a function, or parameters and a body are wanted";
    let operands = expander.operands(form, place, at_least(1), what)?;
    let body = expander.runtime.cdr(operands);
    let function = if body.is_nil() {
        let operand = expander.operand(place);
        expander.element_of(operands, operand)?
    } else {
        let parameters = expander.runtime.car(operands);
        expander.function("form", place.name, parameters, body, place)?
    };
    Ok(expander.call_global("make-form", vec![function], place))
}

impl Expander<'_> {
    /// A lambda with a name (a symbol or nil). `what` is the form's name, for messages.
    pub fn function(
        &mut self,
        what: &str,
        name: Value,
        parameters: Value,
        body: Value,
        place: FormContext,
    ) -> Result<Expression, Failure> {
        self.function_with(what, name, parameters, body, place, |_, _, _| {})
    }

    /// The same, where something is to be done when the parameters are bound, before the body is expanded.
    pub fn function_with(
        &mut self,
        what: &str,
        name: Value,
        parameters: Value,
        body: Value,
        place: FormContext,
        bound: impl FnOnce(&mut Self, &Bound, Option<&Variable>),
    ) -> Result<Expression, Failure> {
        let mut fixed = Bound::default();
        let mut at = parameters;
        let mut count = 0;
        while at.is_pair() {
            count += 1;
            self.check_written(count, Value::NIL, place, "parameters")?;
            let parameter = self.runtime.car(at);
            let bound = self.parameter(what, parameter, &fixed, place)?;
            fixed.push(bound);
            at = self.runtime.cdr(at);
        }
        let rest = if at.is_nil() { None } else { Some(self.parameter(what, at, &fixed, place)?) };
        let mark = self.scope.enter();
        for (name, variable) in fixed.iter().chain(&rest) {
            self.scope.bind(*name, variable.clone());
        }
        bound(self, &fixed, rest.as_ref().map(|(_, variable)| variable));
        let inner = self.operand(place);
        let body = self.body(body, inner);
        self.scope.leave(mark);
        let parameters = fixed.into_iter().map(|(_, variable)| variable).collect();
        let rest = rest.map(|(_, variable)| variable);
        Ok(Expression::Lambda(Box::new(Function::new(name, parameters, rest, body?, place.position))))
    }

    fn parameter(
        &mut self,
        what: &str,
        name: Value,
        before: &Bound,
        place: FormContext,
    ) -> Result<(Symbol, Variable), Failure> {
        let symbol = self.symbol(name, place, &format!("{what}: a parameter must be a symbol"))?;
        self.check_distinct(what, before, symbol, place)?;
        Ok((symbol, VariableState::new(name)))
    }

    /// Raise `syntax` if a name is bound already by the same form.
    fn check_distinct(
        &mut self,
        what: &str,
        before: &Bound,
        symbol: Symbol,
        place: FormContext,
    ) -> Result<(), Failure> {
        if !before.has(symbol) {
            return Ok(());
        }
        let name = self.runtime.symbols.value(symbol);
        let message = format!("{what}: {} is bound twice", self.runtime.symbols.name(symbol));
        Err(self.fail(place.position, &message, &[name]))
    }

    /// The bindings of a `let`, taken apart.
    fn bindings(&mut self, what: &str, list: Value, place: FormContext) -> Result<Vec<Binding>, Failure> {
        if self.proper_length(list).is_none() {
            return Err(self.malformed(list, place, &format!("{what}: the bindings are no proper list")));
        }
        let mut bindings = Vec::new();
        let mut rest = list;
        while rest.is_pair() {
            let position = self.position_of(rest, place.position);
            let binding = self.runtime.car(rest);
            rest = self.runtime.cdr(rest);
            let place = FormContext { position: self.position_of(binding, position), ..self.operand(place) };
            let (target, value) = match self.proper_length(binding) {
                Some(1 | 2) => (self.runtime.car(binding), self.runtime.cdr(binding)),
                None if self.runtime.as_symbol(binding).is_some() => (binding, Value::NIL),
                _ => {
                    let message = format!("{what}: a binding is a variable, or a list of a variable and its value");
                    return Err(self.malformed(binding, place, &message));
                }
            };
            bindings.push(Binding { target, value, place });
        }
        Ok(bindings)
    }

    fn binding_value(&mut self, binding: &Binding) -> Result<Expression, Failure> {
        if binding.value.is_nil() {
            return Ok(Expression::NIL);
        }
        let name = if binding.target.is_pair() { Value::NIL } else { binding.target };
        self.element_of(binding.value, binding.place.named(name))
    }

    /// Bind a symbol, or the symbols of a pattern, to a value or its parts: `(a (b . c) d)` takes the elements of a
    /// list, `()` takes nothing. Missing parts are nil.
    pub fn destructure(
        &mut self,
        what: &str,
        pattern: Value,
        value: Expression,
        place: FormContext,
        expressions: &mut Vec<Expression>,
        variables: &mut Bound,
    ) -> Result<(), Failure> {
        super::check_stack(self.runtime)?;
        if let Some(symbol) = self.runtime.as_symbol(pattern) {
            self.check_distinct(what, variables, symbol, place)?;
            let variable = VariableState::new(pattern);
            expressions.push(Expression::bind(&variable, value));
            variables.push((symbol, variable));
            return Ok(());
        }
        if pattern.is_nil() {
            expressions.push(value);
            return Ok(());
        }
        if !pattern.is_pair() {
            let message = format!("{what}: a pattern is made of symbols and lists of patterns");
            return Err(self.malformed(pattern, place, &message));
        }
        let whole = VariableState::new(Value::NIL);
        expressions.push(Expression::bind(&whole, value));
        let first = self.call_global("car", vec![Expression::of(&whole)], place);
        let pattern_of_first = self.runtime.car(pattern);
        self.destructure(what, pattern_of_first, first, place, expressions, variables)?;
        let pattern_of_rest = self.runtime.cdr(pattern);
        if pattern_of_rest.is_nil() {
            return Ok(());
        }
        let rest = self.call_global("cdr", vec![Expression::of(&whole)], place);
        self.destructure(what, pattern_of_rest, rest, place, expressions, variables)
    }

    /// The operand that must be one form behind another: used by forms of the shape `(name (head…) body…)`.
    pub fn head(&mut self, form: Value, place: FormContext, what: &str) -> Result<(Value, Value), Failure> {
        let operands = self.operands(form, place, at_least(1), what)?;
        Ok((self.runtime.car(operands), self.runtime.cdr(operands)))
    }
}
