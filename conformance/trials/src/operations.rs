//! Trials of operations: each computed by compiled code and by Rust, at boundary values: operands in registers, either operand
//! constant, operands that live on, results as values and as branches.

use super::{Bench, Loaded, DOUBLES, WORDS};

/// What an operation on words should give; `None` where it is undefined.
type Expected = fn(i64, i64) -> Option<i64>;

type Comparison<T> = fn(T, T) -> bool;
type Overflowing = fn(i64, i64) -> (i64, bool);
type FloatBinary = fn(f64, f64) -> f64;
type FloatUnary = fn(f64) -> f64;

/// An operation's name, and the operation in Rust.
type Named<F> = (&'static str, F);

const BINARY: [Named<Expected>; 12] = [
    ("add", |a, b| Some(a.wrapping_add(b))),
    ("sub", |a, b| Some(a.wrapping_sub(b))),
    ("mul", |a, b| Some(a.wrapping_mul(b))),
    ("div", |a, b| a.checked_div(b)),
    ("rem", |a, b| a.checked_rem(b)),
    ("and", |a, b| Some(a & b)),
    ("or", |a, b| Some(a | b)),
    ("xor", |a, b| Some(a ^ b)),
    ("shl", |a, b| Some(a.wrapping_shl(b as u32))),
    ("lshr", |a, b| Some((a as u64).wrapping_shr(b as u32) as i64)),
    ("ashr", |a, b| Some(a.wrapping_shr(b as u32))),
    ("rotl", |a, b| Some(a.rotate_left((b & 63) as u32))),
];

/// Comparisons that words and doubles both have.
const fn ordered<T: PartialOrd + Copy>() -> [Named<Comparison<T>>; 6] {
    [
        ("eq", |a, b| a == b),
        ("ne", |a, b| a != b),
        ("lt", |a, b| a < b),
        ("le", |a, b| a <= b),
        ("gt", |a, b| a > b),
        ("ge", |a, b| a >= b),
    ]
}

const UNSIGNED: [Named<Comparison<i64>>; 2] =
    [("below", |a, b| (a as u64) < b as u64), ("at_least", |a, b| a as u64 >= b as u64)];

/// Check a function of two words at all pairs, and with either operand made a constant.
fn check(
    bench: &Bench,
    operation: &str,
    body: impl Fn(&str, &str) -> String,
    expected: impl Fn(i64, i64) -> Option<i64>,
) {
    let function = |a, b| format!("entry function t(v0: w, v1: w) -> w {{\n{}}}\n", body(a, b));
    let mut plain = bench.load(&function("v0", "v1"));
    for b in WORDS {
        let with = |text: String| text.replacen("b0:\n", &format!("b0:\n  v2 = const {b}\n"), 1);
        let mut right = bench.load(&with(function("v0", "v2")));
        let mut left = bench.load(&with(function("v2", "v0")));
        for a in WORDS {
            if let Some(expected) = expected(a, b) {
                assert_eq!(plain.run2(a as u64, b as u64) as i64, expected, "{operation} {a} {b}");
                assert_eq!(right.run2(a as u64, 0) as i64, expected, "{operation} {a} {b}, right constant");
            }
            if let Some(expected) = expected(b, a) {
                assert_eq!(left.run2(a as u64, 0) as i64, expected, "{operation} {b} {a}, left constant");
            }
        }
    }
}

/// All operations on two words.
pub fn binary(bench: &Bench) {
    for (name, expected) in BINARY {
        check(bench, name, |a, b| format!("b0:\n  v9 = {name} {a} {b}\n  return v9\n"), expected);
    }
}

/// The same, where both operands are used afterwards.
pub fn binary_whose_operands_live_on(bench: &Bench) {
    for (name, expected) in BINARY {
        let body = |a: &str, b: &str| {
            format!(
                "b0:\n  v9 = {name} {a} {b}\n  v10 = rotl v9 {a}\n  v11 = rotl v10 {b}\n  v12 = xor v11 {a}\n  \
                 v13 = xor v12 {b}\n  return v13\n"
            )
        };
        let expected = |a: i64, b: i64| {
            let result = expected(a, b)?.rotate_left((a & 63) as u32).rotate_left((b & 63) as u32);
            Some(result ^ a ^ b)
        };
        check(bench, name, body, expected);
    }
}

/// The same, with one value for both operands.
pub fn binary_of_one_value(bench: &Bench) {
    for (name, expected) in BINARY {
        let text = format!("entry function t(v0: w) -> w {{\nb0:\n  v1 = {name} v0 v0\n  return v1\n}}\n");
        let mut loaded = bench.load(&text);
        for a in WORDS {
            if let Some(expected) = expected(a, a) {
                assert_eq!(loaded.run2(a as u64, 0) as i64, expected, "{name} {a}");
            }
        }
    }
}

/// Sums, differences and products whose overflow is asked for.
pub fn overflowing(bench: &Bench) {
    let operations: [Named<Overflowing>; 3] =
        [("add", i64::overflowing_add), ("sub", i64::overflowing_sub), ("mul", i64::overflowing_mul)];
    for (name, exact) in operations {
        let value = |a: &str, b: &str| {
            format!(
                "b0:\n  v9, v10 = {name}.overflow {a} {b}\n  v11 = rotl v9 v10\n  v12 = xor v11 v10\n  return v12\n"
            )
        };
        check(bench, name, value, |a, b| {
            let (result, flag) = exact(a, b);
            Some(result.rotate_left(flag.into()) ^ i64::from(flag))
        });
        let branch = |a: &str, b: &str| {
            format!(
                "b0:\n  v9, v10 = {name}.overflow {a} {b}\n  branch v10, b1, b2(v9)\nb1:\n  v11 = const 77\n  \
                 return v11\nb2(v12: w):\n  return v12\n"
            )
        };
        check(bench, name, branch, |a, b| match exact(a, b) {
            (_, true) => Some(77),
            (result, false) => Some(result),
        });
        let only_flag = |a: &str, b: &str| format!("b0:\n  v9, v10 = {name}.overflow {a} {b}\n  return v10\n");
        check(bench, name, only_flag, |a, b| Some(exact(a, b).1.into()));
    }
}

/// A condition as a value, as a branch on it, and with the branch's targets in the other order.
fn condition_bodies(condition: &str) -> [String; 4] {
    let ends = |one: &str, other: &str| {
        format!("b1:\n  v20 = const {one}\n  return v20\nb2:\n  v21 = const {other}\n  return v21\n")
    };
    [
        format!("b0:\n  v9 = {condition}\n  return v9\n"),
        format!("b0:\n  branch {condition}, b1, b2\n{}", ends("1", "0")),
        format!("b0:\n  branch {condition}, b2, b1\n{}", ends("0", "1")),
        format!("b0:\n  v9 = {condition}\n  branch v9, b1, b2\n{}", ends("1", "0")),
    ]
}

/// Comparisons of words, as values and as branches.
pub fn compare(bench: &Bench) {
    for (name, expected) in ordered::<i64>().into_iter().chain(UNSIGNED) {
        for n in 0..4 {
            let body = |a: &str, b: &str| condition_bodies(&format!("compare.{name} {a} {b}"))[n].clone();
            check(bench, name, body, |a, b| Some(expected(a, b).into()));
        }
    }
}

/// Tests of tags, for every set of tags.
pub fn has_tag_for_all_masks(bench: &Bench) {
    for mask in 0..=255u8 {
        for body in condition_bodies(&format!("has_tag {mask} v0")) {
            let mut loaded = bench.load(&format!("entry function t(v0: w) -> w {{\n{body}}}\n"));
            for word in (0..16).chain([u64::MAX, 1 << 63, 0xffff_fff9]) {
                assert_eq!(loaded.run2(word, 0), u64::from(mask >> (word & 7) & 1), "has_tag {mask:#x} {word}");
            }
        }
    }
}

/// A function of two doubles, handed over as bits.
fn doubles<'b>(bench: &'b Bench, body: &str) -> Loaded<'b> {
    let start = "b0:\n  v2 = float_from_bits v0\n  v3 = float_from_bits v1\n";
    let body = body.replacen("b0:\n", start, 1);
    bench.load(&format!("entry function t(v0: w, v1: w) -> w {{\n{body}}}\n"))
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// Operations on two doubles.
pub fn float_binary(bench: &Bench) {
    let operations: [Named<FloatBinary>; 4] =
        [("add", |a, b| a + b), ("sub", |a, b| a - b), ("mul", |a, b| a * b), ("div", |a, b| a / b)];
    for (name, expected) in operations {
        let mut plain = doubles(bench, &format!("b0:\n  v4 = float.{name} v2 v3\n  v5 = float_bits v4\n  return v5\n"));
        for a in DOUBLES {
            let constant = format!("b0:\n  v6 = float {:#x}\n", a.to_bits());
            let rest = format!("  v4 = float.{name} v6 v3\n  v5 = float_bits v4\n  return v5\n");
            let mut with_constant = doubles(bench, &(constant + &rest));
            for b in DOUBLES {
                for loaded in [&mut plain, &mut with_constant] {
                    let result = f64::from_bits(loaded.run2(a.to_bits(), b.to_bits()));
                    assert!(same(result, expected(a, b)), "{name} {a} {b}: {result}");
                }
            }
        }
    }
}

