//! The same programs on every target, compared with the interpreter.

pub mod golden;
