//! The Maru programs that measure: one finds out which cases are errors, the others time a number of cases each.
//!
//! Each case is a loop of its own, in which one operation a turn is odd. Its operands come out of circular lists, so
//! that nothing is known of them before. An error is caught in the loop. The time of a loop without the operation is
//! taken off.

use std::fmt::Write;

use super::operations::{Operation, OPERANDS};

/// One operation on operands of certain kinds.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// What is done.
    pub operation: &'a Operation,
    /// The number of the first operand.
    pub left: usize,
    /// The number of the second one.
    pub right: Option<usize>,
}

impl Case<'_> {
    /// The names of the operands; the second is empty where there is none.
    pub fn names(&self) -> (&'static str, &'static str) {
        (OPERANDS[self.left].name, self.right.map_or("", |right| OPERANDS[right].name))
    }

    /// The expressions of the operands.
    fn sources(&self) -> (&'static str, &'static str) {
        (OPERANDS[self.left].source, self.right.map_or("()", |right| OPERANDS[right].source))
    }
}

const CLASSES: &str = "\
(define-class <point> () (x y))
(define-class <circle> () (radius))
(define-selector norm)
(define-method norm <point> () self.x)
";

const MEASURE: &str = "\
(define (circle value)
  (let ((list (list value value value value)))
    (set-cdr (last-pair list) list)
    list))
(define (elapsed f n as bs)
  (let ((start (current-time)))
    (f n as bs)
    (- (current-time) start)))
(define (turns seconds-a-turn)
  (max 100 (min 40000 (double->long (/ 0.00025 (max seconds-a-turn 1e-9))))))
; Nanoseconds a turn: the best of three.
(define (nanoseconds f a b)
  (let* ((as (circle a)) (bs (circle b))
         (first (elapsed f 100 as bs))
         (n (turns (/ (elapsed f 400 as bs) 400)))
         (one (elapsed f n as bs)) (two (elapsed f n as bs)) (three (elapsed f n as bs)))
    (/ (* 1e9 (min one two three)) n)))
";

/// The program that says of each case whether it is an error: lines `NUMBER KIND`, or `NUMBER legal`.
pub fn classify(cases: &[Case]) -> String {
    let mut text = String::from(CLASSES);
    for (number, case) in cases.iter().enumerate() {
        let (left, right) = case.sources();
        let expression = case.operation.apply("a", "b");
        let _ = writeln!(
            text,
            "(println {number} \" \" (let ((a {left}) (b {right})) \
             (try {expression} 'legal (catch (e) (error-kind e)))))"
        );
    }
    text
}

/// The program that times the cases: lines `NUMBER NANOSECONDS`, and `empty NANOSECONDS` for the loop without any.
pub fn time(cases: &[(usize, Case, bool)]) -> String {
    let mut text = format!("{CLASSES}{MEASURE}");
    text.push_str(&loop_of("empty", "(set result (car as)) (set other (car bs))"));
    text.push_str("(println \"empty \" (nanoseconds empty 1 1))\n");
    for (number, case, error) in cases {
        let (left, right) = case.sources();
        let expression = case.operation.apply("(car as)", "(car bs)");
        let body = match error {
            false => format!("(set result {expression})"),
            true => format!("(try {expression} (catch (e) (set result e)))"),
        };
        text.push_str(&loop_of(&format!("case-{number}"), &body));
        let _ = writeln!(text, "(println \"{number} \" (nanoseconds case-{number} {left} {right}))");
    }
    text
}

fn loop_of(name: &str, body: &str) -> String {
    format!(
        "(define ({name} n as bs)\n  (let ((i 0) (result ()) (other ()))\n    (while (< i n)\n      {body}\n      \
         (set as (cdr as))\n      (set bs (cdr bs))\n      (set i (+ i 1)))\n    (cons result other)))\n"
    )
}
