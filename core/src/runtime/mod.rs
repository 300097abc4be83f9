//! What interpreter and native code share while a program runs.
mod context;
pub use context::*;
/// The state of one running Maru.
pub struct Runtime {}
