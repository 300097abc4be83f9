//! Values: tagged words, the heap they live in, numbers, and printing.

mod layout;

pub use layout::*;
