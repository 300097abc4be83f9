//! Primitives: functions of the language that are written in Rust.

use super::{Outcome, Runtime};
use crate::value::Value;

/// A primitive's code. Arguments stay reachable during the call; their number has been checked.
pub type PrimitiveFunction = fn(&mut Runtime, &[Value]) -> Outcome;

/// A primitive.
#[derive(Clone, Copy)]
pub struct PrimitiveInfo {
    /// The name it is bound to in the global environment.
    pub name: &'static str,
    /// Fewest arguments.
    pub least: u32,
    /// Most arguments; `None`: any number.
    pub most: Option<u32>,
    /// Its code.
    pub function: PrimitiveFunction,
}

impl PrimitiveInfo {
    /// Whether it takes that many arguments.
    pub fn accepts(&self, count: usize) -> bool {
        count >= self.least as usize && self.most.is_none_or(|most| count <= most as usize)
    }
    /// A primitive that takes a fixed number of arguments.
    pub const fn fixed(name: &'static str, count: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least: count, most: Some(count), function }
    }
    /// A primitive that takes some optional arguments.
    pub const fn optional(name: &'static str, least: u32, most: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least, most: Some(most), function }
    }
    /// A primitive that takes any number of arguments from `least` on.
    pub const fn variadic(name: &'static str, least: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least, most: None, function }
    }
}