/// Operations on one double; conversions.
pub fn float_unary_and_conversions(bench: &Bench) {
    let operations: [Named<FloatUnary>; 3] =
        [("float.neg", |a| -a), ("float.abs", f64::abs), ("float.sqrt", f64::sqrt)];
    for (name, expected) in operations {
        let mut loaded = doubles(bench, &format!("b0:\n  v4 = {name} v2\n  v5 = float_bits v4\n  return v5\n"));
        for a in DOUBLES {
            assert!(same(f64::from_bits(loaded.run2(a.to_bits(), 0)), expected(a)), "{name} {a}");
        }
    }
    let mut to_float = doubles(bench, "b0:\n  v4 = int_to_float v0\n  v5 = float_bits v4\n  return v5\n");
    for a in WORDS {
        assert_eq!(f64::from_bits(to_float.run2(a as u64, 0)), a as f64);
    }
    let mut to_int = doubles(bench, "b0:\n  v4 = float_to_int v2\n  return v4\n");
    for a in [0.0, -0.0, 0.99, -0.99, 1.5, -1.5, 1e18, -1e18, 9007199254740993.0] {
        assert_eq!(to_int.run2(f64::to_bits(a), 0) as i64, a as i64);
    }
}

/// Comparisons of doubles, unordered ones among them.
pub fn float_compare(bench: &Bench) {
    for (name, expected) in ordered::<f64>() {
        for body in condition_bodies(&format!("float.{name} v2 v3")) {
            let mut loaded = doubles(bench, &body);
            for a in DOUBLES {
                for b in DOUBLES {
                    let result = loaded.run2(a.to_bits(), b.to_bits());
                    assert_eq!(result, u64::from(expected(a, b)), "{name} {a} {b}:\n{body}");
                }
            }
        }
    }
}

