//! The conformance suite.
pub mod generate;
