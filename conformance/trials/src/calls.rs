//! Trials of calls, frames and control flow.

use super::Bench;
use maru_core::abi::layout::FAILURE;
use maru_core::abi::{Context, FIRST_ARGUMENT};
use maru_core::ir::Helper;

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

/// From 0 arguments to many, in registers and in the argument area.
pub fn calls_pass_any_number_of_words(bench: &Bench) {
    let registers = bench.architecture.argument_registers();
    for count in (1..=22).chain([60]) {
        let mut loaded = bench.load(&(caller(count) + &mixer("mixer", count)));
        assert_eq!(loaded.run2(5, 0), mix(squares(count)) ^ 5, "{count} words");
        // Callee and count do not count as arguments.
        let argument =
            |index: usize| squares(count).nth(index + FIRST_ARGUMENT).filter(|_| index >= registers).unwrap_or(0);
        assert!((0..count).all(|index| loaded.argument(index) == argument(index)), "{count} words");
    }
}

/// The same for tail calls, which turn the arguments around.
pub fn tail_calls_pass_any_number_of_words(bench: &Bench) {
    for count in 3..=22 {
        // f1 turns its parameters around, some in registers, some not.
        let turned = (0..count).rev().map(|n| format!("v{n}")).collect::<Vec<_>>().join(", ");
        let turner = format!("function turner({}) -> w {{\nb0:\n  tail_call f2({turned}) -> w\n}}\n", words(count));
        let mut loaded = bench.load(&(caller(count) + &turner + &mixer("mixer", count)));
        assert_eq!(loaded.run2(0, 0), mix(squares(count).rev()), "{count} words");
    }
}

/// Many tail calls, direct and by address.
pub fn tail_calls_take_no_stack(bench: &Bench) {
    let text = "entry function t(v0: w) -> w {\nb0:\n  v1 = const 0\n  v2 = call f1(v1, v1, v0, v1) -> w\n  \
                return v2\n}\n\
                function even(v0: w, v1: w, v2: w, v3: w) -> w {\nb0:\n  v4 = const 0\n  \
                branch compare.eq v2 v4, b1, b2\nb1:\n  return v3\nb2:\n  v5 = const 1\n  v6 = sub v2 v5\n  \
                v7 = add v3 v5\n  v8 = function_address f2\n  tail_call [v8](v0, v1, v6, v7) -> w\n}\n\
                function odd(v0: w, v1: w, v2: w, v3: w) -> w {\nb0:\n  v4 = helper poll\n  \
                tail_call f1(v0, v1, v2, v3) -> w\n}\n";
    let poll = |context: *mut Context, _| {
        // SAFETY: compiled code passes its context.
        unsafe { (*context).fuel += 1 };
        0
    };
    let mut loaded = bench.load(text).helper(Helper::Poll, poll);
    assert_eq!(loaded.run2(300_000, 0), 300_000);
    assert_eq!(loaded.context.fuel, 300_000);
}

/// Up to eight doubles among words.
pub fn doubles_are_passed_and_returned(bench: &Bench) {
    let text = "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = int_to_float v0\n  v3 = int_to_float v1\n  \
                v4 = float 0x4000000000000000\n  v5 = call f1(v0, v2, v1, v3, v4, v2, v3, v4, v2, v3) -> d\n  \
                v6 = float_to_int v5\n  return v6\n}\n\
                function g(v0: w, v1: d, v2: w, v3: d, v4: d, v5: d, v6: d, v7: d, v8: d, v9: d) -> d {\nb0:\n  \
                v10 = float.mul v1 v3\n  v11 = float.add v10 v4\n  v12 = int_to_float v2\n  \
                v13 = float.sub v11 v12\n  v14 = float.add v8 v9\n  v15 = float.mul v13 v14\n  return v15\n}\n";
    let mut loaded = bench.load(text);
    assert_eq!(loaded.run2(30, 7), (30 * 7 + 2 - 7) * (30 + 7));
}

