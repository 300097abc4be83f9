//! Settings of a run.

use crate::value::heap::HeapOptions;

/// When functions become native.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JitMode {
    /// Never.
    Off,
    /// When their environment is hot.
    Auto,
    /// Before their first call.
    Always,
}

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// When functions become native.
    pub jit: JitMode,
    /// Name of the target; `None`: the host's.
    pub target: Option<String>,
    /// Where the target's name was given, for messages: `MARU_TARGET_ARCH`, `--target`.
    pub target_origin: String,
    /// Name of the object format; `None`: the host's.
    pub format: Option<String>,
    /// Where the format's name was given: `MARU_TARGET_FORMAT`, `--format`.
    pub format_origin: String,
    /// Name of the machine that runs native code; `None`: this host, or what can do it in its place.
    pub machine: Option<String>,
    /// Calls and loop turns in an environment that make it hot.
    pub hot_calls: u32,
    /// What gets hot is compiled by a thread of its own while the program goes on, where the machine is this host. Without
    /// it the program waits, so that what is compiled when follows from the program alone: for tests.
    pub background: bool,
    /// The heap.
    pub heap: HeapOptions,
    /// Calls of functions and loop turns that the program may make in all; `None`: any number.
    pub fuel: Option<i64>,
    /// How deep calls of functions may nest; `None`: as deep as the stack allows.
    pub max_depth: Option<i64>,
    /// Size of the interpreter's stack of values, in values.
    pub value_stack: usize,
    /// Check the heap after every collection.
    pub verify_heap: bool,
    /// Check every register allocation and every IR function.
    pub verify_code: bool,
    /// Collect times by phase.
    pub statistics: bool,
    /// How many transformations the optimiser may make in all; for bisecting its faults.
    pub optimisation_fuel: Option<u64>,
    /// Called with the bytes of every library that is compiled, and the name of its format: for tests of files.
    pub inspect_library: Option<fn(&[u8], &str)>,
    /// Run IR in the evaluator in place of machine code: the oracle between lowering and back ends.
    pub evaluator: bool,
}

impl Options {
    /// Whether compiled code must count fuel and depth.
    pub fn is_metered(&self) -> bool {
        self.fuel.is_some() || self.max_depth.is_some()
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            jit: JitMode::Auto,
            target: None,
            target_origin: String::new(),
            format: None,
            format_origin: String::new(),
            machine: None,
            hot_calls: 100,
            background: true,
            heap: HeapOptions::default(),
            fuel: None,
            max_depth: None,
            value_stack: 1 << 28,
            verify_heap: false,
            verify_code: false,
            statistics: false,
            optimisation_fuel: None,
            inspect_library: None,
            evaluator: false,
        }
    }
}
