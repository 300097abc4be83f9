//! Machines besides this CPU with the system's loader.
//!
//! - `unicorn` runs code of other CPUs in this process, on an emulator that is opened when it is needed;
//! - `wasmi` runs WebAssembly modules on an engine that is built in;
//! - `mapped` runs code of this CPU in libraries that the system's loader does not open.
//!
//! A CPU made of software needs a [`Processor`] only, from which [`Foreign`] makes a machine; a plugin outside this
//! crate may bring one.
//!
//! Both call code, and are called by it, as the system does that the format is of.
//!
//! Both map libraries themselves, which they know through an independent reader only.

mod foreign;
mod mapping;
mod native;
mod rebase;
mod signature;
mod unicorn;
mod wasm;

pub use foreign::Foreign;
pub use mapping::maps;
pub use maru_processor::{cpu, Emulator, Host, Processor, ProcessorFault, Serve};