/// A function of so many words and doubles, in turn as long as there are both, that answers all of them mixed.
fn mixed(words: usize, doubles: usize) -> (String, String) {
    let kinds = (0..words.max(doubles)).flat_map(|n| [(n < words, 'w'), (n < doubles, 'd')]);
    let kinds: Vec<char> = kinds.filter_map(|(exists, kind)| exists.then_some(kind)).collect();
    let parameter = |(n, kind): (usize, &char)| format!("v{n}: {kind}");
    let parameters = kinds.iter().enumerate().map(parameter).collect::<Vec<_>>().join(", ");
    let (mut callee, mut caller) =
        (format!("function g({parameters}) -> w {{\nb0:\n  v900 = const 0\n"), String::new());
    let mut last = "v900".to_string();
    for (n, kind) in kinds.iter().enumerate() {
        caller += &format!("  v{} = const {}\n", 100 + n, n * n + 1);
        let word = if *kind == 'd' {
            caller += &format!("  v{} = int_to_float v{}\n", 200 + n, 100 + n);
            callee += &format!("  v{} = float_to_int v{n}\n", 300 + n);
            format!("v{}", 300 + n)
        } else {
            format!("v{n}")
        };
        callee += &format!("  v{} = const 31\n  v{} = mul {last} v{}\n", 400 + n, 500 + n, 400 + n);
        callee += &format!("  v{} = add v{} {word}\n", 600 + n, 500 + n);
        last = format!("v{}", 600 + n);
    }
    let argument = |(n, kind): (usize, &char)| format!("v{}", if *kind == 'd' { 200 + n } else { 100 + n });
    let arguments = kinds.iter().enumerate().map(argument).collect::<Vec<_>>().join(", ");
    let caller =
        format!("entry function t(v0: w) -> w {{\nb0:\n{caller}  v1 = call f1({arguments}) -> w\n  return v1\n}}\n");
    (caller, format!("{callee}  return {last}\n}}\n"))
}

/// From 1 to 22 words with 0 to 8 doubles among them.
pub fn words_and_doubles_together(bench: &Bench) {
    for words in [1, 2, 3, 5, 8, 9, 12, 22] {
        for doubles in 0..=8 {
            let (caller, callee) = mixed(words, doubles);
            let expected = mix((0..(words + doubles) as u64).map(|n| n * n + 1));
            assert_eq!(bench.load(&(caller + &callee)).run2(0, 0), expected, "{words} words, {doubles} doubles");
        }
    }
}

/// More doubles than there are registers, and a tail call out of an entry.
pub fn what_does_not_fit_a_convention_is_refused(bench: &Bench) {
    let parameters = (0..9).map(|n| format!("v{n}: d")).collect::<Vec<_>>().join(", ");
    let many = format!("function f({parameters}) -> d {{\nb0:\n  return v8\n}}\n");
    let tail = "entry function f(v0: w) -> w {\nb0:\n  tail_call [v0](v0) -> w\n}\n";
    for text in [many.as_str(), tail] {
        let functions = maru_core::ir::parse::parse(text).unwrap();
        let error = bench.architecture.compile_for(&functions[0], bench.system).unwrap_err();
        assert_eq!(error.function, "f");
    }
}

/// Helpers destroy what C functions may.
pub fn helpers_get_their_words_and_values_survive_them(bench: &Bench) {
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
        let mut loaded = bench.load(&text).helper(Helper::DefineCell, |_, [_, a, b, c, ..]| mix([a, b, c]));
        let expected = (0..live).fold(mix([9, 4, 9]), |sum, n| (sum + 9 * (n + 3)) ^ (9 * (n + 3)));
        assert_eq!(loaded.run2(9, 4), expected, "{live} live values");
    }
}

