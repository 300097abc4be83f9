//! Primitives: functions of the language that are written in Rust.

use super::{Outcome, Runtime, Touch};
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
    /// Whether it is known to run no code of the program and to define nothing, so that what compiled code assumed
    /// before a call of it holds after it. Said only of those that programs use often.
    pub quiet: bool,
    /// Whether it is `apply`, which gives its place to the function that it calls: the loop of calls does what it does.
    pub spreads: bool,
    /// What it touches outside of the program, which a sandbox may refuse; `None`: what its section says.
    pub touches: Option<Touch>,
}

impl PrimitiveInfo {
    /// Whether it takes that many arguments.
    pub fn accepts(&self, count: usize) -> bool {
        count >= self.least as usize && self.most.is_none_or(|most| count <= most as usize)
    }
    /// A primitive that takes a fixed number of arguments.
    pub const fn fixed(name: &'static str, count: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least: count, most: Some(count), function, ..PLAIN }
    }
    /// A primitive that takes some optional arguments.
    pub const fn optional(name: &'static str, least: u32, most: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least, most: Some(most), function, ..PLAIN }
    }
    /// A primitive that takes any number of arguments from `least` on.
    pub const fn variadic(name: &'static str, least: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least, most: None, function, ..PLAIN }
    }
    /// The same, known to be [quiet](PrimitiveInfo::quiet).
    pub const fn quiet(self) -> PrimitiveInfo {
        PrimitiveInfo { quiet: true, ..self }
    }
    /// The same, which touches something outside of the program, or expressly nothing.
    pub const fn touching(self, touch: Touch) -> PrimitiveInfo {
        PrimitiveInfo { touches: Some(touch), ..self }
    }
    /// The same, but [spreading](PrimitiveInfo::spreads).
    pub const fn spreading(self) -> PrimitiveInfo {
        PrimitiveInfo { spreads: true, ..self }
    }
}

/// What most primitives have in common.
const PLAIN: PrimitiveInfo = PrimitiveInfo {
    name: "",
    least: 0,
    most: None,
    function: |_, _| Ok(Value::NIL),
    quiet: false,
    spreads: false,
    touches: None,
};
