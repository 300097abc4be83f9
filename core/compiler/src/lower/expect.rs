//! Which functions of a unit are expected to compute with doubles, though their own text has none: those that are called
//! with a double somewhere in the unit. Nothing relies on it; it says what to guess in code that was never seen running.

use super::UnitContext;
use maru_language::runtime::tree::{Call, Node, Prototype};
use maru_language::value::Kind;
use rustc_hash::FxHashSet;
use std::rc::Rc;

/// A variable of a function: its number in the unit, and the slot.
type Variable = (u32, u32);

/// What the trees of a unit tell.
#[derive(Default)]
struct Found {
    /// Variables that get a double.
    doubles: Vec<Variable>,
    /// Variables that are passed on, and the parameters that get them.
    passed: Vec<(Variable, Variable)>,
}

impl UnitContext<'_> {
    /// Find the functions that are called with doubles.
    pub(super) fn find_expected_doubles(&mut self) {
        let mut found = Found::default();
        for (number, prototype) in self.prototypes.iter().enumerate() {
            self.has_double(prototype, number as u32, &prototype.body, &mut found);
        }
        found.passed.sort_unstable();
        let mut known: FxHashSet<Variable> = FxHashSet::default();
        let mut work = found.doubles;
        while let Some(variable) = work.pop() {
            if known.insert(variable) {
                let first = found.passed.partition_point(|(from, _)| *from < variable);
                let onward = found.passed[first..].iter().take_while(|(from, _)| *from == variable);
                work.extend(onward.map(|(_, to)| *to));
            }
        }
        self.expected_doubles = known.into_iter().map(|(number, _)| number).collect();
    }

    /// Whether a function of the unit is expected to compute with doubles.
    pub(super) fn expects_doubles(&self, number: u32) -> bool {
        self.expected_doubles.contains(&number)
    }

    /// Whether an expression is computed from a double that stands in it; note the variables that get one.
    fn has_double(&self, prototype: &Rc<Prototype>, number: u32, node: &Node, found: &mut Found) -> bool {
        let is_double = |value| self.runtime.is_kind(value, Kind::Double) || value.as_immediate_double().is_some();
        match node {
            Node::Constant(index) => is_double(prototype.constants[*index as usize]),
            Node::Global(index, _) => is_double(self.runtime.cells.get(prototype.cells[*index as usize]).value),
            Node::Bind(slot, value) | Node::SetLocal(slot, value) => {
                let double = self.has_double(prototype, number, value, found);
                found.doubles.extend(double.then_some((number, *slot)));
                double
            }
            Node::Loop(inner) => {
                for (slot, value) in &inner.bindings {
                    let double = self.has_double(prototype, number, value, found);
                    found.doubles.extend(double.then_some((number, *slot)));
                }
                self.has_double(prototype, number, &inner.body, found)
            }
            Node::Call(call) => self.passes_double(prototype, number, call, found),
            _ => {
                let mut double = false;
                node.children(&mut |child| double |= self.has_double(prototype, number, child, found));
                double
            }
        }
    }

    /// The same for a call: what it is given, its parameters get.
    fn passes_double(&self, prototype: &Rc<Prototype>, number: u32, call: &Call, found: &mut Found) -> bool {
        let callee = match &call.function {
            Node::Global(index, _) => {
                let value = self.runtime.cells.get(prototype.cells[*index as usize]).value;
                self.runtime.prototype(value).filter(|_| self.runtime.is_kind(value, Kind::Closure))
            }
            _ => None,
        };
        let callee = callee.and_then(|callee| Some((self.number_of(callee)?, callee.parameters)));
        let mut any = false;
        for (argument, position) in call.arguments.iter().zip(0..) {
            let double = self.has_double(prototype, number, argument, found);
            any |= double;
            let Some((callee, _)) = callee.filter(|(_, parameters)| position < *parameters) else { continue };
            found.doubles.extend(double.then_some((callee, position)));
            if let Node::Local(slot) = argument {
                found.passed.push(((number, *slot), (callee, position)));
            }
        }
        any
    }
}
