//! Values: tagged words, the heap they live in, numbers, and printing.

pub mod heap;
mod layout;
pub mod number;
pub mod print;

pub use layout::*;
