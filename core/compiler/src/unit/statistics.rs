//! Counts and times of compiling.

use std::time::{Duration, Instant};

macro_rules! statistics {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// How long the phases of compiling took in all, in nanoseconds, and what was made.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Statistics {
            $($(#[$doc])* pub $name: u64,)*
            /// The longest time, in nanoseconds, that the program stood still at one place for compiling.
            pub longest_stall: u64,
            /// The most processor time that compiling took at one place: the same, but for what else runs on the
            /// machine.
            pub longest_stall_processor: u64,
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
    /// Units that were loaded.
    units,
    /// Units among them that were compiled while the program went on.
    background,
    /// Units that replaced others, whose guesses had failed.
    renewed,
    /// Units whose code was kept from an earlier run.
    cache_hits,
    /// Units whose code was looked for, and had to be compiled.
    cache_misses,
    /// Functions that were compiled.
    functions,
    /// Bytes of machine code.
    code_bytes,
    /// Bytes of the files.
    file_bytes,
    /// Tree to IR.
    lower,
    /// Looking for kept code.
    look_up,
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
    pub fn phases(&self) -> [(&'static str, u64); 11] {
        [
            ("lower", self.lower),
            ("look up", self.look_up),
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

    /// Kept code was looked for.
    pub(super) fn note_look_up(&mut self, found: bool) {
        self.cache_hits += u64::from(found);
        self.cache_misses += u64::from(!found);
    }

    /// The program goes on.
    pub(super) fn note_stall(&mut self, stall: &Stall) {
        let (elapsed, processor) = (stall.elapsed(), stall.processor_time());
        self.longest_stall = self.longest_stall.max(elapsed.as_nanos() as u64);
        self.longest_stall_processor = self.longest_stall_processor.max(processor.as_nanos() as u64);
    }
}

/// The program stands still for compiling since then.
pub(super) struct Stall {
    processor: Duration,
    since: Instant,
}

impl Stall {
    pub(super) fn begin() -> Stall {
        Stall { processor: thread_time(), since: Instant::now() }
    }
    pub(super) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }
    /// How long this thread has worked since then.
    pub(super) fn processor_time(&self) -> Duration {
        thread_time().saturating_sub(self.processor)
    }
}

/// How long this thread has worked in all.
fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the time is there to be written; if the clock should be missing, it stays zero.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
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
