//! The reader, and the printer, which must agree.

use super::{runtime, with_stressed_runtime};
use maru_core::abi::layout::{offset, Kind, Value};
use maru_core::abi::Position;
use maru_language::runtime::Runtime;
use maru_language::syntax::print::{text, Style};
use maru_language::syntax::{Reader, SyntaxError, SyntaxErrorKind};
use proptest::prelude::*;

fn read_all(runtime: &mut Runtime, source: &str) -> Result<Vec<Value>, SyntaxError> {
    let mut reader = Reader::new(0, source);
    let base = runtime.roots.len();
    while let Some(form) = reader.next(runtime)? {
        runtime.roots.push(form);
    }
    Ok(runtime.roots.split_off(base))
}

/// What the forms of a text are when they are dumped.
fn dumped(source: &str) -> String {
    let mut runtime = runtime();
    let forms = read_all(&mut runtime, source).unwrap_or_else(|error| panic!("{source}: {error:?}"));
    forms.iter().map(|form| text(&runtime, *form, Style::Dump)).collect::<Vec<_>>().join(" ")
}

fn fault(source: &str) -> SyntaxError {
    read_all(&mut runtime(), source).expect_err("malformed text")
}

#[test]
fn atoms() {
    for (source, expected) in [
        ("12 -7 +7 0xff -0xFF", "12 -7 7 255 -255"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("1152921504606846975 1152921504606846976", "1152921504606846975 1152921504606846976"),
        ("0xffffffffffffffffffff", "1208925819614629174706175"),
        ("1.5 -2e-3 1e100 3. .5", "1.5 -0.002 1e100 3.0 0.5"),
        ("+inf.0 -inf.0 +nan.0 -0.0", "+inf.0 -inf.0 +nan.0 -0.0"),
        ("?a ?\\n ?\\x41 ?\\u03bb ?λ ?\\s ?( ?; ?\\\\ ?? ?\" ?  ", "97 10 65 955 955 32 40 59 92 63 34 32"),
        ("?\\u{1f600} ?😀", "128512 128512"),
        ("() #f #t ( )", "() () #t ()"),
        (
            "<point>-x prime? self.x + - ... 1+ -> a1.5 #x 1e e5 λ",
            "<point>-x prime? self.x + - ... 1+ -> a1.5 #x 1e e5 λ",
        ),
        ("nil inf nan -inf", "nil inf nan -inf"),
    ] {
        assert_eq!(dumped(source), expected, "{source}");
    }
}

#[test]
fn lists_and_prefixes() {
    for (source, expected) in [
        ("(a (b c) () . d)", "(a (b c) () . d)"),
        ("(a . (b . (c . ())))", "(a b c)"),
        ("'a `(b ,c ,@d) ''e '()", "'a `(b ,c ,@d) ''e '()"),
        ("(quote a) (quote) (quote a b) (quote . a)", "'a (quote) (quote a b) (quote . a)"),
        ("[a b] {c} []", "(bracket a b) (brace c) (bracket)"),
        ("#(1 (2) #()) #( )", "#(1 (2) #()) #()"),
        ("a;comment\nb ;; comment ( \" \n;last", "a b"),
        ("(a'b)(c`d)e\"f\"g", "(a 'b) (c `d) e \"f\" g"),
        ("(a .5 .b . c)", "(a 0.5 .b . c)"),
        ("(a '. b '.)", "(a '|.| b '|.|)"),
        ("#xfeedfacf #X-1F #b101 #o17 0b101 0o17 -0x10 0XfF", "4277009103 -31 5 15 5 15 -16 255"),
        ("#xfeedfacffeedfacffeedfacf", "78896892342336669466036665039"),
        ("?\\( ?\\) ?\\\" ?\\; ?\\# ?\\' ?\\q ?\\012 ?\\0 ?\\33", "40 41 34 59 35 39 113 10 0 27"),
        ("(?\\() (?\\))", "(40) (41)"),
        ("|017| |#xq| |#\\\\a| |#true|", "|017| |#xq| |#\\\\a| |#true|"),
    ] {
        assert_eq!(dumped(source), expected, "{source}");
    }
}

#[test]
fn strings() {
    let mut runtime = runtime();
    let source = r#""a\n\t\r\\\"\e\x41\u03bb\u{1f600}λ
b""#;
    let forms = read_all(&mut runtime, source).unwrap();
    assert_eq!(runtime.text(forms[0]), "a\n\t\r\\\"\u{1b}Aλ😀λ\nb");
    assert_eq!(text(&runtime, forms[0], Style::Print), "a\n\t\r\\\"\u{1b}Aλ😀λ\nb");
    assert_eq!(text(&runtime, forms[0], Style::Dump), r#""a\n\t\r\\\"\eAλ😀λ\nb""#);
    let forms = read_all(&mut runtime, r#""\033[1m\0\08\1234\377""#).unwrap();
    assert_eq!(runtime.text(forms[0]), "\u{1b}[1m\0\08S4\u{ff}");
}

#[test]
fn first_lines_for_the_system_are_skipped() {
    assert_eq!(dumped("#!/usr/bin/env maru run\n(a)"), "(a)");
    assert_eq!(dumped("\u{feff}(a)"), "(a)");
    assert_eq!(dumped("#!only"), "");
}

#[test]
fn faults_have_places() {
    for (source, message, at, also) in [
        ("(a\n (b c)", "the text ends inside a list", 9, Some(0)),
        ("(a (b", "the text ends inside a list", 5, Some(3)),
        ("a )", "no list is open that this `)` could close", 2, None),
        ("(a ]", "`]` where `)` would close the list", 3, Some(0)),
        ("[a )", "`)` where `]` would close the list", 3, Some(0)),
        ("(a . )", "a form is missing between the dot and this", 5, None),
        ("(a . b c)", "more than one form after the dot", 7, None),
        ("( . b)", "a dot is no form", 2, None),
        (". b", "a dot is no form", 0, None),
        ("#(a . b)", "a dot is no form", 4, None),
        ("(a 'λ ')", "a form is missing before this `)`", 8, Some(7)),
        ("(a \"bc", "the string that opens here is not closed", 3, None),
        ("\"a\\q\"", "`\\q` is no escape", 2, None),
        ("\"\\x4z\"", "the escape wants 2 hexadecimal digits", 1, None),
        ("\"\\ud800\"", "half of a UTF-16 surrogate pair is no character", 1, None),
        ("?ab", "`?ab` is not one character", 0, None),
        ("?", "a character should follow", 0, None),
        ("(a ?\\ )", "`?\\` is no character", 3, None),
        ("?\\d", "`\\d` is no escape", 0, None),
        ("\"\\400\"", "an octal escape goes up to", 1, None),
        ("\"a\\\n\"", "a line break has no escape", 2, None),
        (
            "(017)",
            "`017` could be meant in octal or in decimal: in decimal it is written `17`, in octal `0o17`",
            1,
            None,
        ),
        ("-08", "`-08` could be meant in octal or in decimal: in decimal it is written `8`", 0, None),
        ("#xq", "`#xq` is no hexadecimal number", 0, None),
        ("#b12", "`#b12` is no binary number", 0, None),
        ("#\\a", "`#\\a` is no character", 0, None),
        ("#| a |#", "`#|` opens no comment", 0, None),
        ("#false", "`#false` is written `#f`", 0, None),
        ("(a |x)\n(b |y)", "the symbol that opens here is not closed", 3, None),
        ("'", "nothing follows this", 0, None),
    ] {
        let error = fault(source);
        assert!(error.message.starts_with(message), "{source}: {error:?}");
        assert_eq!(error.position, Position { source: 0, offset: at }, "{source}");
        assert_eq!(error.also.map(|(position, _)| position.offset), also, "{source}");
    }
}

#[test]
fn text_that_could_go_on_is_told_apart() {
    for source in ["(a", "'", "(a '", "\"abc", "\"\\", "(a . ", "?", "#(1", "[", "\"\\x4", "\"\\u{12"] {
        assert_eq!(fault(source).kind, SyntaxErrorKind::Incomplete, "{source}");
    }
    for source in [")", "(a ]", "(a . b c", "\"\\q", "?ab", "(a . )"] {
        assert_eq!(fault(source).kind, SyntaxErrorKind::Malformed, "{source}");
    }
}

#[test]
fn reading_goes_on_behind_a_fault() {
    let mut runtime = runtime();
    let mut reader = Reader::new(0, "a ) b");
    assert!(reader.next(&mut runtime).unwrap().is_some());
    assert!(reader.next(&mut runtime).is_err());
    let form = reader.next(&mut runtime).unwrap().unwrap();
    assert_eq!(text(&runtime, form, Style::Dump), "b");
    assert_eq!(reader.next(&mut runtime).unwrap(), None);
    assert!(runtime.roots.is_empty());
}

#[test]
fn pairs_know_where_they_stand() {
    let mut runtime = runtime();
    let form = Reader::new(3, "\n (a b (c) 'd)").next(&mut runtime).unwrap().unwrap();
    let mut offsets = Vec::new();
    let mut pairs = vec![form];
    while let Some(pair) = pairs.pop() {
        if pair.is_pair() {
            let position = runtime.positions.get(&(pair.address() as u64));
            offsets.push(position.map(|position| position.offset));
            assert!(position.is_none_or(|position| position.source == 3));
            pairs.extend([runtime.cdr(pair), runtime.car(pair)]);
        }
    }
    // (a …  b …  (c) in the list, which stands at its parenthesis itself; (c)  'd likewise  (quote d)  d
    assert_eq!(offsets, [Some(2), Some(5), None, Some(7), None, Some(11), Some(12)]);
}

#[test]
fn nesting_is_bounded_by_memory_only() {
    let mut runtime = runtime();
    let depth = 200_000;
    let source = format!("{}{}", "(".repeat(depth), ")".repeat(depth));
    let form = Reader::new(0, &source).next(&mut runtime).unwrap().unwrap();
    assert_eq!(text(&runtime, form, Style::Dump), source);
    assert_eq!(fault(&"(".repeat(depth)).kind, SyntaxErrorKind::Incomplete);
    assert_eq!(fault(&"'".repeat(depth)).kind, SyntaxErrorKind::Incomplete);
    let quotes = format!("{}a", "'".repeat(depth));
    let form = Reader::new(0, &quotes).next(&mut runtime).unwrap().unwrap();
    assert_eq!(text(&runtime, form, Style::Dump), quotes);
}

#[test]
fn structures_that_contain_themselves_are_cut_off() {
    let mut runtime = runtime();
    let form = |runtime: &mut Runtime, source| Reader::new(0, source).next(runtime).unwrap().unwrap();
    let list = form(&mut runtime, "(1 2 3)");
    let last = runtime.cdr(runtime.cdr(list));
    runtime.set_cdr(last, list);
    let shown = text(&runtime, list, Style::Dump);
    assert!(shown.starts_with("(1 2 3 1") && shown.ends_with("…)") && shown.len() < 60, "{shown}");
    let list = form(&mut runtime, "(1 2 3)");
    runtime.set_car(list, list);
    assert_eq!(text(&runtime, list, Style::Dump), "(… 2 3)");
    let list = form(&mut runtime, "(1 2 3)");
    let second = runtime.cdr(list);
    runtime.set_car(second, second);
    assert_eq!(text(&runtime, list, Style::Dump), "(1 (… 3) 3)");
    let array = form(&mut runtime, "#(1 2)");
    let storage = runtime.field(array, offset::SEQUENCE_STORAGE);
    runtime.set_slot(storage, 1, array);
    assert_eq!(text(&runtime, array, Style::Dump), "#(1 …)");
    // The same thing twice is no cycle.
    let shared = form(&mut runtime, "(x)");
    let list = runtime.list(&[shared, shared]).unwrap();
    assert_eq!(text(&runtime, list, Style::Dump), "((x) (x))");
}

#[test]
fn what_has_no_text_says_what_it_is() {
    let mut runtime = runtime();
    assert_eq!(text(&runtime, runtime.global, Style::Print), "<environment>*global-environment*");
    let symbol = runtime.symbol_value("why");
    runtime.error(maru_language::runtime::ErrorKind::User, "a \"message\"", &[Value::fixnum(1), symbol]);
    let error = runtime.take_failure();
    assert_eq!(text(&runtime, error, Style::Print), "<error>user: a \"message\" 1 why");
}

/// Data that can be written and read back.
#[derive(Debug, Clone)]
enum Datum {
    Integer(i128),
    Double(f64),
    String(String),
    Symbol(String),
    True,
    List(Vec<Datum>, Option<Box<Datum>>),
    Array(Vec<Datum>),
}

fn datum() -> impl Strategy<Value = Datum> {
    let leaf = prop_oneof![
        any::<i128>().prop_map(Datum::Integer),
        (-1i128 << 62..1i128 << 62).prop_map(Datum::Integer),
        any::<f64>().prop_map(Datum::Double),
        any::<String>().prop_map(Datum::String),
        "\\PC{1,8}".prop_map(Datum::Symbol),
        any::<String>().prop_map(Datum::Symbol),
        "[-+<>=a-z0-9.?!#@| (;]{0,6}".prop_map(Datum::Symbol),
        Just(Datum::Symbol("quote".into())),
        Just(Datum::Symbol("unquote-splicing".into())),
        Just(Datum::True),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..6), prop::option::of(inner.clone()))
                .prop_map(|(elements, tail)| Datum::List(elements, tail.map(Box::new))),
            prop::collection::vec(inner, 0..6).prop_map(Datum::Array),
        ]
    })
}

