//! The evaluator as Rust code sees it: calls, limits, interrupts, and leaving.

use maru_core::abi::layout::{offset, Value};
use maru_core::abi::Position;
use maru_language::interp;
use maru_language::runtime::{JitMode, Options, Runtime};
use maru_language::syntax::print::{text, Style};
use maru_language::value::heap::HeapOptions;
use maru_language::value::on_large_stack;

fn options() -> Options {
    Options { jit: JitMode::Off, ..Options::default() }
}

fn with_runtime<T>(options: Options, body: impl FnOnce(&mut Runtime) -> T) -> T {
    on_large_stack(1 << 28, |stack| body(&mut maru_compiler::runtime(options, stack).expect("a runtime")))
        .expect("a stack")
}

/// The text of a program's value, or its error's kind in angle brackets.
fn run(runtime: &mut Runtime, program: &str) -> String {
    match interp::run_program(runtime, "test.l", program) {
        Ok(value) => text(runtime, value, Style::Dump),
        Err(_) => {
            let error = runtime.take_failure();
            runtime.error_kind(error).map_or("<none>".into(), |kind| format!("<{}>", kind.name()))
        }
    }
}

fn check(options: Options, program: &str, expected: &str) {
    with_runtime(options, |runtime| assert_eq!(run(runtime, program), expected));
}

#[test]
fn rust_calls_closures_and_primitives() {
    with_runtime(options(), |runtime| {
        run(runtime, "(define (f a . b) (list a b))");
        let global = runtime.global_environment();
        let function = runtime.lookup(global, "f").expect("f");
        let value = interp::call(runtime, function, &[Value::fixnum(1), Value::TRUE]).expect("a value");
        assert_eq!(text(runtime, value, Style::Dump), "(1 (#t))");
        let plus = runtime.lookup(global, "+").expect("+");
        let value = interp::call(runtime, plus, &[Value::fixnum(1), Value::fixnum(2)]);
        assert_eq!(value, Ok(Value::fixnum(3)));
        assert!(interp::call(runtime, Value::TRUE, &[]).is_err());
        assert!(interp::call(runtime, function, &[]).is_err());
        assert_eq!(runtime.stack.top, 0);
    });
}

#[test]
fn rust_applies_through_apply() {
    with_runtime(options(), |runtime| {
        let global = runtime.global_environment();
        let apply = runtime.lookup(global, "apply").expect("apply");
        let plus = runtime.lookup(global, "+").expect("+");
        let list = runtime.list(&[Value::fixnum(2), Value::fixnum(3)]).expect("memory");
        assert_eq!(interp::call(runtime, apply, &[plus, Value::fixnum(1), list]), Ok(Value::fixnum(6)));
        // As native code calls it, past the loop that recognises it.
        let code = runtime.primitives.iter().find(|primitive| primitive.name == "apply").expect("apply").function;
        assert_eq!(code(runtime, &[plus, Value::fixnum(1), list]), Ok(Value::fixnum(6)));
        assert!(code(runtime, &[plus, Value::TRUE]).is_err());
        assert_eq!(runtime.stack.top, 0);
    });
}

#[test]
fn fuel_counts_calls_and_turns() {
    let with_fuel = |fuel| Options { fuel: Some(fuel), ..options() };
    let calls = "(define (f n) (if (= n 0) 'done (f (- n 1)))) (f 20)";
    check(with_fuel(10_000_000), calls, "done");
    for (program, kind) in [
        ("(define (f n) (f n)) (f 1)", "<out-of-fuel>"),
        ("(while 1)", "<out-of-fuel>"),
        ("(let loop () (loop))", "<out-of-fuel>"),
        ("(define (f) (+ 1 (f))) (f)", "<out-of-fuel>"),
        ("(try (while 1) (catch (e) (error-kind e)))", "out-of-fuel"),
        ("(try (while 1) (catch (e) (while 1)))", "<out-of-fuel>"),
    ] {
        check(with_fuel(5_000), program, kind);
    }
}

#[test]
fn depth_is_counted_exactly() {
    let with_depth = |depth| Options { max_depth: Some(depth), ..options() };
    // The top-level form ends in the first call of f, which takes its place; n more wait or run.
    let program = "(define (f n) (if (= n 0) 0 (+ 1 (f (- n 1))))) (f 10)";
    check(with_depth(11), program, "10");
    check(with_depth(10), program, "<stack-overflow>");
    let tail = "(define (f n) (if (= n 0) 'done (f (- n 1)))) (f 1000)";
    check(with_depth(3), tail, "done");
    let caught = "(define (f n) (+ 1 (f n))) (list (try (f 1) (catch (e) 1)) (try (f 1) (catch (e) 2)))";
    check(with_depth(50), caught, "(1 2)");
}

