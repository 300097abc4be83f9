//! Loops that become native while they run: the interpreter hands its frame to native code between two turns.

use super::image::UnitImage;
use super::CompileFailure;
use crate::interp::tree::{Node, Template};
use crate::lower::changed_slots;
use crate::runtime::{Failure, Outcome, Runtime, MAX_ARGUMENTS};
use crate::value::{Value, FAILURE};
use std::rc::Rc;

impl Runtime {
    /// Run the rest of a loop natively: `node` is a `While` or `Loop` of the template, whose frame starts at index
    /// `frame` of the stack of values, between two turns. `None` if the loop cannot be compiled.
    pub(crate) fn run_loop(
        &mut self,
        template: &Rc<Template>,
        node: &Node,
        closure: Value,
        frame: usize,
    ) -> Option<Outcome> {
        let size = template.frame_size();
        if size > MAX_ARGUMENTS || template.native.failure.borrow().is_some() {
            return None;
        }
        let number = match self.compiled_loop(template, node) {
            Ok(number) => number,
            Err(CompileFailure(reason)) => {
                template.native.failure.replace(Some(reason));
                return None;
            }
        };
        let entry = self.units.image(number).map(UnitImage::last_entry)?;
        for slot in 0..size {
            // SAFETY: the area has room for `MAX_ARGUMENTS` values.
            unsafe { *self.context.arguments.add(slot) = self.stack.get(frame + slot) };
        }
        let machine = self.units.machine.clone()?;
        self.context.runtime = std::ptr::from_mut(self);
        let enter = self.units.enter;
        let context = std::ptr::from_mut(&mut *self.context);
        // SAFETY: as for `run_native`; the image stays loaded while an address of its code is on the stack.
        let result = unsafe { machine.run(enter, context, entry, closure, 0) };
        for slot in changed_slots(template, node) {
            // SAFETY: the code stored the slots it changed there just before it returned.
            let value = unsafe { *self.context.arguments.add(slot as usize) };
            self.stack.set(frame + slot as usize, value);
        }
        Some(if result == FAILURE { Err(Failure) } else { Ok(Value(result)) })
    }

    fn compiled_loop(&mut self, template: &Rc<Template>, node: &Node) -> Result<u32, CompileFailure> {
        let key = (std::ptr::from_ref(node) as usize, template.code);
        if let Some(number) = self.units.loops.get(&key) {
            let usable = self.units.image(*number).is_some_and(|image| image.intact.get() != 0);
            if usable {
                return Ok(*number);
            }
        }
        let number = self.compile_loop(template, node)?;
        self.units.loops.insert(key, number);
        Ok(number)
    }
}