/// The value that a datum describes. The test's heap does not collect.
fn build(runtime: &mut Runtime, datum: &Datum) -> Value {
    match datum {
        Datum::Integer(number) => {
            let text = number.to_string();
            Reader::new(0, &text).next(runtime).unwrap().unwrap()
        }
        Datum::Double(number) => runtime.double(*number).unwrap(),
        Datum::String(text) => runtime.string(text).unwrap(),
        Datum::Symbol(name) => runtime.symbol_value(name),
        Datum::True => Value::TRUE,
        Datum::List(elements, tail) => {
            let mut list = tail.as_ref().map_or(Value::NIL, |tail| build(runtime, tail));
            if elements.is_empty() {
                return Value::NIL;
            }
            for element in elements.iter().rev() {
                let element = build(runtime, element);
                list = runtime.cons(element, list).unwrap();
            }
            list
        }
        Datum::Array(elements) => {
            let array = runtime.array(elements.len()).unwrap();
            let storage = runtime.field(array, offset::SEQUENCE_STORAGE);
            for (index, element) in elements.iter().enumerate() {
                let element = build(runtime, element);
                runtime.set_slot(storage, index, element);
            }
            array
        }
    }
}

/// Whether two data have the same structure and content.
fn same(runtime: &Runtime, left: Value, right: Value) -> bool {
    if left == right {
        return true;
    }
    if left.is_pair() && right.is_pair() {
        return same(runtime, runtime.car(left), runtime.car(right))
            && same(runtime, runtime.cdr(left), runtime.cdr(right));
    }
    if let (Some(left), Some(right)) = (runtime.as_double(left), runtime.as_double(right)) {
        return left.to_bits() == right.to_bits() || left.is_nan() && right.is_nan();
    }
    match (runtime.kind(left), runtime.kind(right)) {
        (Some(Kind::String), Some(Kind::String)) => runtime.text(left) == runtime.text(right),
        (Some(Kind::Big), Some(Kind::Big)) => runtime.bytes(left) == runtime.bytes(right),
        (Some(Kind::Array), Some(Kind::Array)) => {
            let elements = |array| {
                let storage = runtime.field(array, offset::SEQUENCE_STORAGE);
                &runtime.slots(storage)[..runtime.sequence_length(array)]
            };
            let (left, right) = (elements(left), elements(right));
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(runtime, *left, *right))
        }
        _ => false,
    }
}

