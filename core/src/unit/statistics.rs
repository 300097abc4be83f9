//! Counts and times of compiling.

use std::time::Instant;

macro_rules! statistics {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How long the phases of compiling took in all, in nanoseconds, and what was made.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Statistics {
            $($(#[$doc])* pub $name: u64,)*
            /// The longest time, in nanoseconds, that the program stood still at one place for compiling.
            pub longest_stall: u64,
        }
        impl Statistics {
            /// Add what another thread counted. Nothing that it did made the program stand still.
            pub(super) fn add(&mut self, other: &Statistics) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

statistics! {
    /// Units compiled.
    units,
    /// Units among them that were compiled while the program went on.
    background,
    /// Units that replaced others, whose guesses had failed.
    renewed,
    /// Functions in them.
    functions,
    /// Bytes of machine code.
    code_bytes,
    /// Bytes of the files.
    file_bytes,
    /// Tree to IR.
    lower,
    /// Optimising the IR.
    passes,
    /// Instruction selection.
    select,
    /// Register allocation.
    allocate,
    /// Encoding.
    encode,
    /// Laying out, linking and writing the image into memory.
    layout_write,
    /// Writing the file.
    file,
    /// Opening it by the system's loader.
    dlopen,
    /// Filling in the data table and the entries.
    attach,
    /// The first call into the first unit.
    first_call,
    /// Units taken back because an assumption broke.
    invalidated,
}

impl Statistics {
    /// The phases by name, in nanoseconds, in order.
    pub fn phases(&self) -> [(&'static str, u64); 10] {
        [
            ("lower", self.lower),
            ("passes", self.passes),
            ("select", self.select),
            ("allocate", self.allocate),
            ("encode", self.encode),
            ("layout+write", self.layout_write),
            ("file", self.file),
            ("dlopen", self.dlopen),
            ("attach", self.attach),
            ("first call", self.first_call),
        ]
    }

    /// The program stood still from a moment until now.
    pub(super) fn note_stall(&mut self, since: Instant) {
        self.longest_stall = self.longest_stall.max(since.elapsed().as_nanos() as u64);
    }
}

/// Measures phases.
pub(super) struct Watch(Instant);

impl Watch {
    pub(super) fn start() -> Watch {
        Watch(Instant::now())
    }
    /// Add the time since the last call to a phase.
    pub(super) fn lap(&mut self, phase: &mut u64) {
        let now = Instant::now();
        *phase += (now - self.0).as_nanos() as u64;
        self.0 = now;
    }
}
