//! Machines besides this CPU with the system's loader.
//!
//! - `unicorn` runs code of other CPUs in this process, on an emulator that is opened when it is needed;
//! - `mapped` runs code of this CPU in libraries that the system's loader does not open.
//!
//! Both map libraries themselves ([`mapping`]), which they know through an independent reader only.

pub mod cpu;
pub mod emulator;
mod library;
pub mod mapping;
mod memory;
mod native;
mod rebase;
mod signature;
mod unicorn;

pub use emulator::{Emulator, Fault};
