//! What runs compiled code in this process, at the same addresses, with no runtime: a [`Processor`].
//!
//! - [`Host`] is this CPU;
//! - [`Emulator`] runs code of the CPUs in a [table](cpu), on an emulator that is opened when it is needed;
//! - a CPU made of software is a processor of a plugin's own.
//!
//! Trials of a target need no more than that. The crate `maru-machines` makes a machine of a processor, which runs
//! programs.

mod arena;
mod convention;
pub mod cpu;
mod emulator;
mod host;
mod library;
pub mod memory;
mod processor;

pub use convention::HostConvention;
pub use emulator::Emulator;
pub use host::Host;
pub use processor::{Processor, ProcessorFault, Serve};
