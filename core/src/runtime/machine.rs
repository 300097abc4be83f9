//! Machines: what runs native code. This host is one, an emulator or the IR evaluator another.

use super::{helpers, Context};
use crate::format::ObjectFormat;
use crate::load::{LoadError, LoadedImage};
use crate::target::{Architecture, API_VERSION};
use crate::value::{Value, Word};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

/// Runs code of an architecture.
///
/// Arguments are in the context's argument area; the code loads those that its convention has in registers. The
/// machine serves the context's helpers.
pub trait Machine {
    /// Its name, for reports: `host`, `evaluator`, …
    fn name(&self) -> &str;
    /// Call the Maru function at `entry` with a callee value and an argument count; its result, which may be
    /// `FAILURE`. `enter` is the function, of the C convention, that goes from the machine into Maru code:
    /// `enter(context, entry, callee, count)`. May be re-entered through a helper.
    ///
    /// # Safety
    /// `context` is the live context of the runtime that calls, `enter` and `entry` are code that this machine loaded.
    unsafe fn run(&self, enter: usize, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word;
    /// What code on this machine calls in order to reach the helpers, by number. Whoever is called there does what
    /// [`helpers::call`] does.
    fn helpers(&self) -> [usize; Context::HELPERS] {
        helpers::addresses()
    }
    /// Map a library into memory, if the system's loader cannot do that for this machine. The path is for messages.
    /// The file is one that a format wrote here, or that passed [`crate::load::check`].
    fn load(&self, _file: &[u8], _path: &Path) -> Option<Result<LoadedImage, LoadError>> {
        None
    }
    /// Memory besides the stack of this thread that code being run may hold values and return addresses in: its
    /// registers and its own stack, as they are now.
    fn frames(&self) -> Vec<Range<usize>> {
        Vec::new()
    }
}

/// What a kind of machine can do with an architecture and a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Load and run it; what it is, for reports.
    Ready(String),
    /// Load and run it, if something were installed: what, and how.
    Missing(String),
    /// Nothing.
    Unsupported,
}

/// A kind of machine, which plugins register.
pub trait MachineKind: Sync {
    /// Its name: lower case.
    fn name(&self) -> &'static str;
    /// The version of the interface it was built for.
    fn api_version(&self) -> u32 {
        API_VERSION
    }
    /// Whether it loads libraries of a format and runs the code of an architecture in them.
    fn ability(&self, architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Ability;
    /// Whether it is a CPU made of software.
    fn is_emulator(&self) -> bool;
    /// A machine for code of an architecture.
    ///
    /// # Errors
    /// Why there is none.
    fn start(&self, architecture: &dyn Architecture) -> Result<Rc<dyn Machine>, String>;
}

/// Enter native code on this CPU.
///
/// # Safety
/// As for [`Machine::run`]; the code is this CPU's, and executable.
pub unsafe fn call_enter(enter: usize, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word {
    type Enter = unsafe extern "C" fn(*mut Context, usize, Word, i64) -> Word;
    // SAFETY: `enter` is the address of a function with this signature; the caller vouches for the rest.
    unsafe { std::mem::transmute::<usize, Enter>(enter)(context, entry, callee.0, count) }
}
