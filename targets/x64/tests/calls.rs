//! Calls, frames and control flow, run.
#![cfg(all(target_arch = "x86_64", unix))]

mod loaded;

use loaded::{compile, unit, Loaded};
use maru_core::ir::Helper;
use maru_core::runtime::Context;
use maru_core::value::FAILURE;

/// Names of values, `from..to`, separated by commas.
fn values(range: std::ops::Range<usize>) -> String {
    range.map(|n| format!("v{n}")).collect::<Vec<_>>().join(", ")
}

/// Parameters that are words.
fn words(count: usize) -> String {
    (0..count).map(|n| format!("v{n}: w")).collect::<Vec<_>>().join(", ")
}

/// A function that combines its `count` word parameters so that each place matters.
fn mixer(name: &str, count: usize) -> String {
    let mut text = format!("function {name}({}) -> w {{\nb0:\n  v100 = const 0\n", words(count));
    for n in 0..count {
        text += &format!("  v{} = const 31\n", 200 + 3 * n);
        let last = if n == 0 { "v100".into() } else { format!("v{}", 202 + 3 * (n - 1)) };
        text += &format!("  v{} = mul {last} v{}\n", 201 + 3 * n, 200 + 3 * n);
        text += &format!("  v{} = add v{} v{n}\n", 202 + 3 * n, 201 + 3 * n);
    }
    text + &format!("  return v{}\n}}\n", 202 + 3 * (count - 1))
}

fn mix(words: impl IntoIterator<Item = u64>) -> u64 {
    words.into_iter().fold(0u64, |sum, word| sum.wrapping_mul(31).wrapping_add(word))
}

/// An entry that makes `count` constants and passes them to function 1.
fn caller(count: usize) -> String {
    let mut text = "entry function t(v0: w) -> w {\nb0:\n".to_string();
    for n in 1..=count {
        text += &format!("  v{n} = const {}\n", n * n + 1);
    }
    text + &format!("  v500 = call f1({}) -> w\n  v501 = xor v500 v0\n  return v501\n}}\n", values(1..count + 1))
}

fn squares(count: usize) -> impl DoubleEndedIterator<Item = u64> {
    (1..=count as u64).map(|n| n * n + 1)
}

#[test]
fn calls_pass_any_number_of_words() {
    for count in [1, 2, 3, 7, 8, 9, 10, 20, 60] {
        let mut loaded = Loaded::from_text(&(caller(count) + &mixer("mixer", count)));
        assert_eq!(loaded.run2(5, 0), mix(squares(count)) ^ 5, "{count} words");
        // Callee and count do not count as arguments; six arguments travel in registers.
        let argument = |index: usize| squares(count).nth(index + 2).filter(|_| index >= 6).unwrap_or(0);
        assert!((0..count).all(|index| loaded.argument(index) == argument(index)), "{count} words");
    }
}

#[test]
fn tail_calls_pass_any_number_of_words() {
    for count in [3, 8, 9, 20] {
        // f1 turns its parameters around, some in registers, some not.
        let turned = (0..count).rev().map(|n| format!("v{n}")).collect::<Vec<_>>().join(", ");
        let turner = format!("function turner({}) -> w {{\nb0:\n  tail_call f2({turned}) -> w\n}}\n", words(count));
        let mut loaded = Loaded::from_text(&(caller(count) + &turner + &mixer("mixer", count)));
        assert_eq!(loaded.run2(0, 0), mix(squares(count).rev()), "{count} words");
    }
}

#[test]
fn tail_calls_take_no_stack() {
    let text = "entry function t(v0: w) -> w {\nb0:\n  v1 = const 0\n  v2 = call f1(v1, v1, v0, v1) -> w\n  \
                return v2\n}\n\
                function even(v0: w, v1: w, v2: w, v3: w) -> w {\nb0:\n  v4 = const 0\n  \
                branch compare.eq v2 v4, b1, b2\nb1:\n  return v3\nb2:\n  v5 = const 1\n  v6 = sub v2 v5\n  \
                v7 = add v3 v5\n  v8 = function_address f2\n  tail_call [v8](v0, v1, v6, v7) -> w\n}\n\
                function odd(v0: w, v1: w, v2: w, v3: w) -> w {\nb0:\n  v4 = helper poll\n  \
                tail_call f1(v0, v1, v2, v3) -> w\n}\n";
    extern "sysv64" fn poll(context: *mut Context, _: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
        // SAFETY: compiled code passes its context.
        unsafe { (*context).fuel += 1 };
        0
    }
    let mut loaded = Loaded::from_text(text).helper(Helper::Poll, poll);
    assert_eq!(loaded.run2(3_000_000, 0), 3_000_000);
    assert_eq!(loaded.context.fuel, 3_000_000);
}

