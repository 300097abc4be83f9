//! What functions look like when they are split: as short as can be.

use super::{split_all, Counts};
use maru_core::ir::verify::verify_unit;
use maru_core::ir::{parse, Function};

/// The text of a function after the pass.
fn after(text: &str) -> String {
    let functions = parse::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    verify_unit(&functions).unwrap_or_else(|error| panic!("{error}\n{text}"));
    split_all(&functions, &mut Counts::default()).iter().map(Function::to_string).collect()
}

#[test]
fn a_fixnum_sum_is_two_additions_and_no_comparison() {
    let before = "function f(v0: w, v1: w) -> w {
b0:
  branch has_tag 0x01 v0, b1, b3
b1:
  v2, v3 = add.overflow v0 v1
  branch v3, b3, b2
b2:
  return v2
b3 cold:
  v4 = helper poll
  return v4
}
";
    let expected = "narrow function f(v0: w, v1: w, v2: w, v3: w) -> ww {
b0:
  branch has_tag 0x01 v0, b1, b3
b1:
  v4, v5 = add.carry v0 v2
  v6, v7 = add.with_carry v1 v3 v5
  branch v7, b3, b2
b2:
  return v4 v6
b3 cold:
  v9, v10 = helper.pair poll
  return v9 v10
}
";
    assert_eq!(after(before), expected);
}

#[test]
fn comparisons_are_as_short_as_can_be() {
    let before = "function f(v0: w, v1: w) -> w {
b0:
  v2 = const 16
  branch compare.lt v0 v2, b1, b2
b1:
  branch compare.eq v0 v1, b4, b3
b2:
  v3 = const 2
  branch compare.ne v1 v3, b4, b3
b3:
  v4 = const 0
  branch compare.ge v0 v4, b4, b5
b4:
  return v0
b5:
  branch v1, b4, b6
b6:
  v5 = load.byte [v0]
  branch compare.le v5 v2, b4, b7
b7:
  return v1
}
";
    let expected = "narrow function f(v0: w, v1: w, v2: w, v3: w) -> ww {
b0:
  v4 = const 16
  v5 = const 0
  v6, v7 = sub.borrow v0 v4
  v8 = compare.lt.with_borrow v1 v5 v7
  branch v8, b1, b2
b1:
  v9 = xor v0 v2
  v10 = xor v1 v3
  v11 = or v9 v10
  v12 = const 0
  branch compare.eq v11 v12, b4, b3
b2:
  v13 = const 2
  v14 = const 0
  v15 = xor v2 v13
  v16 = or v15 v3
  branch compare.ne v16 v14, b4, b3
b3:
  v17 = const 0
  branch compare.ge v1 v17, b4, b5
b4:
  return v0 v1
b5:
  v18 = or v2 v3
  branch v18, b4, b6
b6:
  v19 = load.byte [v0]
  v21 = const 17
  branch compare.below v19 v21, b4, b7
b7:
  return v2 v3
}
";
    assert_eq!(after(before), expected);
}

#[test]
fn words_in_memory_and_doubles_in_words_are_two_halves() {
    let before = "function f(v0: w, v1: w, v2: d) -> w {
b0:
  v3 = const -8
  v4 = and v0 v3
  v5 = load.word [v4 + 8]
  v6 = const 11
  v7 = rotl v5 v6
  v8 = float_from_bits v7
  v9 = float.add v8 v2
  store.double v9, [v4 + 16]
  v10 = const 24
  v11 = add v4 v10
  store.word v1, [v11 + v0]
  v12 = call f0(v11, v1, v9) -> w
  tail_call f0(v12, v11, v2) -> w
}
";
    let expected = "narrow function f(v0: w, v1: w, v2: w, v3: w, v4: d) -> ww {
b0:
  v5 = const -8
  v7 = and v0 v5
  v8 = load.four [v7 + 8]
  v9 = load.four [v7 + 12]
  v10 = const 11
  v11 = const 0
  v12 = shl v8 v10
  v13 = const 21
  v14 = lshr v9 v13
  v15 = or v12 v14
  v16 = shl v9 v10
  v17 = lshr v8 v13
  v18 = or v16 v17
  v19 = float_from_halves v15 v18
  v20 = float.add v19 v4
  store.double v20, [v7 + 16]
  v21 = const 24
  v22, v23 = add.carry v7 v21
  v24, v25 = add.with_carry v1 v11 v23
  store.four v2, [v22 + v0]
  store.four v3, [v22 + v0 + 4]
  v26, v27 = call f0(v22, v24, v2, v3, v20) -> ww
  tail_call f0(v26, v27, v22, v24, v4) -> ww
}
";
    assert_eq!(after(before), expected);
}

#[test]
fn lines_stay_with_what_they_are_of() {
    let before = "function f(v0: w, v1: w) -> w {
b0:
  v2, v3 = mul.overflow v0 v1 @3
  branch v3, b1, b2 @4
b1 cold:
  v4 = helper poll @5
  return v4
b2:
  return v2 @6
}
";
    let expected = "narrow function f(v0: w, v1: w, v2: w, v3: w) -> ww {
b0:
  v4 = const 31 @3
  v5 = ashr v0 v4
  v6 = xor v1 v5
  v7 = ashr v2 v4
  v8 = xor v3 v7
  v9 = or v6 v8
  branch v9, b1, b2
b1 cold:
  v16, v17 = mul.wide v0 v2 @3
  v18 = mul v0 v3
  v19 = add v17 v18
  v20 = mul v2 v1
  v21 = add v19 v20
  v22, v23 = helper.pair multiply_high v0 v1 v2 v3
  v24 = const 31
  v25 = ashr v21 v24
  v26 = xor v22 v25
  v27 = xor v23 v25
  v28 = or v26 v27
  v29 = const 0
  v30 = compare.ne v28 v29
  jump b3(v16, v21, v30)
b2:
  v13, v14 = mul.wide_signed v0 v2 @3
  v15 = const 0
  jump b3(v13, v14, v15)
b3(v10: w, v11: w, v12: w):
  branch v12, b4, b5 @4
b4 cold:
  v32, v33 = helper.pair poll @5
  return v32 v33
b5:
  return v10 v11 @6
}
";
    assert_eq!(after(before), expected);
}

#[test]
fn functions_without_words_change_in_their_width_only() {
    let before = "function f(v0: d, v1: d) -> d {
b0:
  v3 = float.add v0 v1
  branch float.lt v0 v1, b1, b2(v3)
b1:
  return v0
b2(v2: d):
  return v2
}
";
    assert_eq!(after(before), format!("narrow {before}"));
}

#[test]
fn what_has_few_bits_carries_nothing() {
    let before = "function f(v0: w, v1: w) -> w {
b0:
  v2 = compare.lt v0 v1
  v3 = const 3
  v4 = shl v2 v3
  v5 = const 2
  v6 = or v4 v5
  v7 = load.byte [v0]
  v8 = shl v7 v3
  v9 = add v8 v4
  v10 = call f0(v6, v9) -> w
  return v10
}
";
    let expected = "narrow function f(v0: w, v1: w, v2: w, v3: w) -> ww {
b0:
  v4, v5 = sub.borrow v0 v2
  v6 = compare.lt.with_borrow v1 v3 v5
  v7 = const 0
  v8 = const 3
  v9 = shl v6 v8
  v10 = const 2
  v11 = or v9 v10
  v12 = load.byte [v0]
  v13 = shl v12 v8
  v14 = add v13 v9
  v15, v16 = call f0(v11, v7, v14, v7) -> ww
  return v15 v16
}
";
    assert_eq!(after(before), expected);
}
