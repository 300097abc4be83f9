//! The variables of the process's environment that Maru reads: `maru doctor` shows them, and the README has the same table.
//! A test reads the project's sources for any that is missing here.

/// A variable.
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it says.
    pub about: &'static str,
    /// What holds where it is not set or empty.
    pub default: &'static str,
}

const fn variable(name: &'static str, about: &'static str, default: &'static str) -> Variable {
    Variable { name, about, default }
}

/// What people set. Flags win over variables.
pub const VARIABLES: &[Variable] = &[
    variable("MARU_TARGET_ARCH", "the target's architecture, as `--target`", "this host's"),
    variable("MARU_TARGET_FORMAT", "the object format, as `--format`", "this host's"),
    variable("MARU_OPT", "how much is done for the speed of code, 0 to 2, as `-O`", "2"),
    variable("MARU_STRATEGY", "how code comes to life, as `--strategy`", "direct"),
    variable("MARU_HOT_CALLS", "how many calls and turns of loops make an environment hot", "100"),
    variable("MARU_OPT_FUEL", "how many steps the optimiser may take, to find one that does harm", "any number"),
    variable(
        "MARU_SYMBOLS",
        "who is told of code in memory, and finds the files of libraries for a day: `gdb`, `perf`, or both with a comma between",
        "whichever of them began the program",
    ),
    variable(
        "MARU_LINKER",
        "the linker of the strategies `linker` and `assembler`",
        "the first found of those that the format knows",
    ),
    variable(
        "MARU_ASSEMBLER",
        "the assembler of the strategy `assembler`",
        "the first found of those that the target knows",
    ),
    variable("MARU_CC", "the compiler of targets whose code is text", "cc"),
    variable("MARU_UNICORN", "the emulator's library", "the one that Python's package unicorn brings, or the system's"),
    variable(
        "MARU_CACHE",
        "an absolute path: the directory of saved environments and of compiled code that is kept",
        "maru in $XDG_CACHE_HOME or ~/.cache",
    ),
    variable("MARU_CACHE_SIZE", "how much compiled code is kept, such as 512M; 0: none", "256M"),
    variable("MARU_SHARED_CACHE", "directories with kept code that are only read from, with colons between", "none"),
    variable(
        "MARU_TMPDIR",
        "an absolute path: where libraries lie while they are loaded",
        "$XDG_RUNTIME_DIR, /dev/shm, $TMPDIR, /tmp: the first that allows code",
    ),
    variable(
        "MARU_HISTORY",
        "the file with the prompt's history; none is kept if it is empty",
        "maru/history in $XDG_STATE_HOME or ~/.local/state",
    ),
];

/// What the project's own tests read.
pub const VARIABLES_OF_TESTS: &[Variable] = &[
    variable(
        "MARU_NEED_EMULATOR",
        "set: a test that wants the emulator fails where there is none",
        "it says that it did not run",
    ),
    variable(
        "MARU_NEED_COMPILER",
        "set: a test that wants a C compiler fails where there is none",
        "it says that it did not run",
    ),
    variable("MARU_FAULT", "which fault a copy of Maru has that `maru conform faults` planted", "none"),
    variable("MARU_UNITS", "how many units a target's trials run", "400"),
    variable("MARU_LEGALISE_UNITS", "how many units are tried for legalising", "1500"),
    variable("MARU_FUZZ_INPUTS", "how many inputs the reader's and expander's fuzzing tries", "some thousand"),
    variable("MARU_FUZZ_FIRST", "the number of the first of them", "0"),
    variable("MARU_STRESS", "how many allocations fail in turn, a form", "100"),
    variable("MARU_EVERY_FAULT", "set: every system call of saving and loading is made to fail", "every seventh"),
    variable("MARU_SHAPE", "the one shape of code whose growth is measured", "all"),
];
