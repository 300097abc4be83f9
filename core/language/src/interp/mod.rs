//! The reference interpreter: expander, resolved tree, evaluator, primitives, prelude.

mod call;
pub mod documentation;
mod eval;
pub mod expand;
pub mod helpers;
mod loading;
mod macroexpand;
mod primitives;
pub mod saved;
mod start;
mod toplevel;
pub mod tree_form;
pub mod tree_text;

pub use crate::runtime::PRELUDE_NAME;
pub use call::{
    accepts_directly, call, call_directly, catch_failure, counts, interpret, is_plain_primitive, not_applicable,
    out_of_fuel, poll, primitive_address, wrong_count,
};
pub use eval::{define_variable, kind_of_operand, set_variable, unbound, unbound_name};
pub use loading::in_file;
pub use primitives::{arguments as primitive_arguments, define_primitives, instances, print_value};
pub use toplevel::{
    evaluate_text, evaluate_toplevel, exit_status, load_prelude, run_program, set_arguments, with_environment,
};