#[test]
fn doubles_are_passed_and_returned() {
    let text = "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = int_to_float v0\n  v3 = int_to_float v1\n  \
                v4 = float 0x4000000000000000\n  v5 = call f1(v0, v2, v1, v3, v4, v2, v3, v4, v2, v3) -> d\n  \
                v6 = float_to_int v5\n  return v6\n}\n\
                function g(v0: w, v1: d, v2: w, v3: d, v4: d, v5: d, v6: d, v7: d, v8: d, v9: d) -> d {\nb0:\n  \
                v10 = float.mul v1 v3\n  v11 = float.add v10 v4\n  v12 = int_to_float v2\n  \
                v13 = float.sub v11 v12\n  v14 = float.add v8 v9\n  v15 = float.mul v13 v14\n  return v15\n}\n";
    let mut loaded = Loaded::from_text(text);
    assert_eq!(loaded.run2(30, 7), (30 * 7 + 2 - 7) * (30 + 7));
}

#[test]
fn what_does_not_fit_a_convention_is_refused() {
    use maru_core::target::Architecture;
    let parameters = (0..9).map(|n| format!("v{n}: d")).collect::<Vec<_>>().join(", ");
    let many = format!("function f({parameters}) -> d {{\nb0:\n  return v8\n}}\n");
    let tail = "entry function f(v0: w) -> w {\nb0:\n  tail_call [v0](v0) -> w\n}\n";
    for text in [many.as_str(), tail] {
        let functions = maru_core::ir::parse::parse(text).unwrap();
        let error = maru_x64::TARGET.compile(&functions[0]).unwrap_err();
        assert_eq!(error.function, "f");
    }
}

extern "sysv64" fn mix_helper(_: *mut Context, a: u64, b: u64, c: u64, _: u64, _: u64) -> u64 {
    // Destroys what it may: the compiler uses caller-saved registers, SSE among them.
    let noise: f64 = std::hint::black_box([a as f64, b as f64, c as f64].iter().map(|x| x.sqrt()).sum());
    std::hint::black_box(noise);
    mix([a, b, c])
}

#[test]
fn helpers_get_their_words_and_values_survive_them() {
    for live in [0, 1, 4, 5, 6, 14, 40, 150] {
        let mut text = "entry function t(v0: w, v1: w) -> w {\nb0:\n".to_string();
        for n in 0..live {
            text += &format!("  v{} = const {}\n  v{} = mul v0 v{}\n", 300 + n, n + 3, 10 + n, 300 + n);
            text += &format!("  v{} = int_to_float v{}\n", 500 + n, 10 + n);
        }
        text += "  v2 = helper define_cell v0 v1 v0\n";
        let mut last = "v2".to_string();
        for n in 0..live {
            text += &format!("  v{} = float_to_int v{}\n", 700 + n, 500 + n);
            text += &format!("  v{} = add {last} v{}\n", 900 + 2 * n, 10 + n);
            text += &format!("  v{} = xor v{} v{}\n", 901 + 2 * n, 900 + 2 * n, 700 + n);
            last = format!("v{}", 901 + 2 * n);
        }
        text += &format!("  return {last}\n}}\n");
        let mut loaded = Loaded::from_text(&text).helper(Helper::DefineCell, mix_helper);
        let expected = (0..live).fold(mix([9, 4, 9]), |sum, n| (sum + 9 * (n + 3)) ^ (9 * (n + 3)));
        assert_eq!(loaded.run2(9, 4), expected, "{live} live values");
    }
}

