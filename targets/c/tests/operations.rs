//! Trials of operations: thousands of units of a line or two. So the compiler that starts soonest is taken, if it is here.

use maru_core::codegen::{find_compiler, Architecture, COMPILER_VARIABLE};
use maru_trials::Bench;
use std::sync::Once;

/// Compilers that start sooner than the usual ones.
const QUICK: &str = "tcc";

fn bench() -> Option<Bench> {
    static CHOICE: Once = Once::new();
    let source = maru_c::TARGET.source().expect("its code is text");
    CHOICE.call_once(|| {
        let is_here = source.compilers().iter().any(|tool| tool.program == QUICK && tool.is_here());
        if is_here && std::env::var_os(COMPILER_VARIABLE).is_none() {
            std::env::set_var(COMPILER_VARIABLE, QUICK);
        }
    });
    match find_compiler(source) {
        Ok(_) => Some(Bench::on_host(&maru_c::TARGET)),
        Err(missing) => {
            assert!(std::env::var_os("MARU_NEED_COMPILER").is_none(), "{missing}");
            eprintln!("NOT RUN: {missing}");
            None
        }
    }
}

maru_trials::trial_tests! { bench();
    operations: binary, binary_whose_operands_live_on, binary_of_one_value, overflowing, compare,
        has_tag_for_all_masks, float_binary, float_unary_and_conversions, float_compare, memory,
        constants_are_stored, doubles_in_memory, context_and_data_words, branches_on_memory;
}
