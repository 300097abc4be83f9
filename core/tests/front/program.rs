//! Programs, read, expanded and evaluated: what the forms mean, also when every allocation collects.

use super::{runtime, with_stressed_runtime};
use maru_core::interp::evaluate_text;
use maru_core::runtime::{Failure, Runtime};
use maru_core::value::print;

/// What a program prints, or its error. It runs in an environment of its own.
fn output(runtime: &mut Runtime, text: &str) -> String {
    let global = runtime.global_environment();
    let environment = runtime.make_environment(Some(global)).expect("an environment");
    runtime.captures.push(String::new());
    let result = evaluate_text(runtime, "program.l", text, environment);
    let mut output = runtime.captures.pop().unwrap_or_default();
    if let Err(Failure) = result {
        let error = runtime.take_failure();
        output.push_str(&print::text(runtime, error, print::Style::Print));
    }
    output
}

const PROGRAMS: &[(&str, &str)] = &[
    // Every turn of a loop has variables of its own, unless the program assigns them.
    ("(define (f n) (let loop ((i 0) (l ())) (if (< i n) (loop (+ i 1) (cons (lambda () i) l)) l)))
      (print (map (lambda (g) (g)) (f 4)))", "(3 2 1 0)"),
    ("(define (f n) (let loop ((i 0) (l ())) (if (< i n) (loop (+ i 1) (cons (lambda () (set i (+ i 10))) l)) l)))
      (print (map (lambda (g) (g) (g)) (f 3)))", "(22 21 20)"),
    ("(define l ()) (list-do x '(1 2 3) (push l (lambda () x))) (print (map (lambda (g) (g)) l))", "(3 2 1)"),
    ("(define l ()) (for (i 0 3) (push l (lambda () i))) (print (map (lambda (g) (g)) l))", "(3 3 3)"),
    ("(define l ()) (let ((i 0)) (while (< i 3) (let ((j i)) (push l (lambda () j))) (set i (+ i 1))))
      (print (map (lambda (g) (g)) l))", "(2 1 0)"),
    // Closures share what they assign.
    ("(define (counter) (let ((n 0)) (list (lambda () (set n (+ n 1))) (lambda () n))))
      (let* (((up get) (counter))) (up) (up) (print (get)))", "2"),
    // Loops in loops, jumps out of the inner one, and what is no loop.
    ("(define s 0)
      (let outer ((i 0)) (when (< i 10) (let inner ((j 0)) (if (< j 10) (begin (incr s) (inner (+ j 1))) (outer (+ i 1))))))
      (print s)", "100"),
    ("(let walk ((t '(1 (2 3) ((4))))) (cond ((pair? t) (walk (car t)) (walk (cdr t))) (t (print t))))", "1234"),
    ("(let loop ((i 0)) (if (< i 3) (try (loop (+ i 1)) (finally (print i))) (print 'end)))", "end210"),
    ("(let loop ((i 0)) (try (if (< i 3) (error \"again\") (print i)) (catch (e) (loop (+ i 1)))))", "3"),
    ("(print (let loop ((i 0)) (if (< i 1000000) (loop (+ i 1)) i)))", "1000000"),
    // letrec, also of what is no function.
    ("(letrec ((even (lambda (n) (or (= n 0) (odd (- n 1))))) (odd (lambda (n) (and (!= n 0) (even (- n 1))))))
       (print (even 10) (odd 10)))", "#t()"),
    ("(letrec ((a 1) (b (lambda () (set a (+ a 1)) a)) (c (b))) (print a b c))", "2<expr>b2"),
    // Patterns.
    ("(let* (((a (b . c) () . d) '(1 (2 3) 4 5 6)) ((e) d) (f e)) (print (list a b c d e f)))", "(1 2 (3) (5 6) 5 5)"),
    ("(list-do (a . b) '((1 . 2) (3 4)) (print a b))", "123(4)"),
    // Conditions.
    ("(print (or () 2) (or) (and) (and 1 ()) (or () ()) (and 1 2))", "2()#t()()2"),
    ("(print (if (or () (and 1 (or 3))) 'yes 'no) (when () 1) (unless () 1 2))", "yes()2"),
    ("(print (cond ((assq 'b '((a 1) (b 2))) => cdr) (else 0)) (cond (() 1)) (cond (7)))", "(2)()7"),
    ("(define (f x) (case x ((1 2) 'low) (\"s\" 'string) ((a b) 'symbol) (() 'nil) (else 'other)))
      (print (map f '(1 2 3 \"s\" a ())))", "(low low other string symbol nil)"),
    // Quasiquote.
    ("(define x '(1 2)) (print `(a ,x ,@x . b) `(,@x ,@x) `(1 `(2 ,(3 ,(car x)))) `#(1) `x `,x)",
     "(a (1 2) 1 2 . b)(1 2 1 2)(1 `(2 ,(3 1)))#(1)x(1 2)"),
    ("(define (f . l) `(0 1 2 3 4 5 ,@l 6 7 8 9 ,(car l) . end)) (print (f 1 2))", "(0 1 2 3 4 5 1 2 6 7 8 9 1 . end)"),
    // Macros: defined before they are used, in any environment; they shadow core forms, and can be shadowed.
    ("(define-form when (a b) `(print ',a ,b)) (when x 2) (let ((when +)) (print (when 1 2)))", "x23"),
    ("(define-macro (twice . b) `(begin ,@b ,@b)) (twice (twice (print 1)))", "1111"),
    ("(define m (form (a) `(quote (,a)))) (print (m x))", "(x)"),
    ("(define-form count (n) (if (= n 0) 0 `(+ 1 (count ,(- n 1))))) (print (count 50))", "50"),
    // define binds in the environment whose code is being evaluated.
    ("(define (f) (define y 5) y) (print (f) y)", "55"),
    ("(define e (make-environment *global-environment*))
      (let ((x 1))
        (with-environment e
          (define-form add-x (n) `(+ x ,n))
          (define (g) (set x (add-x 1)))
          (define z (eval '(begin (define w 7) 8)))
          (g))
        (print x))
      (print (environment-ref e 'w) (environment-ref e 'z) (defined? 'w))", "278()"),
    ("(define (f x) (with-environment (make-environment *global-environment*)
        (define (g) (set x (+ x 1)))
        (with-environment (make-environment *global-environment*) (define x2 x) (lambda () (g) (+ x x2)))))
      ((f 1))",
     "<error>unbound: unbound variable: g g"),
    // Places.
    ("(define a (array 3)) (set (array-at a 1) 'x) (define l (list 1 2)) (set (car l) 5) (print a l)", "#(() x ())(5 2)"),
    ("(define-constant k 1) (print k) (set undefined-name 1)", "1<error>unbound: unbound variable: undefined-name undefined-name"),
    // Errors of the reader and of the expander are errors like others, and stand between the forms before them
    // and those after.
    ("(print 1) (print (try (eval '(let ((x)) . 1)) (catch (e) (error-kind e)))) (print 2) (if)",
     "1syntax2<error>syntax: if: a condition and a form for when it holds are wanted (if)"),
    ("(print 1) (print 2))", "12<error>syntax: no list is open that this `)` could close"),
    ("(print 1) (define-form m () (error \"in a macro\" 1)) (lambda () (m))", "1<error>user: in a macro 1"),
    ("(define-form endless () '(endless)) (endless)",
     "<error>syntax: the expansion of this macro call does not come to an end (endless)"),
    ("(define-form circle () (let ((l (list 'print 1))) (set-cdr (cdr l) l) l)) (circle)",
     "<error>syntax: the operands of this call do not form a proper list (print 1 print 1 …)"),
];

#[test]
fn programs_print_what_they_should() {
    let mut faults = Vec::new();
    for (program, expected) in PROGRAMS {
        let output = output(&mut runtime(), program);
        if output != *expected {
            faults.push(format!("{program}\n  printed {output}\n  not     {expected}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn programs_survive_collections_at_every_allocation() {
    with_stressed_runtime(|runtime| {
        for (program, expected) in PROGRAMS {
            if program.contains("1000000") || program.contains("endless") {
                continue;
            }
            assert_eq!(output(runtime, program), *expected, "{program}");
        }
    });
}

#[test]
fn macros_that_change_their_operands_harm_nobody() {
    let text = "(define-form spoil l (set-cdr l ()) (set-car l 1) (gc) 2)
                (define (f) (list (spoil (spoil 1 2) 3 (4 5)) 6 (spoil 7 (8))))
                (print (f))";
    with_stressed_runtime(|runtime| assert_eq!(output(runtime, text), "(2 6 2)"));
}