#[test]
fn block_parameters_swap() {
    // Rotate four words and swap two doubles as often as the first word says, twice as many as fit registers.
    for count in [2usize, 3, 9, 24] {
        let parameter = |n: usize| format!("v{}: w", 10 + n);
        let parameters = (0..count).map(parameter).collect::<Vec<_>>().join(", ");
        let mut text = "entry function t(v0: w, v1: w) -> w {\nb0:\n".to_string();
        for n in 0..count {
            text += &format!("  v{} = const {}\n", 100 + n, (n + 1) * (n + 1));
        }
        text += "  v4 = float 0x4000000000000000\n  v5 = float 0x4008000000000000\n";
        text += &format!("  jump b1(v0, v4, v5, {})\n", values(100..100 + count));
        text += &format!("b1(v6: w, v7: d, v8: d, {parameters}):\n");
        let rotated = (1..=count).map(|n| format!("v{}", 10 + n % count)).collect::<Vec<_>>().join(", ");
        text += "  v200 = const 1\n  v201 = sub v6 v200\n  v202 = const 0\n";
        text += &format!("  branch compare.eq v6 v202, b2, b1(v201, v8, v7, {rotated})\nb2:\n");
        text += "  v300 = float_to_int v7\n";
        let mut last = "v300".to_string();
        for n in 0..count {
            text += &format!("  v{} = const 31\n", 400 + 3 * n);
            text += &format!("  v{} = mul {last} v{}\n", 401 + 3 * n, 400 + 3 * n);
            text += &format!("  v{} = add v{} v{}\n", 402 + 3 * n, 401 + 3 * n, 10 + n);
            last = format!("v{}", 402 + 3 * n);
        }
        text += &format!("  return {last}\n}}\n");
        let mut loaded = Loaded::from_text(&text);
        for turns in [0, 1, 2, 7, 100] {
            let words = (0..count).map(|n| {
                let n = (n + turns) % count + 1;
                (n * n) as u64
            });
            let expected = mix([2 + turns as u64 % 2].into_iter().chain(words));
            assert_eq!(loaded.run2(turns as u64, 0), expected, "{count} words, {turns} turns");
        }
    }
}

#[test]
fn the_entry_may_be_a_loop() {
    let text = "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = const 0\n  \
                branch compare.eq v0 v2, b1, b2\nb1:\n  return v1\nb2:\n  v3 = const 1\n  v4 = sub v0 v3\n  \
                v5 = add v1 v1\n  jump b0(v4, v5)\n}\n";
    let functions = maru_core::ir::parse::parse(text);
    // The verifier forbids it; the target does not mind.
    assert_eq!(Loaded::new(&functions.unwrap()).run2(10, 3), 3 << 10);
}

#[test]
fn frames_larger_than_a_page() {
    let live = 1500;
    let mut text = "entry function t(v0: w) -> w {\nb0:\n  v1 = call f1(v0, v0, v0) -> w\n  return v1\n}\n\
                    function big(v0: w, v1: w, v2: w) -> w {\nb0:\n"
        .to_string();
    for n in 0..live {
        text += &format!("  v{} = const {}\n  v{} = add v2 v{}\n", 10_000 + n, n, 20_000 + n, 10_000 + n);
    }
    text += "  v3 = helper poll\n";
    let mut last = "v3".to_string();
    for n in 0..live {
        text += &format!("  v{} = xor {last} v{}\n", 30_000 + n, 20_000 + n);
        last = format!("v{}", 30_000 + n);
    }
    text += &format!("  return {last}\n}}\n");
    extern "sysv64" fn poll(_: *mut Context, _: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
        77
    }
    extern "sysv64" fn overflow(_: *mut Context, callee: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
        callee + FAILURE
    }
    let mut loaded = Loaded::from_text(&text).helper(Helper::Poll, poll).helper(Helper::StackOverflow, overflow);
    let expected = (0..live).fold(77, |sum, n| sum ^ (1000 + n));
    assert_eq!(loaded.run2(1000, 0), expected);
    // The frame's own size counts: with the limit just below here, it does not fit.
    let here = &loaded as *const Loaded as usize;
    loaded.context.stack_limit = here - 6000;
    assert_eq!(loaded.run2(1000, 0), 1000 + FAILURE);
    loaded.context.stack_limit = here - 60_000;
    assert_eq!(loaded.run2(1000, 0), expected);
}

