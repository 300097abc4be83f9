//! Running a built program: form after form, as its source would be.
//!
//! A form was expanded when the program was built, with the macros that were known then. What the program has done
//! since may have defined others, in a file that it loaded, say. So a form that turns out to call a macro is expanded
//! anew, from the program's source, before it runs.

use maru_core::abi::layout::{Kind, Value};
use maru_language::interp::{call, evaluate_toplevel};
use maru_language::runtime::tree::{all_prototypes, Node, Prototype};
use maru_language::runtime::{Outcome, Runtime};
use maru_language::syntax::Reader;
use std::rc::Rc;

/// A library that was opened as a program.
pub struct BuiltProgram {
    /// Number of its source.
    pub(super) source: u32,
    /// Its forms: prototypes, and closures of them without parameters. The closures are kept reachable by the caller
    /// of `open_program`.
    pub(super) forms: Vec<(Rc<Prototype>, Value)>,
}

impl BuiltProgram {
    /// Run the program's forms. The value is the last one's.
    ///
    /// # Errors
    /// What the forms raise.
    pub fn run(&self, runtime: &mut Runtime) -> Outcome {
        let mut source = SourceForms { reader: None, read: 0 };
        let mut result = Value::NIL;
        for (number, (prototype, closure)) in self.forms.iter().enumerate() {
            result = if calls_macro(runtime, prototype) {
                let form = source.form(runtime, self.source, number)?;
                evaluate_toplevel(runtime, form, runtime.global)?
            } else {
                let called = call(runtime, *closure, &[]);
                if called.is_err() {
                    runtime.place_error(prototype.position);
                }
                called?
            };
        }
        Ok(result)
    }
}

/// The forms of a source, read as far as they are asked for, in order.
struct SourceForms {
    reader: Option<Reader>,
    read: usize,
}

impl SourceForms {
    fn form(&mut self, runtime: &mut Runtime, source: u32, number: usize) -> Outcome {
        let reader = self.reader.get_or_insert_with(|| {
            let text = runtime.sources.get(source).map_or("", |source| source.text.as_str());
            Reader::new(source, text)
        });
        loop {
            let form = reader.next(runtime).map_err(|fault| fault.raise(runtime))?;
            self.read += 1;
            if self.read > number {
                return Ok(form.unwrap_or(Value::NIL));
            }
        }
    }
}

/// Whether a form has a call, in any of its functions, whose operator is bound to a macro by now.
fn calls_macro(runtime: &Runtime, root: &Rc<Prototype>) -> bool {
    fn is_macro(runtime: &Runtime, prototype: &Prototype, operator: &Node) -> bool {
        let Node::Global(cell, _) = operator else { return false };
        let cell = runtime.binding_cell(prototype.cells[*cell as usize]);
        cell.is_some_and(|cell| runtime.is_kind(runtime.cells.get(cell).value, Kind::Form))
    }
    fn any(runtime: &Runtime, prototype: &Prototype, node: &Node) -> bool {
        let mut found = matches!(node, Node::Call(call) if is_macro(runtime, prototype, &call.function));
        node.children(&mut |child| found = found || any(runtime, prototype, child));
        found
    }
    all_prototypes(std::slice::from_ref(root)).iter().any(|prototype| any(runtime, prototype, &prototype.body))
}
