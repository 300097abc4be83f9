//! The text: every compiler here takes it without a warning, and what it does by hand where a compiler does not help is
//! right.

use maru_core::codegen::{source_symbols, Architecture, SourceUnit};
use maru_core::ir::parse::parse;
use maru_core::ir::Function;
use maru_core::tool::Tool;
use maru_generate::{stream, unit, Size};
use std::path::PathBuf;

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn text(functions: &[Function]) -> String {
    let symbols = source_symbols(functions);
    let unit = SourceUnit { name: "*/ #include", functions, symbols: &symbols, constants: &[1; 100], data_words: 64 };
    maru_c::TARGET.source().expect("text").text(&unit).expect("all of it is supported")
}

/// The compilers that are here.
fn compilers() -> Vec<&'static str> {
    let here = |name: &&str| {
        let is_here = Tool::new(name, &[], "").is_here();
        if !is_here {
            eprintln!("NOT RUN: {name} is not installed");
        }
        is_here
    };
    ["gcc", "clang", "tcc"].into_iter().filter(here).collect()
}

#[test]
fn no_compiler_warns() {
    let folder = folder("c-warnings");
    let arguments = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-c"];
    let mut functions = Vec::new();
    for seed in 0..12 {
        functions.push(unit(&mut stream(seed), &Size { unreachable_blocks: seed % 2 == 0, ..Size::default() }));
    }
    let odd =
        "entry function t(v0: w, v1: w) -> w {\nb0:\n  v2 = compare.lt v0 v0\n  v3 = const 0\n  v4 = div v0 v1\n  \
               branch compare.eq v1 v1, b1, b2\nb1:\n  return v2\nb2:\n  return v3\n}\n";
    functions.push(parse(odd).expect("a function"));
    for (number, functions) in functions.iter().enumerate() {
        std::fs::write(folder.join("unit.c"), text(functions)).expect("written");
        for compiler in compilers() {
            let compiled = Tool::new(compiler, &arguments, "").run(&folder, &["-o", "unit.o", "unit.c"], "unit.o");
            compiled.unwrap_or_else(|problem| panic!("unit {number}: {problem}"));
        }
    }
}

/// What the prelude computes by itself where a compiler has nothing for it, compared with the processor's own.
const BY_HAND: &str = "
#include <stdio.h>
int main(void)
{
    static const word edges[] = {
        0, 1, 2, 3, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0xb504f333, 0xb504f334, 0x7fffffffffffffff,
        0x8000000000000000, 0xffffffffffffffff, 0xfffffffffffffffe, 0xffffffff00000000, 0x3ff0000000000000,
        0x3ff0000000000001, 0x0010000000000000, 0x000fffffffffffff, 0x7fefffffffffffff, 0x7ff0000000000000,
        0x7ff8000000000000, 0xfff0000000000000, 0x4340000000000001, 0x4350000000000001, 0xbff0000000000000,
    };
    word state = 88172645463325252, i, j;
    word count = sizeof edges / sizeof *edges;
    for (i = 0; i < count; i++)
        for (j = 0; j < count; j++)
            printf(\"%d %llx\\n\", (int)product_overflows(edges[i], edges[j]),
                (unsigned long long)bits(square_root(from_bits(edges[i]))));
    for (i = 0; i < 20000; i++) {
        word a, b;
        state ^= state << 13; state ^= state >> 7; state ^= state << 17; a = state;
        state ^= state << 13; state ^= state >> 7; state ^= state << 17; b = state >> (i & 63);
        printf(\"%llx %llx %d %llx\\n\", (unsigned long long)a, (unsigned long long)b, (int)product_overflows(a, b),
            (unsigned long long)bits(square_root(from_bits(a))));
    }
    return 0;
}
";

fn root(bits: u64) -> u64 {
    f64::from_bits(bits).sqrt().to_bits()
}

fn same(a: u64, b: u64) -> bool {
    a == b || f64::from_bits(a).is_nan() && f64::from_bits(b).is_nan()
}

#[test]
fn roots_and_products_by_hand_are_exact() {
    let text = text(&parse("entry function t() -> w {\nb0:\n  v0 = const 0\n  return v0\n}\n").expect("a function"));
    // As for a compiler without builtins and without `errno` left out.
    let by_hand = text
        .replace("defined(__NO_MATH_ERRNO__)", "0")
        .replace("#if defined(__GNUC__)\n    int64_t product;", "#if 0\n    int64_t product;");
    assert_ne!(text, by_hand);
    let folder = folder("c-by-hand");
    std::fs::write(folder.join("unit.c"), by_hand + BY_HAND).expect("written");
    for compiler in compilers() {
        Tool::new(compiler, &["-std=c11", "-O2"], "")
            .run(&folder, &["-o", "unit", "unit.c"], "unit")
            .expect("compiled");
        let output = std::process::Command::new(folder.join("unit")).output().expect("it runs");
        let output = String::from_utf8(output.stdout).expect("a text");
        let mut checked = 0;
        for line in output.lines().filter(|line| line.split(' ').count() == 4) {
            let hex =
                |word: usize| u64::from_str_radix(line.split(' ').nth(word).expect("a word"), 16).expect("a number");
            let (a, b, overflows, found) = (hex(0), hex(1), hex(2), hex(3));
            assert_eq!(overflows != 0, (a as i64).checked_mul(b as i64).is_none(), "{compiler}: {line}");
            assert!(same(found, root(a)), "{compiler}: {line}, not {:x}", root(a));
            checked += 1;
        }
        assert_eq!(checked, 20000, "{compiler}");
        check_edges(compiler, &output);
    }
}

fn check_edges(compiler: &str, output: &str) {
    let edges = BY_HAND.split_once("edges[] = {").and_then(|(_, rest)| rest.split_once("};")).expect("edges").0;
    let number = |text: &str| match text.trim().strip_prefix("0x") {
        Some(text) => u64::from_str_radix(text, 16).ok(),
        None => text.trim().parse().ok(),
    };
    let edges: Vec<u64> = edges.split(',').filter_map(number).collect();
    assert_eq!(edges.len(), 26);
    let pairs = edges.iter().flat_map(|a| edges.iter().map(move |b| (*a, *b)));
    for ((a, b), line) in pairs.zip(output.lines()) {
        let (overflows, found) = line.split_once(' ').expect("two words");
        assert_eq!(overflows != "0", (a as i64).checked_mul(b as i64).is_none(), "{compiler}: {a:#x} {b:#x}");
        assert!(
            same(u64::from_str_radix(found, 16).expect("a number"), root(a)),
            "{compiler}: root of {a:#x}: {found}"
        );
    }
}
