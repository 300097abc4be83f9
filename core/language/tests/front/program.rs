//! Programs, read, expanded and evaluated: what the forms mean, also when every allocation collects.

use super::{runtime, with_stressed_runtime};
use maru_language::interp::evaluate_text;
use maru_language::runtime::{Failure, Options, Runtime};
use maru_language::syntax::print;
use maru_language::value::on_large_stack;

/// What a program prints, or its error. It runs in an environment of its own.
fn output(runtime: &mut Runtime, text: &str) -> String {
    let global = runtime.global_environment();
    let environment = runtime.make_environment(Some(global)).expect("an environment");
    runtime.captures.push(Default::default());
    let result = evaluate_text(runtime, "program.l", text, environment);
    let mut output = runtime.captures.pop().unwrap_or_default().into_text();
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
    ("(letrec ((a 1) (b (lambda () (set a (+ a 1)) a)) (c (b))) (print a b c))", "2<expr>b()2"),
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
    // Classes: fields in order, inherited ones first; accessors check the class.
    ("(define-class <point> () (x y)) (define-class <point3> <point> (z))
      (define p (new <point3> 1 2)) (set (<point3>-z p) 3) (set (<point>-x p) 'x)
      (print p (<point>-x p) (<point3>-y p) (<point3>-z p) <point3> (is-a? p <point>) (is-a? p <long>) (type-of p))
      (print (<point3>-x (new <point> 1)))",
     "<point3>(x 2 3)x23<point3>#t()<point3><error>type: <point3>-x: not a <point3> <point>(1 ())"),
    ("(define-class <a> () (x)) (print (try (new <a> 1 2) (catch (e) (error-kind e))) (try (new <long>) (catch (e) (error-kind e)))
        (try (new 5) (catch (e) (error-kind e))) (try (define-class <b> <long> ()) (catch (e) (error-kind e)))
        (try (define-class <b> <a> (x)) (catch (e) (error-message e))))",
     "aritytypetypetypedefine-class: <b> has a field x already"),
    // p.x on a lexical variable, also nested, captured, and in set.
    ("(define-class <a> () (x y))
      (define (f p) (set p.y (new <a> 7 8)) (set p.y.x (+ p.y.x 1)) (lambda () (set p.x 'new) (list p.x p.y.x p.y.y)))
      (print ((f (new <a> 1 2)))) (let ((a.b 5) (a (new <a> 6))) (print a.b a.x 'a.x))
      (let ((c <a>)) (print c.name)) (let ((n 5)) (print (try n.x (catch (e) (error-message e)))))",
     "(new 8 8)56a.x<a>a <long> has no field x"),
    // Selectors.
    ("(define-class <shape> () ()) (define-class <circle> <shape> (r)) (define-class <square> <shape> (a))
      (define-selector area) (define-selector show)
      (define-method area <circle> () (* 3 self.r self.r)) (define-method area <square> () (* self.a self.a))
      (define-method show <object> (other . more) (list 'object self other more)) (define-method show <shape> () (list 'shape (area self)))
      (define-method show <long> (other) (+ self other)) (define-method show <nil> () 'nil)
      (print (map area (list (new <circle> 2) (new <square> 3))) (show (new <circle> 1)) (show 1 2) (show \"s\" 2) (show ()))
      (print area (try (area 5) (catch (e) (list (error-kind e) (error-irritants e)))))
      (define-method area <circle> () 'changed) (print (area (new <circle> 1)) (try (area) (catch (e) (error-kind e))))",
     "(12 9)(shape 3)3(object s 2 ())nil<selector>area(no-method (area <long>))changedno-method"),
    // Multimethods: the leftmost argument counts most.
    ("(define-class <a> () (x)) (define-class <b> <a> ()) (define-multimethod m (self other third))
      (define-method m <a> <a> (third) (list 'aa self.x other.x third)) (define-method m <a> <b> (third) (list 'ab third))
      (define-method m <b> <a> (third) (list 'ba third)) (define-method m <a> (other third) 'a)
      (define a (new <a> 1)) (define b (new <b> 2))
      (print (m a a 0) (m a b 0) (m b a 0) (m b b 0) (m b 5 0)) (print (try (m 5 b 0) (catch (e) (error-message e))))",
     "(aa 1 1 0)(ab 0)(ba 0)(ba 0)am: no method for (<long> <b>)"),
    ("(define-multimethod add ((<long> a) (<double> b)) (list 'ld a b)) (define-multimethod add ((<double> a) b) (list 'd a b))
      (define-multimethod add (a (<string> b)) (list 'os a b))
      (print (add 1 2.0) (add 1.5 2) (add 'x \"y\") (add 1.5 \"y\"))", "(ld 1 2.0)(d 1.5 2)(os x y)(d 1.5 y)"),
    // Methods are called properly in tail position, and with any number of arguments.
    ("(define-selector down) (define-method down <long> (k) (if (= self 0) k (down (- self 1) (+ k 1)))) (print (down 300 0))", "300"),
    ("(define-selector s) (define-method s <pair> (a . l) (apply + (car self) a l)) (print (apply s '((1) 2 3)) (map s '((1) (2)) '(3 4)))", "6(4 6)"),
    // What refers to classes survives them.
    ("(define (make) (define-class <tmp> () (x)) (define-selector get) (define-method get <tmp> () self.x) (new <tmp> 5))
      (define t (make)) (define-class <tmp> () (y z)) (gc) (print t (get t) (new <tmp> 1 2))
      (print (try (<tmp>-y t) (catch (e) (error-kind e))))", "<tmp>(5)5<tmp>(1 2)type"),
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

#[test]
fn trees_of_any_depth_are_dropped() {
    // Dropping happens at the end of a collection, on the collector's own small stack.
    let nested = |open: &str, close: &str| format!("{}1{}", open.repeat(50_000), close.repeat(50_000));
    for text in [nested("(- ", ")"), nested("(let ((x ", ")) x)"), nested("(if 1 ", ")"), nested("((lambda () ", "))")]
    {
        let text = format!("(lambda () {text}) (gc) (gc) (print 'done)");
        let output = on_large_stack(1 << 30, |stack| {
            let mut runtime = Runtime::new(Options::default(), stack).expect("a runtime");
            output(&mut runtime, &text)
        });
        assert_eq!(output.expect("a stack"), "done");
    }
}
