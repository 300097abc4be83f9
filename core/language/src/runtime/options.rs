//! Settings of a run.

use super::Grants;
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

/// How much is done for the speed of compiled code. What it does is the same at each level.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum OptimisationLevel {
    /// Each place of a program is compiled once, for values of any type; functions are not inlined, IR stays as it is.
    None,
    /// What is known of types is used, but nothing is guessed. IR is optimised.
    Known,
    /// Types are guessed from what was seen.
    #[default]
    Full,
}

impl OptimisationLevel {
    /// All levels.
    pub const ALL: [OptimisationLevel; 3] =
        [OptimisationLevel::None, OptimisationLevel::Known, OptimisationLevel::Full];

    /// Its number, from 0.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// How a unit's code comes to life. What it does is the same by each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Strategy {
    /// Maru writes the whole library.
    #[default]
    Direct,
    /// Maru writes a relocatable object, and the system's linker makes a library of it.
    Linker,
    /// Maru writes assembly text; an assembler makes an object of it, and the system's linker a library.
    Assembler,
    /// There is no library: code is put into this process's memory.
    Memory,
}

impl Strategy {
    /// All strategies.
    pub const ALL: [Strategy; 4] = [Strategy::Direct, Strategy::Linker, Strategy::Assembler, Strategy::Memory];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::Direct => "direct",
            Strategy::Linker => "linker",
            Strategy::Assembler => "assembler",
            Strategy::Memory => "memory",
        }
    }
}

/// Bounds of the lowering that only large functions meet, set narrower: for tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LoweringBounds {
    /// What may be emitted for a function before its blocks have no more versions.
    pub budget: Option<usize>,
    /// Registers live in memory in functions of any size.
    pub in_memory: bool,
}

/// Settings of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Compiled code is kept for the next run; `None`: it is not.
    pub keep: Option<KeptCode>,
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
    /// How much is done for the speed of compiled code.
    pub level: OptimisationLevel,
    /// How libraries are made.
    pub strategy: Strategy,
    /// Narrower bounds of the lowering.
    pub bounds: LoweringBounds,
    /// How many transformations the optimiser may make in all; for bisecting its faults.
    pub optimisation_fuel: Option<u64>,
    /// Called with the bytes of every library that is compiled, and the name of its format: for tests of files.
    pub inspect_library: Option<fn(&[u8], &str)>,
    /// Files with code must be signed with one of these keys; if there are none, nothing is asked.
    pub trusted: Vec<PublicKey>,
    /// What the program may touch outside of itself; `None`: anything.
    pub sandbox: Option<Grants>,
    /// Run IR in the evaluator in place of machine code: the oracle between lowering and back ends.
    pub evaluator: bool,
}

/// A key by which signatures are checked.
pub type PublicKey = [u8; 32];

/// How compiled code is kept from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptCode {
    /// Names the compiler itself: another one may make other code of the same program.
    pub compiler: String,
    /// Bytes that kept code may take in all.
    pub limit: u64,
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
            keep: None,
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
            level: OptimisationLevel::default(),
            strategy: Strategy::default(),
            bounds: LoweringBounds::default(),
            optimisation_fuel: None,
            inspect_library: None,
            trusted: Vec::new(),
            sandbox: None,
            evaluator: false,
        }
    }
}
