//! Compiling anew what has guessed wrong, and the announcements of the thread that compiles. The IR is evaluated, so that
//! no target is needed.

use maru_compiler::unit::HasUnits;
use maru_core::abi::layout::Value;
use maru_core::abi::{announce_compiled, request_interrupt};
use maru_language::interp;
use maru_language::runtime::tree::{feedback, Node};
use maru_language::runtime::{JitMode, Options, Runtime};
use maru_language::value::on_large_stack;

/// What native code does when an operand is not what it was made for.
fn deviated(runtime: &mut Runtime, image: u32, site: u32, seen: u8) {
    let code = runtime.native.code;
    code.deviated(runtime, image, site, seen);
}

fn with_runtime(body: impl FnOnce(&mut Runtime)) {
    let options = Options { jit: JitMode::Always, evaluator: true, ..Options::default() };
    on_large_stack(1 << 28, |stack| body(&mut maru_compiler::runtime(options, stack).expect("a runtime")))
        .expect("a stack");
}

fn run(runtime: &mut Runtime, program: &str) -> Value {
    interp::run_program(runtime, "test.l", program).expect("a value")
}

/// The number of the image that a function's code is in, the number of the site of its body, which is a call, and what
/// that has seen.
fn call_of(runtime: &mut Runtime, name: &str) -> (u32, u32, u8) {
    let global = runtime.global_environment();
    let function = runtime.lookup(global, name).expect("bound");
    let prototype = runtime.prototype(function).expect("a function").clone();
    assert!(prototype.native.compiled.get(), "{name}");
    let Node::Call(call) = &prototype.body else { panic!("{:?}", prototype.body) };
    let number = prototype.native.image.get();
    let image = runtime.native.units().image(number).expect("an image");
    let site = image.sites.iter().position(|site| site.position == call.position).expect("a site");
    (number, site as u32, call.feedback.get())
}

#[test]
fn code_that_guesses_wrong_is_compiled_anew_less_and_less_often() {
    with_runtime(|runtime| {
        run(runtime, "(define (sum a b) (+ a b)) (sum 1 2)");
        let mut patience = 200;
        for (renewed, bits) in [feedback::DOUBLE, feedback::OTHER].into_iter().enumerate() {
            let (image, site, seen) = call_of(runtime, "sum");
            assert_eq!(seen & bits, 0);
            for _ in 1..patience {
                deviated(runtime, image, site, bits);
            }
            assert_eq!(call_of(runtime, "sum").0, image);
            assert_eq!(runtime.native.units().statistics.renewed, renewed as u64);
            deviated(runtime, image, site, bits);
            let (next, _, seen) = call_of(runtime, "sum");
            assert_ne!(next, image);
            assert_eq!(seen & bits, bits);
            assert_eq!(runtime.native.units().statistics.renewed, renewed as u64 + 1);
            patience *= 2;
        }
        assert_eq!(run(runtime, "(sum 20 22)"), Value::fixnum(42));
    });
}

#[test]
fn code_that_would_come_out_the_same_is_left_alone() {
    with_runtime(|runtime| {
        run(runtime, "(define (sum a b) (+ a b)) (sum 1 2)");
        let (image, site, _) = call_of(runtime, "sum");
        for _ in 0..200 {
            deviated(runtime, image, site, feedback::OTHER);
        }
        let (image, site, seen) = call_of(runtime, "sum");
        assert_eq!(seen & feedback::OTHER, feedback::OTHER);
        for _ in 0..10_000 {
            deviated(runtime, image, site, feedback::OTHER);
            deviated(runtime, image, u32::MAX, feedback::DOUBLE);
            deviated(runtime, u32::MAX, site, feedback::DOUBLE);
        }
        assert_eq!(call_of(runtime, "sum").0, image);
        assert_eq!(runtime.native.units().statistics.renewed, 1);
    });
}

#[test]
fn a_function_is_compiled_anew_five_times_at_most() {
    with_runtime(|runtime| {
        run(runtime, "(define (many a) (list (+ a 1) (+ a 2) (+ a 3) (+ a 4) (+ a 5) (+ a 6) (+ a 7))) (many 1)");
        let global = runtime.global_environment();
        let function = runtime.lookup(global, "many").expect("bound");
        let prototype = runtime.prototype(function).expect("a function").clone();
        // One operand's kind after another turns out to be another.
        for number in 0..7 {
            let image = prototype.native.image.get();
            let Node::Call(list) = &prototype.body else { panic!() };
            let Node::Call(call) = &list.arguments[number] else { panic!() };
            let sites = &runtime.native.units().image(image).expect("an image").sites;
            let site = sites.iter().position(|site| site.position == call.position).expect("a site");
            for _ in 0..100_000 {
                deviated(runtime, image, site as u32, feedback::OTHER);
            }
        }
        assert_eq!(prototype.native.renewals.get(), 5);
        assert_eq!(runtime.native.units().statistics.renewed, 5);
    });
}

#[test]
fn code_that_is_ready_interrupts_nothing_and_hides_no_interrupt() {
    with_runtime(|runtime| {
        let interrupt = &raw mut runtime.context.interrupt;
        // SAFETY: the context is alive.
        unsafe { announce_compiled(interrupt) };
        assert_eq!(interp::poll(runtime), Ok(()));
        assert_eq!(runtime.context.interrupt, 0);
        let context = &raw mut *runtime.context;
        // SAFETY: as above.
        unsafe {
            announce_compiled(interrupt);
            assert!(request_interrupt(context));
            announce_compiled(interrupt);
        }
        assert!(interp::poll(runtime).is_err());
        runtime.take_failure();
        assert_eq!(interp::poll(runtime), Ok(()));
        assert_eq!(runtime.context.stack_limit, runtime.context.stack_floor);
    });
}
