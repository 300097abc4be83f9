//! The reference interpreter: expander, resolved tree, evaluator, primitives, prelude.

mod call;
pub mod classes;
pub mod constant_table;
mod eval;
pub mod expand;
mod extensions;
mod loading;
mod output;
mod ports;
mod primitives;
mod toplevel;
pub mod tree;
pub mod tree_digest;
pub mod tree_form;
pub mod tree_text;

pub use call::{
    accepts_directly, call, call_directly, catch_failure, interpret, is_plain_primitive, not_applicable, out_of_fuel,
    poll, primitive_address, wrong_count,
};
pub use eval::{define_variable, kind_of_operand, set_variable, unbound, unbound_name};
pub use extensions::{sweep_extensions, trace_extension, trace_extensions, trace_template, Extensions};
pub use loading::in_file;
pub use output::Output;
pub use ports::{Port, Stream};
pub use primitives::{define_primitives, instances, print_value};
pub use toplevel::{
    evaluate_text, evaluate_toplevel, exit_status, load_prelude, run_program, set_arguments, with_environment,
};

use crate::runtime::{Outcome, Runtime};
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
    const fn fixed(name: &'static str, count: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least: count, most: Some(count), function }
    }
    /// A primitive that takes some optional arguments.
    const fn optional(name: &'static str, least: u32, most: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least, most: Some(most), function }
    }
    /// A primitive that takes any number of arguments from `least` on.
    const fn variadic(name: &'static str, least: u32, function: PrimitiveFunction) -> PrimitiveInfo {
        PrimitiveInfo { name, least, most: None, function }
    }
}
