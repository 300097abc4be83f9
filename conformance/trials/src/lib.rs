//! Trials of a target by itself: verified IR, compiled and run on the target's CPU or something that acts as it, with
//! no runtime, no library and no program. They are what a new target runs first, because a failure here is a few
//! lines of IR and not a program.
//!
//! ```text
//! maru_trials::trial_tests!(Some(Bench::new(&TARGET, Box::new(MyProcessor::new()))));
//! ```
//!
//! makes a test of each. [`operations`] first, then [`boundaries`], [`calls`] and [`differential`]. [`golden`] is for
//! reading what was encoded.

pub mod boundaries;
pub mod calls;
pub mod differential;
pub mod golden;
mod library;
mod loaded;
pub mod operations;
mod sheet;

pub use loaded::{busy_unit, unit, Bench, HelperFunction, Loaded, DOUBLES, WORDS};

use maru_core::codegen::{Architecture, System};
use maru_processor::{cpu, Emulator, Host, HostConvention, Processor};

impl Bench {
    /// A target on a processor, for the CPU's first system.
    pub fn new(architecture: &'static dyn Architecture, processor: Box<dyn Processor>) -> Bench {
        Bench { architecture, system: System::default(), processor }
    }

    /// A target on this host's CPU.
    ///
    /// # Panics
    /// If that is another CPU.
    pub fn on_host(architecture: &'static dyn Architecture) -> Bench {
        Bench::on_host_as(architecture, System::default())
    }

    /// The same where C functions are called as on one of the CPU's systems.
    ///
    /// # Panics
    /// If that is another CPU, or this host's compiler does not know the system's convention.
    pub fn on_host_as(architecture: &'static dyn Architecture, system: System) -> Bench {
        assert!(architecture.is_host(), "this host is no {}", architecture.name());
        let convention = HostConvention::of(system).expect("a convention that this host's compiler knows");
        Bench { architecture, system, processor: Box::new(Host(convention)) }
    }

    /// A target on the emulator. Where that is not installed, `None` after saying so on standard error; continuous
    /// integration sets `MARU_NEED_EMULATOR`, and then it is a failure.
    ///
    /// # Panics
    /// If the emulator has no such CPU, or is needed and missing.
    pub fn on_emulator(architecture: &'static dyn Architecture) -> Option<Bench> {
        Bench::on_emulator_as(architecture, System::default())
    }

    /// The same where C functions are called as on one of the CPU's systems.
    ///
    /// # Panics
    /// As `on_emulator`.
    pub fn on_emulator_as(architecture: &'static dyn Architecture, system: System) -> Option<Bench> {
        let name = architecture.name();
        let cpu = cpu::find(name, system).unwrap_or_else(|| panic!("the emulator's table has no row for {name}"));
        match Emulator::new(cpu) {
            Ok(emulator) => Some(Bench { architecture, system, processor: Box::new(emulator) }),
            Err(message) => {
                assert!(std::env::var_os("MARU_NEED_EMULATOR").is_none(), "{message}");
                eprintln!("NOT RUN: {message}");
                None
            }
        }
    }
}

/// Makes a test of each trial, in modules named after the trials'. The bench is an expression of the type
/// `Option<Bench>`, evaluated for each test; `None` is for what cannot be had here, after saying so.
#[macro_export]
macro_rules! trial_tests {
    ($bench:expr) => {
        $crate::trial_tests! { $bench;
            operations: binary, binary_whose_operands_live_on, binary_of_one_value, overflowing, compare,
                has_tag_for_all_masks, float_binary, float_unary_and_conversions, float_compare, memory,
                constants_are_stored, doubles_in_memory, context_and_data_words, branches_on_memory;
            boundaries: constants_on_either_side, divisions_by_constants, doubles_at_their_edges, operands_in_memory,
                large_frames_of_words_and_doubles, registers_in_every_role, rings_of_values, branches_about_each_reach;
            calls: calls_pass_any_number_of_words, tail_calls_pass_any_number_of_words, tail_calls_take_no_stack,
                doubles_are_passed_and_returned, words_and_doubles_together, what_does_not_fit_a_convention_is_refused,
                helpers_get_their_words_and_values_survive_them, block_parameters_swap, the_entry_may_be_a_loop,
                frames_of_any_size, far_branches, deep_recursion_ends_at_the_limit,
                functions_of_a_unit_call_each_other;
            differential: random_units_agree, random_units_agree_and_shrink;
        }
    };
    ($bench:expr; $($module:ident: $($trial:ident),*;)*) => {
        $(mod $module {
            #[allow(unused_imports)] // What the expression names.
            use super::*;
            $(#[test]
            fn $trial() {
                if let Some(bench) = $bench {
                    $crate::$module::$trial(&bench);
                }
            })*
        })*
    };
}
