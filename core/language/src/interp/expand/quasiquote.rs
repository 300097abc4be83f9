//! Quasiquotation: lists with holes, nested and spliced.

use super::expression::Expression;
use super::form::between;
use super::{Expander, FormContext};
use crate::runtime::Failure;
use crate::value::Value;
use maru_core::abi::MAX_WRITTEN_ARGUMENTS;

/// `(quasiquote template)`.
pub(super) fn quasiquote(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let operands = expander.operands(form, place, between(1, 1), "quasiquote: one template is wanted")?;
    let template = expander.runtime.car(operands);
    let operand = expander.operand(place);
    expander.template(template, 1, operand)
}

/// `(unquote x)` outside of a template.
pub(super) fn stray(expander: &mut Expander, form: Value, place: FormContext) -> Result<Expression, Failure> {
    let name = expander.name_of(form);
    Err(expander.malformed(form, place, &format!("{name}: this stands inside a quasiquote only")))
}

/// A part of a list that is being made.
enum Part {
    Element(Expression),
    Splice(Expression),
}

impl Expander<'_> {
    /// What makes a template's value. `depth` counts the quasiquotes around it.
    fn template(&mut self, template: Value, depth: u32, place: FormContext) -> Result<Expression, Failure> {
        super::check_stack(self.runtime)?;
        if !template.is_pair() {
            return Ok(self.constant(template));
        }
        let place = FormContext { position: self.position_of(template, place.position), ..place };
        if let Some(operand) = self.marked(template, "unquote") {
            return self.hole(template, operand, "unquote", depth, place);
        }
        if let Some(operand) = self.marked(template, "quasiquote") {
            let inner = self.template(operand, depth + 1, place)?;
            return self.rebuild(template, "quasiquote", inner, place);
        }
        if self.marked(template, "unquote-splicing").is_some() && depth == 1 {
            let message = "unquote-splicing: this stands inside a list only";
            return Err(self.malformed(template, place, message));
        }
        self.list_template(template, depth, place)
    }

    /// The operand of `(name operand)`.
    fn marked(&self, template: Value, name: &str) -> Option<Value> {
        let rest = self.runtime.cdr(template);
        let is_marked =
            self.is_symbol(self.runtime.car(template), name) && rest.is_pair() && self.runtime.cdr(rest).is_nil();
        is_marked.then(|| self.runtime.car(rest))
    }

    /// An unquote: a form to evaluate, or, below another quasiquote, a template.
    fn hole(
        &mut self,
        template: Value,
        operand: Value,
        name: &str,
        depth: u32,
        place: FormContext,
    ) -> Result<Expression, Failure> {
        if depth == 1 {
            return self.expand(operand, place);
        }
        let inner = self.template(operand, depth - 1, place)?;
        self.rebuild(template, name, inner, place)
    }

    /// `(name inner)`, or the template itself if it has no holes.
    fn rebuild(
        &mut self,
        template: Value,
        name: &str,
        inner: Expression,
        place: FormContext,
    ) -> Result<Expression, Failure> {
        if matches!(inner, Expression::Constant(_)) {
            return Ok(self.constant(template));
        }
        let name = Expression::Constant(self.runtime.symbol_value(name));
        Ok(self.call_global("list", vec![name, inner], place))
    }

    /// A list: the elements up to the last one that has a hole are made anew, the rest is shared.
    fn list_template(&mut self, template: Value, depth: u32, place: FormContext) -> Result<Expression, Failure> {
        let mut parts = Vec::new();
        // Behind how many elements the list is constant, and from which pair on.
        let mut constant_from = (0, template);
        let mut at = template;
        let tail = loop {
            if !at.is_pair() {
                break self.constant(at);
            }
            // `(a . ,b)` reads as `(a unquote b)`.
            if !parts.is_empty() && (self.marked(at, "unquote").is_some() || self.marked(at, "quasiquote").is_some()) {
                break self.template(at, depth, place)?;
            }
            if parts.len() >= 1 << 20 {
                return Err(self.malformed(template, place, "quasiquote: the list is too long, or circular"));
            }
            let element = self.runtime.car(at);
            let part = self.part(element, depth, place)?;
            at = self.runtime.cdr(at);
            let is_constant = matches!(part, Part::Element(Expression::Constant(_)));
            parts.push(part);
            if !is_constant {
                constant_from = (parts.len(), at);
            }
        };
        let tail = match tail {
            Expression::Constant(_) => {
                parts.truncate(constant_from.0);
                self.constant(constant_from.1)
            }
            made => made,
        };
        Ok(self.join(parts, tail, place))
    }

    fn part(&mut self, element: Value, depth: u32, place: FormContext) -> Result<Part, Failure> {
        let Some(operand) = self.marked(element, "unquote-splicing") else {
            return self.template(element, depth, place).map(Part::Element);
        };
        let place = FormContext { position: self.position_of(element, place.position), ..place };
        let hole = self.hole(element, operand, "unquote-splicing", depth, place)?;
        Ok(if depth == 1 { Part::Splice(hole) } else { Part::Element(hole) })
    }

    /// Calls that make the list of all parts with a tail, evaluated left to right.
    fn join(&mut self, parts: Vec<Part>, tail: Expression, place: FormContext) -> Expression {
        let mut result = tail;
        let mut run: Vec<Expression> = Vec::new();
        for part in parts.into_iter().rev() {
            match part {
                Part::Element(element) => {
                    run.push(element);
                    if run.len() == MAX_WRITTEN_ARGUMENTS {
                        result = self.elements(std::mem::take(&mut run), result, place);
                    }
                }
                Part::Splice(list) => {
                    result = self.elements(std::mem::take(&mut run), result, place);
                    result = match result {
                        // The last list is shared, not copied.
                        Expression::Constant(tail) if tail.is_nil() => list,
                        tail => self.call_global("append", vec![list, tail], place),
                    };
                }
            }
        }
        self.elements(run, result, place)
    }

    /// Elements, last one first, in front of a list.
    fn elements(&mut self, mut elements: Vec<Expression>, tail: Expression, place: FormContext) -> Expression {
        const CONSES: usize = 4;
        elements.reverse();
        match tail {
            tail if elements.is_empty() => tail,
            Expression::Constant(tail) if tail.is_nil() => self.call_global("list", elements, place),
            tail if elements.len() <= CONSES => elements
                .into_iter()
                .rev()
                .fold(tail, |tail, element| self.call_global("cons", vec![element, tail], place)),
            tail => {
                let list = self.call_global("list", elements, place);
                self.call_global("append", vec![list, tail], place)
            }
        }
    }
}
