//! Values: the heap they live in, stacks, and numbers. The layout of values is that of [`maru_core::abi`].

pub mod heap;
pub mod number;
pub(crate) mod reserve;
mod stack;

pub use maru_core::abi::layout::*;
pub use reserve::share;
pub(crate) use stack::prepare_spill;
pub use stack::{on_large_stack, spill, stack_address, DEFAULT_STACK_SIZE};
