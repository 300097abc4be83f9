//! How many of the programs each engine runs.
//!
//! Most faults of a target show in whatever format and machine its code runs, those of a format with any target's code,
//! and those of a strategy with any. So one way of running each target's code has all programs, and each pair of target,
//! format, machine and mode besides has a share of them; that is what fits into minutes. The full run has no shares.

use crate::engine::Mode;

/// Which programs run on which engines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Sampling {
    /// One way of running each target has all programs, others have shares.
    #[default]
    Shares,
    /// All programs on all engines, but for those that start a process for each unit.
    Full,
}

impl Sampling {
    /// Every so many programs are run in a mode; on the first way of running a target, or on another.
    pub fn every(self, mode: Mode, first: bool) -> u64 {
        match (self, mode) {
            (Sampling::Full, Mode::Linker | Mode::Assembler | Mode::Source) => 8,
            (Sampling::Full, _) => 1,
            (Sampling::Shares, Mode::Interpreter | Mode::Model | Mode::Evaluator) => 1,
            (Sampling::Shares, Mode::Native) => share(first, 1, 8),
            (Sampling::Shares, Mode::Hot | Mode::Background) => share(first, 2, 8),
            (Sampling::Shares, Mode::NativeO0 | Mode::NativeO1 | Mode::Memory) => share(first, 4, 16),
            // Collecting all the time is slow.
            (Sampling::Shares, Mode::Stress | Mode::NativeStress) => share(first, 8, 16),
            (Sampling::Shares, Mode::Linker | Mode::Assembler | Mode::Source) => share(first, 16, 32),
        }
    }
}

fn share(first: bool, all: u64, others: u64) -> u64 {
    if first {
        all
    } else {
        others
    }
}
