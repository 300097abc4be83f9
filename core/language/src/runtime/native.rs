//! Native code, as far as the language knows of it: what a compiler does for a run, if there is one.
//!
//! The interpreter tells it which functions are hot, hands it frames and calls, and asks it where in a text a place in its
//! code stands; the collector asks it what its code holds. What it keeps for a run is its own business, and lies in
//! [`Native::state`].

use super::tree::{Node, Prototype};
use super::{CellId, ErrorKind, Outcome, PrimitiveInfo, Runtime};
use crate::value::heap::Marker;
use crate::value::{Value, Word};
use maru_core::abi::Position;
use std::any::Any;
use std::ops::Range;
use std::rc::Rc;

/// The native code of a run.
pub struct Native {
    /// Who makes it.
    pub code: &'static dyn NativeCode,
    /// What that one keeps for this run.
    pub state: Box<dyn Any>,
    /// Where code jumps to in order to reach the interpreter; 0 while there is no machine to run code.
    pub trampoline: usize,
}

impl Default for Native {
    /// No compiler: everything is interpreted.
    fn default() -> Native {
        Native { code: &Interpreted, state: Box::new(()), trampoline: 0 }
    }
}

/// The places that a site in code stands for, innermost first.
pub type SiteFrames = Vec<SiteFrame>;

/// A place that a site stands for.
#[derive(Clone, Copy, Debug)]
pub struct SiteFrame {
    /// Where it is.
    pub position: Position,
    /// The name of the function that it is in (a symbol or nil), if that has a frame of its own: a top-level form has
    /// none, and a function none that has left.
    pub name: Option<Value>,
    /// The function has left by the call that stands here.
    pub has_left: bool,
}

/// What makes native code, keeps it and runs it. What each does by default suits a run without any.
pub trait NativeCode: Sync {
    /// Primitives by which programs see it.
    fn primitives(&self) -> &'static [PrimitiveInfo] {
        &[]
    }
    /// What is said of them, a text such as those that document the language's own.
    fn documentation(&self) -> &'static str {
        ""
    }
    /// A function's environment has been interpreted so often that code for it may pay.
    fn heat(&self, _runtime: &mut Runtime, _prototype: &Rc<Prototype>) {}
    /// Code is ready, or wants to be made: between two steps of the program.
    fn serve(&self, _runtime: &mut Runtime) {}
    /// Run a function that has code: the `count` arguments are in the context's argument area.
    ///
    /// # Errors
    /// When the code returns with an error on its way.
    fn run(&self, runtime: &mut Runtime, _callee: Value, _count: i64) -> Outcome {
        Err(runtime.error(ErrorKind::Compile, "there is no machine for native code", &[]))
    }
    /// Run the rest of a loop natively: `node` is a `While` or `Loop` of the prototype, whose frame starts at index `frame` of
    /// the stack of values, between two turns. `None` if there is no code for it now.
    fn run_loop(
        &self,
        _runtime: &mut Runtime,
        _prototype: &Rc<Prototype>,
        _node: &Node,
        _closure: Value,
        _frame: usize,
    ) -> Option<Outcome> {
        None
    }
    /// Code saw operands at a site that it was not made for: `seen` are bits of [`super::tree::feedback`].
    fn deviated(&self, _runtime: &mut Runtime, _image: u32, _site: u32, _seen: u8) {}
    /// A cell that code relies on has another value now.
    fn cell_changed(&self, _runtime: &mut Runtime, _cell: CellId) {}
    /// The places that a site of an image stands for.
    fn places(&self, _runtime: &Runtime, _image: u32, _site: u32) -> SiteFrames {
        Vec::new()
    }
    /// A word of an image's data table; none if the image is not loaded any more.
    fn data_word(&self, _runtime: &Runtime, _image: u32, _word: u32) -> Option<Word> {
        None
    }
    /// Set words of an image's data table, from one on.
    fn set_data_words(&self, _runtime: &Runtime, _image: u32, _first: u32, _words: &[Word]) {}
    /// Mark what code that is running needs: the range is the used part of the program's stack.
    fn trace_running(&self, _runtime: &Runtime, _stack: Range<usize>, _marker: &mut Marker) {}
    /// Mark what the code of a prototype needs.
    fn trace_prototype(&self, _runtime: &Runtime, _prototype: &Prototype, _marker: &mut Marker) {}
    /// Let go of what nobody can call any more, at the end of a collection.
    fn sweep(&self, _runtime: &mut Runtime) {}
    /// The run ends: nobody may use its context any more.
    fn stop(&self, _runtime: &mut Runtime) {}
}

/// No native code at all.
struct Interpreted;

impl NativeCode for Interpreted {}

impl Runtime {
    /// The places that a site of an image stands for, innermost first: its own, then those of the calls that inlined
    /// bodies stand in place of.
    pub(crate) fn site_of(&self, image: u32, site: u32) -> SiteFrames {
        self.native.code.places(self, image, site)
    }

    /// The position in a text that a position stands for, which may be a site of an image.
    pub fn written_position(&self, position: Position) -> Position {
        let Some((image, site)) = position.as_site() else { return position };
        self.site_of(image, site).first().map_or(Position::UNKNOWN, |place| place.position)
    }

    /// Where native code jumps to in order to reach the interpreter; 0 while no native machine is set up.
    pub fn trampoline_entry(&self) -> usize {
        self.native.trampoline
    }
}