/// Moves in rings, in registers and in spill slots.
pub fn block_parameters_swap(bench: &Bench) {
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
        let mut loaded = bench.load(&text);
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

/// A first block that is jumped to.
pub fn the_entry_may_be_a_loop(bench: &Bench) {
    let text = "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = const 0\n  \
                branch compare.eq v0 v2, b1, b2\nb1:\n  return v1\nb2:\n  v3 = const 1\n  v4 = sub v0 v3\n  \
                v5 = add v1 v1\n  jump b0(v4, v5)\n}\n";
    let functions = maru_core::ir::parse::parse(text);
    // The verifier forbids it; the target does not mind.
    assert_eq!(bench.load_functions(&functions.unwrap()).run2(10, 3), 3 << 10);
}

/// A function that keeps so many values across a call of a helper, and an entry that calls it.
fn keeper(live: u64) -> String {
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
    text + &format!("  return {last}\n}}\n")
}

/// Frames larger than a page, and than offsets in instructions reach; without room for one, the helper is called.
pub fn frames_of_any_size(bench: &Bench) {
    // Around a page, and around the offsets that instructions reach: 4 and 64 KiB.
    for live in [1, 30, 60, 64, 300, 511, 512, 520, 1500, 4094, 4100, 8190, 9000] {
        let mut loaded = bench
            .load(&keeper(live))
            .helper(Helper::Poll, |_, _| 77)
            .helper(Helper::StackOverflow, |_, [_, callee, ..]| callee + FAILURE);
        let expected = (0..live).fold(77, |sum, n| sum ^ (1000 + n));
        assert_eq!(loaded.run2(1000, 0), expected, "{live} values");
        // The frame's own size counts: with the limit in the middle of it, it does not fit.
        let size = 8 * live as usize;
        if size > 10_000 {
            loaded.limit_stack(size / 2);
            assert_eq!(loaded.run2(1000, 0), 1000 + FAILURE, "{live} values");
        }
        // A word may take two slots, where it has two halves.
        loaded.limit_stack(2 * size + 50_000);
        assert_eq!(loaded.run2(1000, 0), expected, "{live} values");
    }
}

/// A branch over so many operations, which are done or not, forwards and, in a loop of two turns, back.
fn far_branch(operations: u64) -> String {
    let mut text = "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = const 2\n  jump b1(v1, v2)\n\
                    b1(v3: w, v4: w):\n  v5 = const 1\n  v6 = and v0 v5\n  branch v6, b2, b3(v3)\nb2:\n"
        .to_string();
    let mut last = "v3".to_string();
    for n in 0..operations {
        let (constant, sum) = (100 + 2 * n, 101 + 2 * n);
        text += &format!("  v{constant} = const {}\n  v{sum} = xor {last} v{constant}\n", far_constant(n) as i64);
        last = format!("v{sum}");
    }
    text += &format!("  jump b3({last})\nb3(v7: w):\n  v8 = sub v4 v5\n  v9 = const 3\n  v10 = add v7 v9\n");
    text + "  v11 = const 0\n  branch compare.eq v8 v11, b4, b1(v10, v8)\nb4:\n  return v10\n}\n"
}

/// Constants without a pattern: they take many instructions.
fn far_constant(n: u64) -> u64 {
    (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Branches further than short forms reach.
pub fn far_branches(bench: &Bench) {
    // More than 20 KB and 1 MB: past what branches of 15 and of 21 bits reach.
    for operations in [2_000, 100_000] {
        let mut loaded = bench.load(&far_branch(operations));
        let all = (0..operations).fold(0, |sum, n| sum ^ far_constant(n));
        assert!(loaded.code_size() > 11 * operations as usize, "only {} bytes of code", loaded.code_size());
        for word in [0u64, 1, 0x1234_5678_9abc_def0] {
            assert_eq!(loaded.run2(0, word), word.wrapping_add(6), "{operations} operations passed over");
            let once = |word: u64| (word ^ all).wrapping_add(3);
            assert_eq!(loaded.run2(1, word), once(once(word)), "{operations} operations done");
        }
    }
}

/// The stack check, with what the helper is told.
pub fn deep_recursion_ends_at_the_limit(bench: &Bench) {
    let text = "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = call f1(v1, v0, v0) -> w\n  return v2\n}\n\
                function down(v0: w, v1: w, v2: w) -> w {\nb0:\n  v3 = const 0\n  \
                branch compare.eq v2 v3, b1, b2\nb1:\n  v9 = const 1000\n  return v9\nb2:\n  v4 = const 1\n  v5 = sub v2 v4\n  \
                v6 = call f1(v0, v1, v5) -> w\n  v8 = const 0x1e\n  branch compare.eq v6 v8, b3, b4\nb3 cold:\n  return v6\nb4:\n  \
                v7 = add v6 v4\n  return v7\n}\n";
    let overflow = |context: *mut Context, [_, callee, ..]: [u64; 6]| {
        // Uses stack as aligned as the CPU's systems have it, as any C function may.
        let aligned = std::hint::black_box([0u128; 4]);
        let misplaced = (aligned.as_ptr() as usize % align_of::<u128>()) as u64;
        // SAFETY: compiled code passes its context.
        unsafe { (*context).depth = (callee + misplaced) as i64 };
        FAILURE
    };
    let mut loaded = bench.load(text).helper(Helper::StackOverflow, overflow);
    assert_eq!(loaded.run2(10_000, 7), 11_000, "with all of the stack");
    loaded.limit_stack(100_000);
    assert_eq!(loaded.run2(1_000, 7), 2_000, "within the limit");
    assert_eq!(loaded.run2(1_000_000, 7), FAILURE);
    assert_eq!(loaded.context.depth, 7, "the helper gets the callee's value");
}

/// Calls within a unit.
pub fn functions_of_a_unit_call_each_other(bench: &Bench) {
    let text = "entry function t(v0: w) -> w {\nb0:\n  v1 = call f1(v0, v0, v0) -> w\n  return v1\n}\n\
                function fib(v0: w, v1: w, v2: w) -> w {\nb0:\n  v3 = const 2\n  \
                branch compare.lt v2 v3, b1, b2\nb1:\n  return v2\nb2:\n  v4 = const 1\n  v5 = sub v2 v4\n  \
                v6 = call f1(v0, v1, v5) -> w\n  v7 = sub v2 v3\n  v8 = call f1(v0, v1, v7) -> w\n  \
                v9 = add v6 v8\n  return v9\n}\n";
    assert_eq!(bench.load(text).run2(20, 0), 6765);
}
