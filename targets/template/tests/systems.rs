//! Every trial once more on the CPU's second system, on which words of helpers lie on the stack: nothing but the system's
//! number is another.

use maru_core::codegen::{Architecture, System};
use maru_template::{abi::ON_STACK, TARGET};
use maru_template_cpu::Cpu;
use maru_trials::Bench;

maru_trials::trial_tests!(Some(Bench { system: ON_STACK, ..Bench::new(&TARGET, Box::new(Cpu::on(ON_STACK))) }));

#[test]
fn a_system_that_the_cpu_has_not_is_refused() {
    let functions = maru_core::ir::parse::parse("function f(v0: w) -> w {\nb0:\n  return v0\n}\n").expect("good text");
    let error = TARGET.compile_for(&functions[0], System(2)).expect_err("refused");
    assert!(error.to_string().contains("no system of number 2"), "{error}");
}

#[test]
fn the_systems_differ_where_words_lie_on_the_stack_only() {
    let text = "function f(v0: w, v1: w) -> w {\nb0:\n  v2 = helper HELPER\n  return v2\n}\n";
    for (helper, same) in [("poll", false), ("define_cell v0 v1 v0", false), ("", true)] {
        let text = if same { text.replace("helper HELPER", "add v0 v1") } else { text.replace("HELPER", helper) };
        let function = &maru_core::ir::parse::parse(&text).expect("good text")[0];
        let codes = [System(0), ON_STACK].map(|system| TARGET.compile_for(function, system).expect("code").bytes);
        assert_eq!(codes[0] == codes[1], same, "{helper}");
    }
}
