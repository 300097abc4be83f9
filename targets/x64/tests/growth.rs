//! How long compiling one function takes as it grows, for shapes that have made some part of a compiler superlinear.
//!
//! A measurement: `cargo test --release -p maru-x64 --test growth -- --ignored --nocapture`. Each line is a shape and a
//! phase; each column has twice the operations of the one before, and should take about twice as long.

use maru_core::codegen::Architecture;
use maru_core::ir::passes::{optimise, OptimisationFuel};
use maru_core::ir::*;
use std::time::Instant;

/// A function under construction, and its first parameter.
struct Body {
    builder: FunctionBuilder,
    x: Val,
}

impl Body {
    fn new() -> Body {
        let signature = Signature { convention: Convention::Maru, parameters: vec![Type::Word; 4], result: Type::Word };
        Body { builder: FunctionBuilder::new("f", signature), x: Val(2) }
    }

    fn finish(mut self, result: Val) -> Function {
        self.builder.ret(result);
        self.builder.finish()
    }
}

/// One block of operations, each on the last.
fn straight(size: usize) -> Function {
    let Body { builder: mut b, x } = Body::new();
    let mut last = x;
    for n in 0..size {
        last = b.binary_immediate([Binary::Add, Binary::Xor][n % 2], last, n as i64 | 1);
    }
    Body { builder: b, x }.finish(last)
}

/// All values live at once.
fn wide(size: usize) -> Function {
    let Body { builder: mut b, x } = Body::new();
    let values: Vec<Val> = (0..size).map(|n| b.load(Width::Word, x, 8 * n as i32)).collect();
    let sum = values.into_iter().reduce(|sum, value| b.binary(Binary::Add, sum, value));
    Body { builder: b, x }.finish(sum.expect("some values"))
}

/// One diamond after another, each with one parameter.
fn diamonds(size: usize) -> Function {
    let Body { builder: mut b, x } = Body::new();
    let mut last = x;
    for n in 0..size {
        let [then, otherwise, join] = [b.block(), b.block(), b.block()];
        let parameter = b.parameter(join, Type::Word);
        b.branch(Condition::HasTag(1, last), then, &[], otherwise, &[]);
        b.switch_to(then);
        let sum = b.binary_immediate(Binary::Add, last, 8 * n as i64 + 8);
        b.jump(join, &[sum]);
        b.switch_to(otherwise);
        let other = b.binary_immediate(Binary::Xor, last, 8 * n as i64 + 8);
        b.jump(join, &[other]);
        b.switch_to(join);
        last = parameter;
    }
    Body { builder: b, x }.finish(last)
}

/// An addition of fixnums, with a cold way out that calls a helper, may fail, and comes back.
fn guarded(b: &mut FunctionBuilder, left: Val, right: Val, failed: Block) -> Val {
    let [slow, back, join] = [b.cold_block(), b.cold_block(), b.block()];
    let fast = b.block();
    let result = b.parameter(join, Type::Word);
    b.branch(Condition::HasTag(1, left), fast, &[], slow, &[]);
    b.switch_to(fast);
    let (sum, overflow) = b.overflowing(Overflowing::Add, left, right);
    b.branch(Condition::NonZero(overflow), slow, &[], join, &[sum]);
    b.switch_to(slow);
    let answer = b.helper(Helper::SetCell, &[left, right]);
    let failure = b.iconst(14);
    b.branch(Condition::Compare(Compare::Eq, answer, failure), failed, &[], back, &[]);
    b.switch_to(back);
    b.jump(join, &[answer]);
    b.switch_to(join);
    result
}

/// Additions of fixnums in a row.
fn guards(size: usize) -> Function {
    let Body { builder: mut b, x } = Body::new();
    let failed = b.cold_block();
    let mut last = x;
    for _ in 0..size {
        last = guarded(&mut b, last, Val(3), failed);
    }
    let end = b.current_block();
    b.switch_to(failed);
    let failure = b.iconst(14);
    b.ret(failure);
    b.switch_to(end);
    Body { builder: b, x }.finish(last)
}

/// The same, where every result is used at the end.
fn guards_all_live(size: usize) -> Function {
    let Body { builder: mut b, x } = Body::new();
    let failed = b.cold_block();
    let values: Vec<Val> = (0..size).map(|_| guarded(&mut b, x, Val(3), failed)).collect();
    let sum = values.into_iter().reduce(|sum, value| b.binary(Binary::Add, sum, value));
    let end = b.current_block();
    b.switch_to(failed);
    let failure = b.iconst(14);
    b.ret(failure);
    b.switch_to(end);
    Body { builder: b, x }.finish(sum.expect("some values"))
}

