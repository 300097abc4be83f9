//! What forms become: resolved trees as text.

use super::{runtime, with_stressed_runtime, Reader};
use maru_core::abi::layout::{offset, Value};
use maru_core::abi::Position;
use maru_language::interp::expand::{expand_deferred, expand_toplevel};
use maru_language::interp::tree_text::tree_text;
use maru_language::runtime::tree::{Node, PrototypeKind};
use maru_language::runtime::{Failure, Runtime};
use maru_language::syntax::print;

fn expand_text(runtime: &mut Runtime, text: &str) -> Result<String, String> {
    let source = runtime.sources.add("test.l", text.into());
    let mut reader = Reader::new(source, text);
    let global = runtime.global;
    let mut result = String::new();
    while let Some(form) = reader.next(runtime).map_err(|error| error.message)? {
        match expand_toplevel(runtime, form, global) {
            Ok(prototype) => result.push_str(&tree_text(runtime, &prototype)),
            Err(Failure) => {
                let error = runtime.take_failure();
                return Err(print::text(runtime, error, print::Style::Print));
            }
        }
    }
    Ok(result)
}

fn tree(text: &str) -> String {
    let text = expand_text(&mut runtime(), text).expect("a form that can be expanded");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn fault(text: &str) -> String {
    expand_text(&mut runtime(), text).expect_err("a malformed form")
}

#[test]
fn calls_know_whether_they_are_in_tail_position() {
    assert_eq!(
        tree("(define (f n) (if (g n) (f (h n)) (progn (f n) n)))"),
        "(toplevel () (define f (lambda f (n) \
         (if (call g n/0) (tail-call f (call h n/0)) (sequence (call f n/0) n/0)))))"
    );
    assert_eq!(tree("(try (f) (catch (e) (g e)))"), "(toplevel (| e) (try (call f) (catch e/0 (tail-call g e/0))))");
    assert_eq!(
        tree("(try (f) (catch (e) (g e)) (finally (h)))"),
        "(toplevel (| e) (try (call f) (catch e/0 (call g e/0)) (finally (call h))))"
    );
    assert_eq!(tree("(while (f) (g))"), "(toplevel () (while (call f) (call g)))");
}

#[test]
fn only_variables_captured_and_assigned_are_boxed() {
    assert_eq!(
        tree("(lambda (a b c) (set b 1) (set c 2) (lambda () a c))"),
        "(toplevel () (lambda _ (a b &c) (sequence (set b/1 1) (set c/2 2) (lambda _ () (captures &c/2) c^0))))"
    );
    assert_eq!(
        tree("(lambda (a) (lambda () (lambda () (set a 1))))"),
        "(toplevel () (lambda _ (&a) (lambda _ () (captures &a/0) (lambda _ () (captures &a^0) (set a^0 1)))))"
    );
}

#[test]
fn named_lets_are_loops_where_their_name_is_only_jumped_to() {
    let looping = "(let loop ((i 0) (s 0)) (if (< i n) (loop (+ i 1) (+ s i)) s))";
    assert_eq!(
        tree(looping),
        "(toplevel (| i s) (loop 0 ((i/0 0) (s/1 0)) \
         (if (call < i/0 n) (continue 0 (call + i/0 1) (call + s/1 i/0)) s/1)))"
    );
    let nested = "(let outer ((i 0)) (let inner ((j i)) (if (f j) (inner (g j)) (outer j))))";
    assert_eq!(
        tree(nested),
        "(toplevel (| i j) (loop 0 ((i/0 0)) (loop 1 ((j/1 i/0)) \
         (if (call f j/1) (continue 1 (call g j/1)) (continue 0 j/1)))))"
    );
}

#[test]
fn named_lets_are_functions_where_their_name_is_used_otherwise() {
    for text in [
        "(let loop ((i 0)) (+ 1 (loop i)))",
        "(let loop ((i 0)) (loop))",
        "(let loop ((i 0)) (f loop))",
        "(let loop ((i 0)) (lambda () (loop i)))",
        "(let loop ((i 0)) (while (loop i)) 1)",
        "(let loop ((i 0)) (try (loop i) (catch (e) 1)))",
        "(let loop ((i 0)) (list-do x y (loop i)))",
        // The inner one is a function, so that jumping out of it is not possible.
        "(let loop ((i 0)) (let inner ((j 0)) (if j (loop i) (+ 1 (inner j)))))",
    ] {
        let tree = tree(text);
        assert!(tree.contains("(fix ((loop/0 (lambda loop (i"), "{tree}");
        assert!(!tree.contains("(loop 0") && !tree.contains("(continue"), "{tree}");
    }
    assert_eq!(
        tree("(let loop ((i 0)) (set loop 1) (loop i))"),
        "(toplevel (| &loop) (sequence (bind loop/0 ()) (set loop/0 (lambda loop (i) (captures &loop/0) \
         (sequence (set loop^0 1) (tail-call loop^0 i/0)))) (tail-call loop/0 0)))"
    );
}

#[test]
fn letrec_makes_functions_or_assigned_variables() {
    assert_eq!(
        tree("(letrec ((f (lambda () (g))) (g (lambda () (f)))) (f))"),
        "(toplevel (| f g) (fix ((f/0 (lambda f () (captures g/1) (tail-call g^0))) \
         (g/1 (lambda g () (captures f/0) (tail-call f^0)))) (tail-call f/0)))"
    );
    assert_eq!(
        tree("(letrec ((a 1) (f (lambda () a))) f)"),
        "(toplevel (| &a f) (sequence (bind a/0 ()) (bind f/1 ()) (set a/0 1) \
         (set f/1 (lambda f () (captures &a/0) a^0)) f/1))"
    );
}

#[test]
fn let_is_parallel_and_let_star_is_not() {
    assert_eq!(
        tree("(lambda (x) (let ((x 1) (y x) z (w)) x))"),
        "(toplevel () (lambda _ (x | x y z w) (sequence (bind x/1 1) (bind y/2 x/0) (bind z/3 ()) (bind w/4 ()) x/1)))"
    );
    assert_eq!(
        tree("(let* ((x 1) (y x) (x y)) x)"),
        "(toplevel (| x y x) (sequence (bind x/0 1) (bind y/1 x/0) (bind x/2 y/1) x/2))"
    );
    assert_eq!(
        tree("(let* (((a (b . c)) (f))) c)"),
        "(toplevel (| _ a _ _ b c) (sequence (bind _/0 (call f)) (bind a/1 (call car _/0)) \
         (bind _/2 (call cdr _/0)) (bind _/3 (call car _/2)) (bind b/4 (call car _/3)) \
         (bind c/5 (call cdr _/3)) c/5))"
    );
}

#[test]
fn quasiquote_shares_what_has_no_holes() {
    for (text, expected) in [
        ("`(a b (c))", "'(a b (c))"),
        ("`(a ,b)", "(tail-call list 'a b)"),
        ("`(a ,b c d)", "(tail-call cons 'a (call cons b '(c d)))"),
        ("`(a . ,b)", "(tail-call cons 'a b)"),
        ("`(,@a ,@b)", "(tail-call append a b)"),
        ("`(,@a . b)", "(tail-call append a 'b)"),
        ("`,a", "a"),
        ("``(,(,a))", "(tail-call list 'quasiquote (call list (call list 'unquote (call list a))))"),
        ("``(,@(,@a))", "(tail-call list 'quasiquote (call list (call list 'unquote-splicing a)))"),
        ("``(a ,b)", "'`(a ,b)"),
    ] {
        assert_eq!(tree(text), format!("(toplevel () {expected})"), "{text}");
    }
}

#[test]
fn conditions_need_no_variables() {
    assert_eq!(tree("(if (or a b) 1 2)"), "(toplevel () (if (if a #t b) 1 2))");
    assert_eq!(tree("(or a b)"), "(toplevel (| _) (sequence (bind _/0 a) (if _/0 _/0 b)))");
    assert_eq!(tree("(and a b c)"), "(toplevel () (if a (if b c ()) ()))");
    assert_eq!(
        tree("(cond ((a) => f) ((b)) (else c))"),
        "(toplevel (| _ _) (sequence (bind _/0 (call a)) (if _/0 (tail-call f _/0) \
         (sequence (bind _/1 (call b)) (if _/1 _/1 c)))))"
    );
    assert_eq!(
        tree("(case a (1 b) ((x y) c) (else d))"),
        "(toplevel (| _) (sequence (bind _/0 a) (if (call = _/0 1) b \
         (if (if (call = _/0 'x) #t (call = _/0 'y)) c d))))"
    );
}

#[test]
fn loops_count_up_or_down() {
    assert_eq!(
        tree("(for (i 0 n) (f i))"),
        "(toplevel (| i _) (sequence (bind i/0 0) (bind _/1 n) (while (call < i/0 _/1) \
         (sequence (call f i/0) (set i/0 (call + i/0 1))))))"
    );
    assert!(tree("(for (i 9 0 -3) i)").contains("(while (call > i/0 _/1)"));
    assert!(tree("(for (i 9 0 s) i)").contains("(while (if (call < _/2 0) (call > i/0 _/1) (call < i/0 _/1))"));
    assert_eq!(
        tree("(list-do x (f) (g x))"),
        "(toplevel (| _ x) (sequence (bind _/0 (call f)) (while (call pair? _/0) \
         (sequence (bind x/1 (call car _/0)) (call g x/1) (set _/0 (call cdr _/0))))))"
    );
}

#[test]
fn derived_forms_do_not_see_local_variables() {
    // `+` and `<` of the loop are the environment's, not the parameters.
    assert!(tree("(lambda (+ <) (for (i 0 9) (+ i)))").contains("(while (call < i/2 _/3) (sequence (call +/0 i/2)"));
    // A core form's name that is lexically bound is a variable.
    assert_eq!(tree("(lambda (when) (when 1))"), "(toplevel () (lambda _ (when) (tail-call when/0 1)))");
    assert!(tree("(lambda (else) (cond (else 1)))").contains("(if else/0 1 ())"));
}

#[test]
fn names_defined_in_the_environment_are_no_core_forms() {
    let mut runtime = runtime();
    let global = runtime.global_environment();
    runtime.define(global, "unless", Value::fixnum(1));
    let text = expand_text(&mut runtime, "(unless 1 2)").expect("a call");
    assert_eq!(text, "(toplevel () (tail-call unless 1 2))\n");
}

#[test]
fn with_environment_captures_every_variable_in_scope() {
    assert_eq!(
        tree("(lambda (a) (let ((b 1) (a 2)) (with-environment e (define c a) b)))"),
        "(toplevel () (lambda _ (a | b &a) (sequence (bind b/1 1) (bind a/2 2) \
         (with-environment e (deferred () (captures &a/2 &b/1) ((define c a) b))))))"
            .replace("| b &a", "| &b &a")
    );
}

#[test]
fn forms_of_a_with_environment_are_expanded_in_its_scope() {
    let mut runtime = runtime();
    let text = "(lambda (a b) (with-environment e 1))";
    let form = Reader::new(0, text).next(&mut runtime).unwrap().unwrap();
    let global = runtime.global;
    let outer = expand_toplevel(&mut runtime, form, global).unwrap();
    let Node::Lambda(function) = &outer.body else { panic!("a lambda") };
    let Node::WithEnvironment(with) = &function.body else { panic!("a with-environment") };
    let form = Reader::new(0, "(define (f x) (set b x) (lambda () (+ a b)))").next(&mut runtime).unwrap().unwrap();
    let inner = expand_deferred(&mut runtime, &with.prototype, form, global).unwrap();
    assert_eq!(
        tree_text(&runtime, &inner).split_whitespace().collect::<Vec<_>>().join(" "),
        "(toplevel () (captures &a^0 &b^1) (define f (lambda f (x) (captures &b^1 &a^0) \
         (sequence (set b^0 x/0) (lambda _ () (captures &a^1 &b^0) (tail-call + a^0 b^1))))))"
    );
    assert_eq!(inner.captures.len(), 2);
    assert_eq!(inner.kind, PrototypeKind::TopLevel);
}

#[test]
fn definitions_know_their_names() {
    assert_eq!(tree("(define (f a . b) b)"), "(toplevel () (define f (lambda f (a . b) b/1)))");
    assert_eq!(tree("(define-constant k 1)"), "(toplevel () (define-constant k 1))");
    assert_eq!(
        tree("(define-form swap (a b) `(,b ,a))"),
        "(toplevel () (define swap (call make-form (lambda swap (a b) (tail-call list b/1 a/0)))))"
    );
    assert_eq!(tree("(define-macro (m) 1)"), "(toplevel () (define m (call make-form (lambda m () 1))))");
    assert_eq!(
        tree("(define-compilable f (n) n)"),
        "(toplevel () (sequence (define f (lambda f (n) n/0)) (tail-call mark-compilable 'f <environment>*global-environment*)))"
    );
    assert_eq!(tree("(set (f a b) c)"), "(toplevel () (tail-call set-f a b c))");
    assert_eq!(
        tree("(with-output-to-string (f) (g))"),
        "(toplevel () (tail-call call-with-output-to-string (lambda _ () (sequence (call f) (tail-call g)))))"
    );
}

#[test]
fn malformed_forms_say_what_is_wrong() {
    for (text, expected) in [
        ("(if)", "if: a condition"),
        ("(quote)", "quote: one datum"),
        ("(let 1)", "let: the bindings are no proper list"),
        ("(let ((x 1 2)) x)", "let: a binding is a variable"),
        ("(let ((x 1) (x 2)) x)", "let: x is bound twice"),
        ("(let ((3 4)) 1)", "let: a pattern is made of"),
        ("(let f ((x)) . 2)", "let: the form is no proper list"),
        ("(lambda)", "lambda: a list of parameters"),
        ("(lambda (1) 2)", "lambda: a parameter must be a symbol"),
        ("(lambda (a . 1) 2)", "lambda: a parameter must be a symbol"),
        ("(lambda (a b . a) 2)", "lambda: a is bound twice"),
        ("(define)", "define: a name"),
        ("(define 1 2)", "define: the name must be a symbol"),
        ("(define x 1 2)", "define: a name and one value"),
        ("(define-function f)", "define-function: a name, parameters"),
        ("(set x)", "set: a place and a value"),
        ("(set 1 2)", "set: the place must be"),
        ("(set (1 2) 3)", "set: the place must be a variable, or a call"),
        ("(cond 1)", "cond: a clause is"),
        ("(cond (else 1) (2 3))", "cond: else must come last"),
        ("(cond (1 => 2 3))", "cond: one function"),
        ("(case 1 (else 2) (3 4))", "case: else must come last"),
        ("(for (i 1) 2)", "for: a list of a variable"),
        ("(for (1 2 3) 4)", "for: the variable must be"),
        ("(list-do x)", "list-do: a variable and a collection"),
        ("(try (catch (e) 1) 2)", "try: catch and finally come last"),
        ("(try 1 (catch e 2))", "catch: a list of one variable"),
        ("(catch (e) 1)", "catch: this stands at the end of a try only"),
        ("(with-environment)", "with-environment: an environment"),
        ("(define-class 1 ())", "define-class: the name"),
        ("(define-class <a> () (x x))", "define-class: x twice"),
        ("(define-class <a> () x)", "define-class: the fields"),
        ("(define-selector)", "define-selector: a name"),
        ("(define-multimethod m (1))", "define-multimethod: a name and a list"),
        ("(define-multimethod m (a) 1)", "define-multimethod: no parameter has a class"),
        ("(define-method m () 1)", "define-method: a selector, classes"),
        ("(define-method m <a> <b>)", "define-method: a selector, classes"),
        ("(define-method car <a> <b> () 1)", "define-method: car is neither a selector nor a multimethod when"),
        ("(define-method m <a> (self) 1)", "define-method: self is bound twice"),
        ("(f . x)", "the operands of this call"),
        ("(1 2 . 3)", "the operands of this call"),
        (",x", "unquote: this stands inside"),
        ("`,@x", "unquote-splicing: this stands inside a list only"),
    ] {
        let fault = fault(text);
        assert!(fault.starts_with(&format!("<error>syntax: {expected}")), "{text}: {fault}");
    }
}

#[test]
fn errors_stand_where_the_fault_is() {
    let mut runtime = runtime();
    expand_text(&mut runtime, "(define (f)\n  (let ((x 1)\n        (y 2 3))\n    x))").expect_err("malformed");
    let source = runtime.sources.add("test.l", "(define (f)\n  (let ((x 1)\n        (y 2 3))\n    x))".into());
    let mut reader = Reader::new(source, &runtime.sources.get(source).unwrap().text.clone());
    let form = reader.next(&mut runtime).unwrap().unwrap();
    let global = runtime.global;
    assert_eq!(expand_toplevel(&mut runtime, form, global).err(), Some(Failure));
    let error = runtime.take_failure();
    let position = Position::from_value(runtime.field(error, offset::ERROR_POSITION));
    assert_eq!(runtime.sources.locate(position), Some(("test.l", 3, 9)));
}

#[test]
fn no_more_arguments_are_written_than_calls_can_have() {
    let names: Vec<String> = (0..256).map(|number| format!("x{number}")).collect();
    let names = names.join(" ");
    assert!(fault(&format!("(f {names})")).contains("arguments: 256 are written"));
    assert!(fault(&format!("(lambda ({names}) 1)")).contains("parameters: 256 are written"));
    assert!(tree(&format!("`(a ,b {names} ,c)")).contains("(call cons 'x1 (call list 'x2 "));
}

#[test]
fn deep_nesting_is_expanded_or_refused() {
    for (open, close) in [("(f ", ")"), ("(let ((x ", ")) x)"), ("(lambda () ", ")"), ("`(a ,", ")"), ("(if 1 ", ")")] {
        let mut runtime = runtime();
        let text = format!("{}1{}", open.repeat(20_000), close.repeat(20_000));
        match expand_text(&mut runtime, &text) {
            Ok(_) => {}
            Err(error) => assert!(error.starts_with("<error>stack-overflow"), "{error}"),
        }
    }
}

#[test]
fn expanding_survives_collections_at_every_allocation() {
    let text =
        "(define (f a . rest) (let* (((x . y) a) (z '(1 \"s\" 2.5e300))) (for (i 0 9) `(,x ,@y (deep 1.5e-300) z))
                (case x ((1 99999999999999999999) (set (car z) 2)) (else (with-environment e (define b z) (g b))))
                (let loop ((i 0)) (if (< i 9) (loop (+ i 1)) (lambda () (set i z))))
                (try (g) (catch (e) '#(1 (2) \"three\")))))";
    let expected = expand_text(&mut runtime(), text).unwrap();
    let stressed = with_stressed_runtime(|runtime| {
        // What dies after the expansion is poisoned: the text is made of what the prototypes keep.
        let mut reader = Reader::new(0, text);
        let form = reader.next(runtime).unwrap().unwrap();
        let global = runtime.global;
        let prototype = expand_toplevel(runtime, form, global).unwrap();
        runtime.roots.push(prototype.code);
        runtime.collect();
        tree_text(runtime, &prototype)
    });
    assert_eq!(stressed, expected);
}

mod soup {
    use super::{expand_text, runtime};
    use maru_language::interp::expand::core_form_names;
    use proptest::prelude::*;

    /// Text made of words that mean something to the reader or the expander.
    fn words() -> impl Strategy<Value = String> {
        let mut words: Vec<String> = core_form_names().map(String::from).collect();
        words.extend(
            "( ( ( ( ) ) ) ) ' ` , ,@ . [ ] else => x y loop f 1 2.5 \"s\" () #t ?a #( : (x) ((x 1)) ((x 1) y)"
                .split_whitespace()
                .map(String::from),
        );
        let word = prop::sample::select(words);
        prop::collection::vec(word, 1..60).prop_map(|words| words.join(" "))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn no_words_panic(text in words()) {
            let _ = expand_text(&mut runtime(), &text);
        }

        #[test]
        fn no_balanced_words_panic(text in words()) {
            // Closing what is open makes it likelier that there is a form.
            let open = text.matches('(').count().saturating_sub(text.matches(')').count());
            let _ = expand_text(&mut runtime(), &format!("({text}{}", ")".repeat(open + 1)));
        }
    }
}
