//! The compiler as the language sees it: its side of [`NativeCode`], and where a run's units lie.

use super::image::UnitImage;
use super::{primitives, queue, renewal, request, running, Units};

use maru_core::abi::{Value, Word};
use maru_language::runtime::tree::{Node, Prototype};
use maru_language::runtime::{CellId, Native, NativeCode, Options, Outcome, PrimitiveInfo, Runtime, SiteFrames};
use maru_language::value::heap::Marker;
use std::ops::Range;
use std::rc::Rc;

/// A runtime with the prelude loaded, whose functions are compiled as the options say.
///
/// `stack` bounds the stack that it will run on, lowest address first; frames within are roots.
///
/// # Errors
/// When memory cannot be reserved, or when the options name a target or format that does not exist.
pub fn runtime(options: Options, stack: Range<usize>) -> Result<Box<Runtime>, String> {
    let native = Native { code: &Compiler, state: Box::new(Units::new(&options)?), trampoline: 0 };
    Runtime::with_native(options, stack, native)
}

/// The units of a run that was made by [`runtime`].
pub trait HasUnits {
    /// Its units.
    fn units(&self) -> &Units;
    /// The same, to change them.
    fn units_mut(&mut self) -> &mut Units;
}

impl HasUnits for Native {
    #[inline]
    fn units(&self) -> &Units {
        self.state.downcast_ref().expect("a run that the compiler serves has units")
    }
    #[inline]
    fn units_mut(&mut self) -> &mut Units {
        self.state.downcast_mut().expect("a run that the compiler serves has units")
    }
}

/// What serves runs made by [`runtime`].
struct Compiler;

impl NativeCode for Compiler {
    fn primitives(&self) -> &'static [PrimitiveInfo] {
        primitives::TABLE
    }
    fn documentation(&self) -> &'static str {
        primitives::DOCUMENTATION
    }
    fn heat(&self, runtime: &mut Runtime, prototype: &Rc<Prototype>) {
        request::heat(runtime, prototype);
    }
    fn serve(&self, runtime: &mut Runtime) {
        queue::serve_compiled(runtime);
    }
    fn run(&self, runtime: &mut Runtime, callee: Value, count: i64) -> Outcome {
        super::run_native(runtime, callee, count)
    }
    fn run_loop(
        &self,
        runtime: &mut Runtime,
        prototype: &Rc<Prototype>,
        node: &Node,
        closure: Value,
        frame: usize,
    ) -> Option<Outcome> {
        running::run_loop(runtime, prototype, node, closure, frame)
    }
    fn deviated(&self, runtime: &mut Runtime, image: u32, site: u32, seen: u8) {
        renewal::deviated(runtime, image, site, seen);
    }
    fn cell_changed(&self, runtime: &mut Runtime, cell: CellId) {
        super::cell_changed(runtime, cell);
    }
    fn places(&self, runtime: &Runtime, image: u32, site: u32) -> SiteFrames {
        runtime.native.units().image(image).map_or_else(Vec::new, |image| image.places(site))
    }
    fn data_word(&self, runtime: &Runtime, image: u32, word: u32) -> Option<Word> {
        runtime.native.units().image(image).map(|image| image.unit.data_word(word as usize))
    }
    fn set_data_words(&self, runtime: &Runtime, image: u32, first: u32, words: &[Word]) {
        if let Some(image) = runtime.native.units().image(image) {
            words.iter().zip(first as usize..).for_each(|(word, index)| image.unit.set_data(index, *word));
        }
    }
    fn trace_running(&self, runtime: &Runtime, stack: Range<usize>, marker: &mut Marker) {
        let units = runtime.native.units();
        super::trace_running(units, stack, marker);
        for frames in units.frames() {
            // SAFETY: a machine names memory of its own that it does not change meanwhile.
            unsafe { marker.conservative_range(frames.start, frames.end) };
            super::trace_running(units, frames, marker);
        }
        queue::trace_waiting(units, marker);
    }
    fn trace_prototype(&self, runtime: &Runtime, prototype: &Prototype, marker: &mut Marker) {
        if let Some(image) = runtime.native.units().image(prototype.native.image.get()) {
            image.trace_once(marker);
        }
    }
    fn sweep(&self, runtime: &mut Runtime) {
        super::sweep_images(runtime);
    }
    fn stop(&self, runtime: &mut Runtime) {
        runtime.native.units_mut().stop_worker();
    }
}

impl UnitImage {
    /// Mark what the code needs, unless that was done in this collection.
    fn trace_once(&self, marker: &mut Marker) {
        if !self.traced.replace(true) {
            self.values.iter().for_each(|value| marker.value(*value));
        }
    }
}