/// Branches within branches, which all join on the way out.
fn nested(size: usize) -> Function {
    let Body { builder: mut b, x } = Body::new();
    let mut joins = Vec::new();
    for n in 0..size {
        let [then, otherwise, join] = [b.block(), b.block(), b.block()];
        let parameter = b.parameter(join, Type::Word);
        let loaded = b.load(Width::Word, x, 8 * n as i32);
        b.branch(Condition::HasTag(1, loaded), then, &[], otherwise, &[]);
        b.switch_to(otherwise);
        b.jump(join, &[loaded]);
        b.switch_to(then);
        joins.push((join, parameter));
    }
    let mut last = x;
    for (join, parameter) in joins.into_iter().rev() {
        b.jump(join, &[last]);
        b.switch_to(join);
        last = parameter;
    }
    Body { builder: b, x }.finish(last)
}

/// Loops within loops.
fn loops(size: usize) -> Function {
    let Body { builder: mut b, x } = Body::new();
    let mut exits = Vec::new();
    for n in 0..size / 10 {
        let [header, body, terminator] = [b.block(), b.block(), b.block()];
        let count = b.parameter(header, Type::Word);
        b.jump(header, &[x]);
        b.switch_to(header);
        b.branch(Condition::Compare(Compare::Lt, count, Val(3)), body, &[], terminator, &[]);
        b.switch_to(body);
        b.store(Width::Word, count, x, 8 * n as i32);
        exits.push((header, terminator, count));
    }
    for (header, terminator, count) in exits.into_iter().rev() {
        let next = b.binary_immediate(Binary::Add, count, 8);
        b.jump(header, &[next]);
        b.switch_to(terminator);
    }
    Body { builder: b, x }.finish(x)
}

/// Many parameters at each of a few joins.
fn parameters(size: usize) -> Function {
    let Body { builder: mut b, x } = Body::new();
    let mut values: Vec<Val> = (0..size / 10).map(|n| b.load(Width::Word, x, 8 * n as i32)).collect();
    for _ in 0..5 {
        let [then, join] = [b.block(), b.block()];
        let parameters: Vec<Val> = values.iter().map(|_| b.parameter(join, Type::Word)).collect();
        b.branch(Condition::HasTag(1, values[0]), then, &[], join, &values);
        values.rotate_left(1);
        b.switch_to(then);
        b.jump(join, &values);
        b.switch_to(join);
        values = parameters;
    }
    let sum = values.into_iter().reduce(|sum, value| b.binary(Binary::Add, sum, value));
    Body { builder: b, x }.finish(sum.expect("some values"))
}

type Shape = (&'static str, fn(usize) -> Function);

const SHAPES: &[Shape] = &[
    ("straight", straight),
    ("wide", wide),
    ("diamonds", diamonds),
    ("guards", guards),
    ("guards_all_live", guards_all_live),
    ("nested", nested),
    ("loops", loops),
    ("parameters", parameters),
];

/// Milliseconds in passes, selection, allocation, encoding.
fn measure(shape: fn(usize) -> Function, size: usize) -> ([f64; 4], usize) {
    let mut function = shape(size);
    let start = Instant::now();
    optimise(&mut function, &mut OptimisationFuel::unlimited());
    let passes = start.elapsed().as_nanos() as u64;
    let compiled = maru_x64::TARGET.compile(&function).expect("a function that can be compiled");
    let [select, allocate, encode] = compiled.nanoseconds;
    ([passes, select, allocate, encode].map(|nanoseconds| nanoseconds as f64 / 1e6), compiled.bytes.len())
}

#[test]
#[ignore = "a measurement"]
fn growth() {
    let only = std::env::var("MARU_SHAPE").unwrap_or_default();
    for (name, shape) in SHAPES.iter().filter(|(name, _)| name.contains(&only)) {
        let mut columns = Vec::new();
        let mut size = 6250;
        while size <= 100_000 {
            let start = Instant::now();
            columns.push(measure(*shape, size));
            if start.elapsed().as_secs() >= 3 {
                break;
            }
            size *= 2;
        }
        for (phase, label) in ["passes", "select", "allocate", "encode"].into_iter().enumerate() {
            let times: Vec<String> = columns.iter().map(|(times, _)| format!("{:9.1}", times[phase])).collect();
            println!("{name:16} {label:9} {}", times.join(" "));
        }
        let sizes: Vec<String> = columns.iter().map(|(_, bytes)| format!("{bytes:9}")).collect();
        println!("{name:16} {:9} {}", "bytes", sizes.join(" "));
    }
}

/// Of shapes that make values live in memory, and large sets of moves: an independent checker verifies each allocation.
#[test]
fn large_functions_are_allocated_rightly() {
    maru_core::codegen::verify_allocation(true);
    for (name, shape) in SHAPES {
        for size in [300, 1200] {
            let mut function = shape(size);
            optimise(&mut function, &mut OptimisationFuel::unlimited());
            let compiled = maru_x64::TARGET.compile(&function);
            assert!(compiled.is_ok(), "{name} of {size}: {}", compiled.unwrap_err());
        }
    }
}