#[test]
fn an_interrupt_stops_loops_and_calls() {
    for program in ["(while 1)", "(let loop () (loop))", "(define (f) (f)) (f)"] {
        with_runtime(options(), |runtime| {
            runtime.context.interrupt = 1;
            assert_eq!(run(runtime, program), "<interrupt>");
            assert_eq!(runtime.context.interrupt, 0);
            assert_eq!(run(runtime, "(+ 1 2)"), "3");
        });
    }
}

#[test]
fn memory_runs_out_as_an_error() {
    let heap = HeapOptions { max_bytes: 16 << 20, ..HeapOptions::default() };
    let options = Options { heap, ..options() };
    let program = "(define (fill l) (fill (cons 1 l)))
        (define (attempt f) (try (f) (catch (e) (error-kind e))))
        (list (attempt (lambda () (fill ())))
              (attempt (lambda () (let ((a (array))) (while 1 (array-append a (array 1000))))))
              (attempt (lambda () (let ((s \"ab\")) (while 1 (set s (concat-string s s))))))
              (length (iota 1000)))";
    check(options, program, "(out-of-memory out-of-memory out-of-memory 1000)");
}

#[test]
fn exit_passes_handlers_but_not_finally() {
    with_runtime(options(), |runtime| {
        let program = "(define log ())
            (try (try (exit 7) (catch (e) (set log (cons 'caught log))) (finally (set log (cons 'finally log))))
              (catch (e) (set log (cons 'outer log))))
            (set log 'never)";
        assert!(interp::run_program(runtime, "test.l", program).is_err());
        assert_eq!(interp::exit_status(runtime), Some(7));
        runtime.take_failure();
        assert_eq!(run(runtime, "log"), "(finally)");
    });
}

/// Line and column of the error of a program.
fn place(program: &str) -> (u32, u32) {
    with_runtime(options(), |runtime| {
        assert!(interp::run_program(runtime, "test.l", program).is_err());
        let error = runtime.take_failure();
        let position = Position::from_value(runtime.field(error, offset::ERROR_POSITION));
        let (name, line, column) = runtime.sources.locate(position).expect("a place");
        assert_eq!(name, "test.l");
        (line, column)
    })
}

#[test]
fn errors_stand_where_the_program_is_wrong() {
    assert_eq!(place("(+ 1\n   (car 1 2))"), (2, 4));
    assert_eq!(place("(define (f) (+ 1 (g)))\n(define (g)\n (+ 2 no-such))\n(f)"), (3, 7));
    assert_eq!(place("(define (f a) a)\n  (f)"), (2, 3));
    assert_eq!(place("(define (f g) (g 1))\n(f 5)"), (1, 15));
    assert_eq!(place("(set no-such\n (+ 1 2))"), (1, 1));
    // Errors in the prelude stand where the program called it.
    assert_eq!(place("(list\n (for-each 5 car))"), (2, 2));
    assert_eq!(place("(list (map (lambda (x)\n (quotient 1 x)) '(1 0)))"), (2, 2));
    assert_eq!(place("(list\n (sort '(1 a)))"), (2, 2));
}

/// Functions become native in the midst of things; their IR is evaluated, so that no target is needed.
#[test]
fn functions_that_get_hot_go_on_as_they_were() {
    for hot_calls in [1, 2, 7] {
        let options = Options { jit: JitMode::Auto, evaluator: true, hot_calls, ..options() };
        let program = "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2)))))
            (define (sum l) (fold (lambda (x s) (+ x s)) 0 l))
            (define (mixed n) (if (= n 0) () (cons (apply sum (list (iota n))) (mixed (- n 1)))))
            (define total 0)
            (let ((i 0)) (while (< i 50) (set total (+ total i)) (set i (+ i 1))))
            (list (fib 15) (mixed 5) total (let loop ((i 0) (s 0)) (if (< i 50) (loop (+ i 1) (+ s i)) s)))";
        check(options, program, "(610 (10 6 3 1 0) 1225 1225)");
    }
}