thread_local! {
    static RUNTIME: std::cell::RefCell<Box<Runtime>> = std::cell::RefCell::new(runtime());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_dumped_reads_back(datum in datum()) {
        RUNTIME.with_borrow_mut(|runtime| {
            let value = build(runtime, &datum);
            let dump = text(runtime, value, Style::Dump);
            let back = read_all(runtime, &dump).unwrap();
            prop_assert_eq!(back.len(), 1);
            prop_assert!(same(runtime, value, back[0]), "{}", dump);
            Ok(())
        })?;
    }

    #[test]
    fn no_text_panics(source in any::<String>()) {
        RUNTIME.with_borrow_mut(|runtime| drop(read_all(runtime, &source)));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        RUNTIME.with_borrow_mut(|runtime| drop(read_all(runtime, &String::from_utf8_lossy(&bytes))));
    }
}

#[test]
fn reading_survives_collections_at_every_allocation() {
    let source =
        "(define (f a . rest) `(1 ,a ,@rest) #(1.5e300 (\"string\" x) #()) 99999999999999999999 . ?a) 'b [c {d}]";
    let forms = with_stressed_runtime(|runtime| {
        let mut reader = Reader::new(0, source);
        let mut shown = Vec::new();
        while let Some(form) = reader.next(runtime).unwrap() {
            shown.push(text(runtime, form, Style::Dump));
        }
        shown.join(" ")
    });
    let expected = "(define (f a . rest) `(1 ,a ,@rest) #(1.5e300 (\"string\" x) #()) 99999999999999999999 . 97) 'b \
                    (bracket c (brace d))";
    assert_eq!(forms, expected);
}
