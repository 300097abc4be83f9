//! Machines: what runs native code. This host is one, an emulator or the IR evaluator another.

use crate::load::{LoadError, LoadedImage};
use maru_core::abi::layout::{Value, Word};
use maru_core::abi::Context;
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use maru_core::registry::check_distinct;
use maru_language::interp::helpers;
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
    /// Whether it loads libraries of a format and runs the code of an architecture in them.
    fn ability(&self, architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Ability;
    /// Whether it is a CPU made of software.
    fn is_emulator(&self) -> bool;
    /// A machine for code of an architecture in libraries of a format, which names the system by whose convention
    /// helpers are called and entries are.
    ///
    /// # Errors
    /// Why there is none.
    fn start(&self, architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Result<Rc<dyn Machine>, String>;
}

/// A registered kind of machine.
pub struct MachinePlugin {
    /// The kind.
    pub kind: &'static dyn MachineKind,
    /// The module that registered it, for messages.
    pub origin: &'static str,
}

inventory::collect!(MachinePlugin);

/// Registers a kind of machine: `maru_compiler::register_machine!(STATIC);`.
#[macro_export]
macro_rules! register_machine {
    ($plugin:expr) => {
        $crate::inventory::submit! { $crate::machine::MachinePlugin { kind: &$plugin, origin: module_path!() } }
    };
}

/// All kinds of machine, sorted by name. This host itself is none of them.
pub fn machines() -> Vec<&'static dyn MachineKind> {
    let mut all: Vec<_> = inventory::iter::<MachinePlugin>.into_iter().map(|plugin| plugin.kind).collect();
    all.sort_by_key(|machine| machine.name());
    all
}

/// Whether each name stands for one kind of machine.
///
/// # Errors
/// A message that names the name and the modules of both kinds.
pub fn check_names() -> Result<(), String> {
    let plugins = inventory::iter::<MachinePlugin>.into_iter();
    check_distinct("machine", plugins.map(|plugin| (plugin.kind.name(), &[][..], plugin.origin)))
}

/// The name of this host as a machine, where machines are chosen by name.
pub const HOST: &str = "host";

/// What runs code of an architecture in a format here: this host (`None`) if it can, or else the first kind of
/// machine that is ready; or the kind with a name.
///
/// # Errors
/// A message that says what is missing, and what can be done without it.
pub fn find_machine(
    architecture: &dyn Architecture,
    format: &dyn ObjectFormat,
    wanted: Option<&str>,
) -> Result<Option<&'static dyn MachineKind>, String> {
    let (cpu, container) = (architecture.name(), format.name());
    let host = architecture.is_host() && format.is_host();
    if wanted.map_or(host, |name| name == HOST && host) {
        return Ok(None);
    }
    let mut reasons = Vec::new();
    // A CPU of hardware before one of software.
    let mut all = machines();
    all.sort_by_key(|kind| kind.is_emulator());
    for kind in all.into_iter().filter(|kind| wanted.is_none_or(|name| name == kind.name())) {
        match kind.ability(architecture, format) {
            Ability::Ready(_) => return Ok(Some(kind)),
            Ability::Missing(what) => reasons.push(what),
            Ability::Unsupported => {}
        }
    }
    let reason = match reasons.is_empty() {
        true => {
            wanted.map_or_else(|| "no machine does".into(), |name| format!("there is no machine '{name}' that does"))
        }
        false => reasons.join("; "),
    };
    Err(format!("this host does not run {cpu} code in libraries of the format {container}: {reason}"))
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
