//! Between the stages: which function owns each variable, and which variables other functions refer to.
//!
//! Only now is it known which named lets are loops, whose variables belong to the function around them.

use super::check_stack;
use super::expression::{Expression, Function, FunctionId, Variable};
use crate::runtime::{Failure, Runtime};

/// Mark owners and captures in a top-level form, which is function 0.
pub(super) fn mark(runtime: &mut Runtime, body: &Expression) -> Result<(), Failure> {
    Marker { runtime, functions: 1, current: 0 }.expression(body)
}

struct Marker<'a> {
    runtime: &'a mut Runtime,
    functions: FunctionId,
    current: FunctionId,
}

impl Marker<'_> {
    fn own(&self, variable: &Variable) {
        variable.owner.set(self.current);
    }

    fn refer(&self, variable: &Variable) {
        if variable.owner.get() != self.current {
            variable.captured.set(true);
        }
    }

    fn all(&mut self, expressions: &[Expression]) -> Result<(), Failure> {
        expressions.iter().try_for_each(|expression| self.expression(expression))
    }

    fn function(&mut self, function: &Function) -> Result<(), Failure> {
        let outer = std::mem::replace(&mut self.current, self.functions);
        function.id.set(self.current);
        self.functions += 1;
        function.parameters.iter().chain(&function.rest).for_each(|parameter| self.own(parameter));
        let result = self.expression(&function.body);
        self.current = outer;
        result
    }

    fn expression(&mut self, expression: &Expression) -> Result<(), Failure> {
        check_stack(self.runtime)?;
        match expression {
            Expression::Constant(_) | Expression::Global(..) => Ok(()),
            Expression::Variable(variable) => {
                self.refer(variable);
                Ok(())
            }
            Expression::Bind(variable, value) => {
                self.own(variable);
                self.expression(value)
            }
            Expression::Set(variable, value) => {
                self.refer(variable);
                self.expression(value)
            }
            Expression::SetGlobal(_, value, _) | Expression::Define(_, value, ..) => self.expression(value),
            Expression::If(parts) => self.all(&parts[..]),
            Expression::Sequence(expressions) => self.all(expressions),
            Expression::While(test, body, _) => {
                self.expression(test)?;
                self.expression(body)
            }
            Expression::NamedLet(named) => {
                self.all(&named.first)?;
                self.own(&named.variable);
                if !named.is_loop {
                    return self.function(&named.function);
                }
                named.function.parameters.iter().for_each(|parameter| self.own(parameter));
                self.expression(&named.function.body)
            }
            Expression::Lambda(function) => self.function(function),
            Expression::Fix(functions, body) => {
                functions.iter().for_each(|(variable, _)| self.own(variable));
                functions.iter().try_for_each(|(_, function)| self.function(function))?;
                self.expression(body)
            }
            Expression::Call(call) => {
                self.expression(&call.function)?;
                self.all(&call.arguments)
            }
            Expression::Try(attempt) => {
                self.expression(&attempt.body)?;
                if let Some((variable, handler)) = &attempt.catch {
                    self.own(variable);
                    self.expression(handler)?;
                }
                attempt.finally.as_ref().map_or(Ok(()), |finally| self.expression(finally))
            }
            Expression::WithEnvironment(with) => {
                with.variables.iter().for_each(|variable| variable.captured.set(true));
                self.expression(&with.environment)
            }
        }
    }
}
