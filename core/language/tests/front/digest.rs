//! Digests of trees, and trees as data.

use super::{runtime, Reader};
use maru_language::interp::constant_table::{ConstantTable, Constants};
use maru_language::interp::expand::expand_toplevel;
use maru_language::interp::tree_digest::digest;
use maru_language::interp::tree_form::{form_to_template, template_to_form};
use maru_language::interp::tree_text::tree_text;
use maru_language::runtime::{Options, Runtime};
use maru_language::syntax::print;
use maru_language::value::on_large_stack;

/// Text, digest, and text after a round trip through data.
fn examined(text: &str, name: &str, noise: usize) -> (String, [u8; 32], String) {
    let mut runtime = runtime();
    for number in 0..noise {
        // Symbols and cells get other numbers.
        let symbol = runtime.symbol(&format!("noise-{number}"));
        runtime.cell(0, symbol);
    }
    let source = runtime.sources.add(name, text.into());
    let form = Reader::new(source, text).next(&mut runtime).unwrap().unwrap();
    let global = runtime.global;
    let template = expand_toplevel(&mut runtime, form, global).unwrap();
    let shown = tree_text(&runtime, &template);
    let mut table = ConstantTable::new(global, source);
    let data = template_to_form(&mut runtime, &template, &mut table).unwrap();
    let entries = table.entries(&mut runtime).unwrap();
    let data = runtime.list(&[&[data], &entries[..]].concat()).unwrap();
    let data = print::text(&runtime, data, print::Style::Dump);
    let data = Reader::new(u32::MAX, &data).next(&mut runtime).unwrap().unwrap();
    let entries = runtime.list_to_vec(runtime.cdr(data));
    let constants = Constants::read(&mut runtime, &entries, global, source).unwrap();
    let data = runtime.car(data);
    let again = form_to_template(&mut runtime, data, &constants, global, source).unwrap();
    assert_eq!(digest(&runtime, &template), digest(&runtime, &again), "{text}");
    (shown, digest(&runtime, &template), tree_text(&runtime, &again))
}

const PROGRAMS: &[&str] = &[
    "(define (f n) (if (< n 2) n (+ (f (- n 1)) (f (- n 2)))))",
    "(define (g n) (if (< n 2) n (+ (f (- n 1)) (f (- n 2)))))",
    "(define (f n) (if (< n 2) n (+ (f (- n 1)) (g (- n 2)))))",
    "(define (f n) (if (< n 3) n (+ (f (- n 1)) (f (- n 2)))))",
    "(define (f m) (if (< m 2) m (+ (f (- m 1)) (f (- m 2)))))",
    "(define (f n)  (if (< n 2) n (+ (f (- n 1)) (f (- n 2)))))",
    "(define (f . n) n)",
    "(define f 1)",
    "(define f 1.0)",
    "(define f \"1\")",
    "(define f '|1|)",
    "(define-constant f 1)",
    "(let loop ((i 0) (j 1)) (if i (loop j (lambda () i)) 2))",
    "(let loop ((i 0)) (if i (+ 1 (loop 2)) (set i 3)))",
    "(try (f) (catch (e) (set e 1) (lambda () e)) (finally (g)))",
    "(try (f) (finally (g)))",
    "(try (f) (catch (e) (g)))",
    "(lambda (a) (with-environment e (define (h) a) (set a 'x)))",
    "(lambda (a) (with-environment e (define (h) a) (set a 'y)))",
    "(begin (while (f) (set x 99999999999999999999)) (letrec ((p (lambda () (q))) (q (lambda () (p)))) p))",
];

#[test]
fn digests_depend_on_content_only() {
    let mut seen = std::collections::HashMap::new();
    for program in PROGRAMS {
        let (text, digest, again) = examined(program, "a.l", 0);
        assert_eq!(text, again);
        assert_eq!(examined(program, "a.l", 17).1, digest, "{program}");
        assert_ne!(examined(program, "b.l", 0).1, digest, "{program}");
        if let Some(other) = seen.insert(digest, program) {
            panic!("{program} and {other} have the same digest");
        }
    }
}

#[test]
fn trees_of_any_depth_have_a_text_and_a_digest() {
    let text = format!("(lambda () {}1{})", "(- ".repeat(20_000), ")".repeat(20_000));
    on_large_stack(256 << 20, |stack| {
        let mut runtime = Runtime::new(Options::default(), stack).unwrap();
        let form = Reader::new(0, &text).next(&mut runtime).unwrap().unwrap();
        let global = runtime.global;
        let template = expand_toplevel(&mut runtime, form, global).unwrap();
        runtime.roots.push(template.code);
        assert!(!tree_text(&runtime, &template).contains('…'));
        // With little stack left, the text is cut off; the digest is the same.
        let whole = digest(&runtime, &template);
        let base = runtime.context.stack_floor;
        runtime.context.stack_floor = maru_language::value::stack_address() - (64 << 10);
        assert!(tree_text(&runtime, &template).contains('…'));
        assert_eq!(digest(&runtime, &template), whole);
        runtime.context.stack_floor = base;
    })
    .unwrap();
}