/// Loads and stores of all widths at all kinds of addresses.
pub fn memory(bench: &Bench) {
    for (width, size) in [("byte", 1), ("four", 4), ("word", 8)] {
        let mask = if size == 8 { u64::MAX } else { (1 << (8 * size)) - 1 };
        for offset in [0, 8, -8, 127, 128, -128, -129, 1000] {
            let bodies = [
                format!("  store.{width} v0, [v1 + {offset}]\n  v9 = load.{width} [v1 + {offset}]\n"),
                format!("  store.{width} v0, [v1 + v2 + {offset}]\n  v9 = load.{width} [v1 + v2 + {offset}]\n"),
                format!(
                    "  v3 = const 16\n  v4 = add v1 v3\n  store.{width} v0, [v4 + {offset}]\n  \
                     v9 = load.{width} [v1 + v3 + {offset}]\n"
                ),
            ];
            for body in bodies {
                let body = body.replace("+ -", "- ");
                let text = format!("entry function t(v0: w, v1: w, v2: w) -> w {{\nb0:\n{body}  return v9\n}}\n");
                let mut loaded = bench.load(&text);
                for value in WORDS {
                    let mut memory = bench.memory(400);
                    memory.fill(0xa5a5_a5a5_a5a5_a5a5);
                    let middle = memory.as_mut_ptr() as u64 + 1600;
                    assert_eq!(loaded.run([value as u64, middle, 24, 0]), value as u64 & mask, "{body}");
                    let written = memory.iter().filter(|word| **word != 0xa5a5_a5a5_a5a5_a5a5).count();
                    assert!(written <= 2, "{body}");
                }
            }
        }
    }
}

