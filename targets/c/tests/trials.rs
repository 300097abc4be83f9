//! Trials of calls and of random functions, by this host's compiler.

use maru_core::codegen::{find_compiler, Architecture};
use maru_trials::Bench;

/// The bench; without a compiler, `None` after saying so. Continuous integration sets `MARU_NEED_COMPILER`, and then it is a
/// failure.
fn bench() -> Option<Bench> {
    let source = maru_c::TARGET.source().expect("its code is text");
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
    calls: calls_pass_any_number_of_words, tail_calls_pass_any_number_of_words, tail_calls_take_no_stack,
        doubles_are_passed_and_returned, words_and_doubles_together, what_does_not_fit_a_convention_is_refused,
        helpers_get_their_words_and_values_survive_them, block_parameters_swap, the_entry_may_be_a_loop,
        frames_of_any_size, far_branches, deep_recursion_ends_at_the_limit,
        functions_of_a_unit_call_each_other;
    differential: random_units_agree, random_units_agree_and_shrink;
}
