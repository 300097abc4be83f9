//! Errors as people see them.

use super::{runtime, Reader};
use maru_core::abi::layout::Value;
use maru_core::abi::Position;
use maru_language::interp::expand::expand_toplevel;
use maru_language::runtime::{ErrorKind, Failure, Runtime};
use maru_language::syntax::{render_error, render_syntax_error};

/// The rendered error of reading and expanding a text.
fn rendered(text: &str) -> String {
    let mut runtime = runtime();
    let source = runtime.sources.add("test.l", text.into());
    let mut reader = Reader::new(source, text);
    loop {
        let form = match reader.next(&mut runtime) {
            Ok(form) => form.expect("a fault before the end"),
            Err(error) => {
                let direct = render_syntax_error(&runtime, &error, false);
                error.raise(&mut runtime);
                let raised = runtime.take_failure();
                assert_eq!(direct, render_error(&runtime, raised, false));
                return direct;
            }
        };
        let global = runtime.global;
        if let Err(Failure) = expand_toplevel(&mut runtime, form, global) {
            let error = runtime.take_failure();
            return render_error(&runtime, error, false);
        }
    }
}

fn raise(runtime: &mut Runtime, kind: ErrorKind, message: &str, irritants: &[Value], position: Position) -> Value {
    runtime.error(kind, message, irritants);
    runtime.place_error(position);
    runtime.context.failure
}

#[test]
fn the_source_line_is_shown_with_a_caret() {
    assert_eq!(
        rendered("(define (f x)\n  (let ((y 2 3))\n    x))\n"),
        "\
error[syntax]: let: a binding is a variable, or a list of a variable and its value
 --> test.l:2:9
  |
2 |   (let ((y 2 3))
  |         ^
"
    );
}

#[test]
fn unclosed_lists_say_where_they_opened() {
    assert_eq!(
        rendered("(define (f λ)\n  (let ((y 2))\n    x)\n"),
        "\
error[syntax]: the text ends inside a list
 --> test.l:3:7
  |
1 | (define (f λ)
  | - the list opened here
2 |   (let ((y 2))
3 |     x)
  |       ^
"
    );
}

#[test]
fn runtime_errors_have_irritants_and_a_backtrace() {
    let mut runtime = runtime();
    let source = runtime.sources.add("dir/a.l", "(define (f x)\n\t(+ 1 (car-of x)))\n".into());
    let at = |offset| Position { source, offset };
    let string = runtime.string("text").unwrap();
    raise(&mut runtime, ErrorKind::Type, "car-of: not a pair", &[string, Value::fixnum(5)], at(21));
    let name = runtime.symbol_value("f");
    runtime.pass_frame(name, at(21));
    runtime.pass_frame(name, at(1));
    runtime.pass_frame(name, at(1));
    runtime.pass_frame(Value::NIL, Position::UNKNOWN);
    let error = runtime.take_failure();
    assert_eq!(
        render_error(&runtime, error, false),
        "\
error[type]: car-of: not a pair: \"text\" 5
 --> dir/a.l:2:8
  |
2 |     (+ 1 (car-of x)))
  |           ^^^^^^
  in f at dir/a.l:2:8
  in f at dir/a.l:1:2 (2 times)
  in a function without a name
"
    );
}

#[test]
fn backtraces_count_what_is_left_many_times() {
    let mut runtime = runtime();
    raise(&mut runtime, ErrorKind::User, "deep", &[], Position::UNKNOWN);
    let names = ["f", "g"].map(|name| runtime.symbol_value(name));
    for _ in 0..100_000 {
        runtime.pass_frame(names[0], Position::UNKNOWN);
    }
    for index in 0..1000 {
        runtime.pass_frame(names[index % 2], Position::UNKNOWN);
    }
    let error = runtime.take_failure();
    let rendered = render_error(&runtime, error, false);
    let lines: Vec<&str> = rendered.lines().collect();
    assert_eq!(lines[..4], ["error[user]: deep", "  in f (100001 times)", "  in g", "  in f"], "{rendered}");
    assert_eq!((lines.len(), lines[lines.len() - 1]), (52, "  and 950 more"), "{rendered}");
    // Raised again, the error goes on where it was.
    runtime.raise(error);
    runtime.pass_frame(names[0], Position::UNKNOWN);
    let error = runtime.take_failure();
    assert!(render_error(&runtime, error, false).ends_with("  and 951 more\n"));
}

#[test]
fn names_that_may_have_been_meant_are_told() {
    let mut runtime = runtime();
    for (name, hint) in [("string-lenght", Some("string-length")), ("whlie", Some("while")), ("quite-else", None)] {
        let symbol = runtime.symbol_value(name);
        let error = raise(&mut runtime, ErrorKind::Unbound, "unbound variable", &[symbol], Position::UNKNOWN);
        let rendered = render_error(&runtime, error, false);
        let said = rendered.split("did you mean `").nth(1).and_then(|rest| rest.split('`').next());
        assert_eq!(said, hint, "{rendered}");
    }
}

#[test]
fn errors_without_a_place_are_shown_too() {
    let mut runtime = runtime();
    let error = raise(&mut runtime, ErrorKind::User, "out of range", &[], Position::UNKNOWN);
    assert_eq!(render_error(&runtime, error, false), "error[user]: out of range\n");
    let nowhere = Position { source: 7, offset: 1 << 20 };
    let error = raise(&mut runtime, ErrorKind::User, "out of range", &[], nowhere);
    assert_eq!(render_error(&runtime, error, false), "error[user]: out of range\n");
    assert_eq!(render_error(&runtime, Value::fixnum(12), false), "error[user]: this was raised: 12\n");
}

#[test]
fn colours_are_for_terminals_only() {
    let mut runtime = runtime();
    let source = runtime.sources.add("a.l", "(f)".into());
    let error = raise(&mut runtime, ErrorKind::Unbound, "unbound variable: f", &[], Position { source, offset: 0 });
    assert!(!render_error(&runtime, error, false).contains('\u{1b}'));
    assert!(render_error(&runtime, error, true).contains("\u{1b}["));
}

#[test]
fn every_place_of_a_text_can_be_shown() {
    let text = "(λ \"\n\ttab\") ; 😀\r\n\n  x";
    let mut runtime = runtime();
    let source = runtime.sources.add("a.l", text.into());
    for offset in 0..=text.len() as u32 + 2 {
        let error = raise(&mut runtime, ErrorKind::User, "here", &[], Position { source, offset });
        let rendered = render_error(&runtime, error, false);
        assert!(rendered.starts_with("error[user]: here\n"), "{rendered}");
        assert_eq!(rendered.contains("--> a.l"), text.is_char_boundary(offset as usize), "{offset}: {rendered}");
    }
}