/// Stores of constants.
pub fn constants_are_stored(bench: &Bench) {
    for (width, size) in [("byte", 1), ("four", 4), ("word", 8)] {
        for value in WORDS {
            for address in ["[v0 + 8]", "[v0 + v1]"] {
                let text = format!(
                    "entry function t(v0: w, v1: w) -> w {{\nb0:\n  v2 = const {value}\n  \
                     store.{width} v2, {address}\n  return v2\n}}\n"
                );
                let mut memory = bench.memory(3);
                memory.fill(u64::MAX);
                assert_eq!(bench.load(&text).run2(memory.as_mut_ptr() as u64, 8), value as u64);
                let mut expected = [0xff; 8];
                let bytes = value.to_ne_bytes();
                let stored = if cfg!(target_endian = "little") { &bytes[..size] } else { &bytes[8 - size..] };
                expected[..size].copy_from_slice(stored);
                assert_eq!(*memory, [u64::MAX, u64::from_ne_bytes(expected), u64::MAX], "{text}");
            }
        }
    }
}

/// Loads and stores of doubles.
pub fn doubles_in_memory(bench: &Bench) {
    let text = "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = load.double [v0 + 8]\n  \
                v3 = load.double [v0 + v1]\n  v4 = float.sub v2 v3\n  store.double v4, [v0]\n  \
                store.double v3, [v0 + v1 + 8]\n  return v0\n}\n";
    let mut memory = bench.memory(4);
    memory.copy_from_slice(&[0.0, 7.5, 2.25, 0.0].map(f64::to_bits));
    bench.load(text).run2(memory.as_mut_ptr() as u64, 16);
    assert_eq!(*memory, [5.25, 7.5, 2.25, 2.25].map(f64::to_bits));
}

/// Words of the context and of the data table.
pub fn context_and_data_words(bench: &Bench) {
    let fuel = maru_core::abi::context::FUEL;
    let depth = maru_core::abi::context::DEPTH;
    let text = format!(
        "entry function t(v0: w) -> w {{\nb0:\n  store.word v0, [context + {fuel}]\n  v1 = const -5\n  \
         store.word v1, [context + {depth}]\n  v2 = load.word [context + {fuel}]\n  v3 = data 3\n  \
         v4 = add v2 v3\n  return v4\n}}\n"
    );
    let mut loaded = bench.load(&text);
    loaded.set_data(3, 1000);
    loaded.set_data(2, 1);
    assert_eq!(loaded.run2(42, 0), 1042);
    assert_eq!((loaded.context.fuel, loaded.context.depth), (42, -5));
}

/// Branches on a word that was just loaded.
pub fn branches_on_memory(bench: &Bench) {
    let fuel = maru_core::abi::context::FUEL;
    for source in ["[v1 + 8]".to_string(), format!("[context + {fuel}]")] {
        for (condition, expected) in [("v2", (|word| word != 0) as fn(i64) -> bool), ("compare.lt v2 v3", |w| w < 100)]
        {
            // Between the load and the branch, nothing; a store to the same place; another use of the word.
            for between in ["", "  store.word v0, SOURCE\n", "  store.word v2, [v1]\n"] {
                let text = format!(
                    "entry function t(v0: w, v1: w) -> w {{\nb0:\n  v3 = const 100\n  v2 = load.word {source}\n\
                     {between}  branch {condition}, b1, b2\nb1:\n  v4 = const 1\n  return v4\nb2:\n  v5 = const 0\n  \
                     return v5\n}}\n"
                );
                let mut loaded = bench.load(&text.replace("SOURCE", &source));
                for word in WORDS {
                    let mut memory = bench.memory(2);
                    memory.copy_from_slice(&[7, word as u64]);
                    loaded.context.fuel = word;
                    let result = loaded.run2(!word as u64, memory.as_mut_ptr() as u64);
                    assert_eq!(result, u64::from(expected(word)), "{word}: {text}");
                }
            }
        }
    }
}
