//! Tests of the text form, by example.

use super::*;

const EVERYTHING: &str = r#"entry function enter(v0: w, v1: w) -> w {
b0:
  v2 = call f1(v0, v1) -> d @3
  v3 = float_bits v2
  return v3 @4
}

function "<point>-x \"q\" \u{a};"(v0: w, v1: w) -> d {
b0:
  v2 = const -2
  v3 = const 0x8000000000000000
  v4 = float 0x3ff8000000000000 ; 1.5
  v5 = float 0x7ff8000000000000 @1 ; NaN
  v6 = add v0 v1
  v7, v8 = mul.overflow v6 v2
  v9 = compare.at_least v7 v8
  v10 = has_tag 0x32 v9
  v11 = float.div v4 v5
  v12 = float.sqrt v11
  v13 = float.le v12 v4
  v14 = int_to_float v13
  v15 = float_to_int v4
  v16 = float_from_bits v15
  branch compare.below v6 v7, b1(v14, v2), b1(v16, v3)
b1(v17: d, v18: w):
  v19 = load.byte [v18]
  v20 = load.double [v18 - 2147483648]
  v21 = load.four [v18 + v19 + 2147483647]
  store.word v21, [v18 + 8]
  store.double v20, [v18 + v21 - 8]
  v22 = load.word [context + 16]
  store.word v22, [context]
  v23 = data 4294967295
  v24 = function_address f1
  v25 = helper set_cell v23 v24
  v26 = helper poll
  branch v26, b2, b3
b2 cold:
  branch has_tag 0x01 v25, b4(v20), b5
b3:
  branch float.ne v17 v20, b5, b4(v17)
b4(v27: d):
  v28 = call [v24](v25, v27) -> w
  jump b6(v28)
b5:
  unreachable @99
b6(v29: w):
  tail_call [v29](v0, v1) -> d
}
"#;

#[test]
fn every_form_reads_and_prints_back() {
    let functions = parse(EVERYTHING).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(functions.len(), 2);
    let text: Vec<String> = functions.iter().map(Function::to_string).collect();
    assert_eq!(text.join("\n"), EVERYTHING);
    assert_eq!(parse(&print::unit_text(&functions)).as_ref(), Ok(&functions));
    let [enter, point] = &functions[..] else { panic!() };
    assert_eq!(enter.signature.convention, Convention::Entry);
    assert_eq!(enter.lines, [(Block(0), 0, 3), (Block(0), 2, 4)]);
    assert_eq!(point.name, "<point>-x \"q\" \n;");
    assert_eq!(point.signature.result, Type::Double);
    let Op::Call(_, _, signature) = &point.block(Block(4)).insts[0].op else { panic!() };
    assert_eq!(signature.parameters, [Type::Word, Type::Double]);
    assert!(point.block(Block(2)).cold && !point.block(Block(3)).cold);
}

#[test]
fn errors_name_the_place() {
    let body = |line: &str| format!("function f(v0: w) -> w {{\nb0:\n  {line}\n}}\n");
    let cases = [
        (body("return v1"), "3:10: v1 is not defined"),
        (body("v0 = const 1"), "3:14: v0 is defined twice"),
        (body("v1 = addd v0 v0"), "3:8: there is no operation 'addd'"),
        (body("v1, v2 = add v0 v0"), "3:3: this operation has 1 results, not 2"),
        (body("add v0 v0"), "3:3: this operation has 1 results, not 0"),
        (body("v1 = add v0"), "3:14: expected a value such as v1"),
        (body("v1 = add v0 v0 v0"), "3:18: expected the end of the line"),
        (body("v1 = const 0x1ffffffffffffffff"), "3:14: '0x1ffffffffffffffff' is no number of 64 bits"),
        (body("v1 = const -9223372036854775809"), "3:15: expected a number of at most 64 bits"),
        (body("v1 = has_tag 256 v0"), "3:16: a mask has 8 bits"),
        (body("v1 = load.word [v0 + 2147483648]"), "3:24: an offset has 32 bits"),
        (body("v1 = helper set_cells v0 v0"), "3:15: there is no helper 'set_cells'"),
        (body("v99999999 = const 1"), "3:3: expected a value such as v1"),
        (body("jump b1 é"), "3:11: unexpected character 'é'"),
        ("function f() -> w {\nb1:\n".into(), "2:1: expected block b0"),
        ("function f() -> w {\n}\n".into(), "2:1: a function needs a block b0"),
        ("function f() -> x {".into(), "1:17: expected a type, w or d"),
        ("function \"f".into(), "1:10: the name's closing quote is missing"),
        ("function f(".into(), "1:12: expected a value such as v1"),
        ("garbage".into(), "1:1: expected 'function'"),
    ];
    for (text, expected) in cases {
        assert_eq!(parse(&text).expect_err(&text).to_string(), expected, "{text}");
    }
}

#[test]
fn comments_and_empty_lines_mean_nothing() {
    let text =
        "; a comment\n\nfunction f() -> w { ; one\n\n; two\nb0: ; three\n  v0 = const 1 ; four\n\n  return v0\n}";
    let functions = parse(text).unwrap();
    assert_eq!(functions[0].to_string(), "function f() -> w {\nb0:\n  v0 = const 1\n  return v0\n}\n");
    assert_eq!(parse(""), Ok(vec![]));
}