#[test]
fn deep_recursion_ends_at_the_limit() {
    let text = "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = call f1(v1, v0, v0) -> w\n  return v2\n}\n\
                function down(v0: w, v1: w, v2: w) -> w {\nb0:\n  v3 = const 0\n  \
                branch compare.eq v2 v3, b1, b2\nb1:\n  v9 = const 1000\n  return v9\nb2:\n  v4 = const 1\n  v5 = sub v2 v4\n  \
                v6 = call f1(v0, v1, v5) -> w\n  v8 = const 0x1e\n  branch compare.eq v6 v8, b3, b4\nb3 cold:\n  return v6\nb4:\n  \
                v7 = add v6 v4\n  return v7\n}\n";
    extern "sysv64" fn overflow(context: *mut Context, callee: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
        // SAFETY: compiled code passes its context.
        unsafe { (*context).depth = callee as i64 };
        // Uses aligned stack, as any C function may.
        let aligned = std::hint::black_box([0u128; 4]);
        assert_eq!(aligned.as_ptr() as usize % 16, 0);
        FAILURE
    }
    let mut loaded = Loaded::from_text(text).helper(Helper::StackOverflow, overflow);
    assert_eq!(loaded.run2(10_000, 7), 11_000, "without a limit");
    loaded.context.stack_limit = &loaded as *const Loaded as usize - 100_000;
    assert_eq!(loaded.run2(1_000, 7), 2_000, "within the limit");
    assert_eq!(loaded.run2(1_000_000, 7), FAILURE);
    assert_eq!(loaded.context.depth, 7, "the helper gets the callee's value");
}

#[test]
fn functions_of_a_unit_call_each_other() {
    let text = "entry function t(v0: w) -> w {\nb0:\n  v1 = call f1(v0, v0, v0) -> w\n  return v1\n}\n\
                function fib(v0: w, v1: w, v2: w) -> w {\nb0:\n  v3 = const 2\n  \
                branch compare.lt v2 v3, b1, b2\nb1:\n  return v2\nb2:\n  v4 = const 1\n  v5 = sub v2 v4\n  \
                v6 = call f1(v0, v1, v5) -> w\n  v7 = sub v2 v3\n  v8 = call f1(v0, v1, v7) -> w\n  \
                v9 = add v6 v8\n  return v9\n}\n";
    assert_eq!(Loaded::from_text(text).run2(20, 0), 6765);
}

std::arch::global_asm!(
    ".globl maru_x64_test_saved",
    "maru_x64_test_saved:",
    "push rbx; push rbp; push r12; push r13; push r14; push r15; sub rsp, 8",
    "mov rax, rdi; mov rdi, rsi",
    "mov ebx, 11; mov ebp, 12; mov r12d, 13; mov r13d, 14; mov r14d, 15; mov r15d, 16",
    "call rax",
    "mov rax, rbx; imul rax, rax, 100; add rax, rbp; imul rax, rax, 100; add rax, r12; imul rax, rax, 100",
    "add rax, r13; imul rax, rax, 100; add rax, r14; imul rax, rax, 100; add rax, r15",
    "add rsp, 8; pop r15; pop r14; pop r13; pop r12; pop rbp; pop rbx; ret",
);

extern "sysv64" {
    fn maru_x64_test_saved(entry: u64, context: u64) -> u64;
}

#[test]
fn entries_preserve_what_c_preserves() {
    // The callee keeps 40 values alive, so it uses every register.
    let mut text = "entry function t() -> w {\nb0:\n  v0 = const 3\n  v1 = call f1(v0, v0, v0) -> w\n  return v1\n}\n\
                    function busy(v0: w, v1: w, v2: w) -> w {\nb0:\n"
        .to_string();
    let mut last = "v2".to_string();
    for n in 10..50 {
        text += &format!("  v{n} = mul v2 {last}\n");
        last = format!("v{n}");
    }
    for n in 10..50 {
        text += &format!("  v{} = xor {last} v{n}\n", n + 90);
        last = format!("v{}", n + 90);
    }
    text += &format!("  return {last}\n}}\n");
    let mut loaded = Loaded::from_text(&text);
    // SAFETY: the assembly above follows the C convention.
    let registers = unsafe { maru_x64_test_saved(loaded.address(0), &raw mut *loaded.context as u64) };
    assert_eq!(registers, 111213141516);
}

#[test]
fn unwind_rows_and_lines() {
    let text = "entry function t(v0: w) -> w {\nb0:\n  v1 = call f0(v0) -> w @3\n  v2 = add v0 v1 @4\n  return v2\n}\n";
    let text = text.replace("entry ", "");
    let compiled = compile(&unit(&text)[0]);
    let rows: Vec<_> = compiled.unwind.iter().map(|row| row.cfa_offset).collect();
    assert_eq!(rows, [16, 8, 16, 8], "{}", loaded::listing(&unit(&text)[0]));
    assert!(compiled.unwind.windows(2).all(|rows| rows[0].offset < rows[1].offset));
    let lines: Vec<_> = compiled.lines.iter().map(|line| line.1).collect();
    assert_eq!(lines, [3, 4]);
}
