//! Scenarios of errors: what they leave behind in loops, in handlers, in depth; and of what is equal but not the same.

use super::Scenario;

/// What raises an error, of `x`.
const EVENTS: &[&str] = &[
    "(error \"planted\" x)",
    "(+ x 'a)",
    "(quotient x 0)",
    "(no-such-function x)",
    "((lambda (x) x))",
    "(raise x)",
    "(string-length x)",
    "(error-kind x)",
];

/// Primitives that nothing else here needs, with operands made of `i`.
const REDEFINED: &[(&str, &str)] = &[
    ("abs", "(- i 3)"),
    ("min", "i 4"),
    ("cadr", "(list i 2 3)"),
    ("string-length", "\"abc\""),
    ("even?", "i"),
    ("array-length", "(array-of i)"),
    ("list-length", "(list i i)"),
    ("number->string", "i"),
];

impl Scenario<'_> {
    fn event(&mut self) -> &'static str {
        let event: &&str = self.dice.pick(EVENTS);
        event
    }

    /// A primitive that is redefined in the body of a `try`, and used in its handler, in a loop.
    pub(super) fn redefined_in_try(&mut self) -> String {
        let (name, turns, change) = (self.name.clone(), self.turns(), self.dice.between(1, 8));
        let (primitive, operands) = *self.dice.pick(REDEFINED);
        let event = self.event();
        let back = match self.dice.below(3) {
            0 => format!("(finally (if (= i {}) (define {primitive} usual)))", change + 2),
            1 => format!("(finally (try (car (error \"in finally\" i)) (catch (f) ({primitive} {operands}))))"),
            _ => String::new(),
        };
        let body = match self.dice.below(2) {
            0 => format!("(progn (if (= i change) (define {primitive} (lambda x (list 'own x)))) (if (= 0 (% i 2)) {event} ({primitive} {operands})))"),
            _ => format!("(list ({primitive} {operands}) (if (= i change) (define {primitive} (lambda x (list 'own x)))) {event})"),
        };
        format!(
            "(define {name}-place (make-environment *program-environment*))
             (with-environment {name}-place
               (define usual {primitive})
               (define ({name} n change x)
                 (let ((seen '()))
                   (for (i 0 n)
                     (set seen (cons (try {body} (catch (e) (list ({primitive} {operands}) (if (is-a? e <error>) (caught e) e))) {back}) seen)))
                   (list seen (let ((i 1)) ({primitive} {operands})))))
               ({name} {turns} 1000 1) ({name} {turns} {change} 'x) (define {primitive} usual) ({name} {turns} {change} 2))
             (with-environment {name}-place (list ({name} {turns} 1000 3) ({name} {turns} {change} 4)))"
        )
    }

    /// How deep calls may nest: before an error, in its handler, in `finally`, inside of a primitive that calls, and after
    /// all of that.
    pub(super) fn depth_after_error(&mut self) -> String {
        let (name, event) = (self.name.clone(), self.event());
        let down = *self.dice.pick(&[
            "(+ 1 (DOWN (- n 1)))",
            "(car (list (DOWN (- n 1)) n))",
            "(length (with-output-to-string (print (DOWN (- n 1)))))",
            "(car (map DOWN (list (- n 1))))",
        ]);
        let asked = *self.dice.pick(&["(DOWN k)", "(with-output-to-string (print (DOWN k)))", "(apply DOWN (list k))"]);
        let handler =
            *self.dice.pick(&["(SCAN)", "(list 'caught)", "(list (SCAN) (try (car (FAILS 9 x)) (catch (f) (SCAN))))"]);
        let finally = *self.dice.pick(&[
            "(finally (set seen (cons (SCAN) seen)))",
            "(finally (try (FAILS 7 x) (catch (f) (set seen (cons (SCAN) seen)))))",
            "",
        ]);
        let (first, second) = (self.dice.between(1, 12), self.dice.between(1, 45));
        let text = format!(
            "(define (DOWN n) (if (<= n 0) 0 {down}))
             (define (FAILS n x) (if (<= n 0) {event} (+ 1 (FAILS (- n 1) x))))
             (define (INSIDE k) {asked})
             (define (SCAN) (let ((k 0)) (while (and (< k 55) (try (progn (INSIDE k) #t) (catch (e) ()))) (set k (+ k 1))) k))
             (define ({name} n x)
               (let ((seen (list (SCAN))))
                 (for (i 0 2)
                   (try (set seen (cons (try (FAILS n x) (catch (e) {handler}) {finally}) seen))
                     (catch (e) (set seen (cons (if (is-a? e <error>) (error-kind e) e) seen)))))
                 (list seen (SCAN))))
             (list (SCAN) (try (FAILS {second} 1) (catch (e) (SCAN))) (SCAN))
             ({name} {first} 1) ({name} {second} 2)"
        );
        let helpers = ["DOWN", "FAILS", "INSIDE", "SCAN"];
        helpers.iter().fold(text, |text, helper| text.replace(helper, &format!("{}-{name}", helper.to_lowercase())))
    }

    /// What becomes of an error on its way through `finally`, where others are raised and caught; and that a body, a
    /// handler and `finally` run once each.
    pub(super) fn through_finally(&mut self) -> String {
        let (name, event, other) = (self.name.clone(), self.event(), self.event());
        let inner = match self.dice.below(4) {
            0 => format!("(try {other} (catch (f) (set seen (cons 'inner seen))))"),
            1 => "(set seen (cons (map (lambda (y) (* y y)) (list 1 2)) seen))".to_string(),
            2 => format!("(for (j 0 70) (try (if (= j 65) {other}) (catch (f) (set seen (cons j seen)))))"),
            _ => format!("(try (try {other} (finally (set seen (cons 'deeper seen)))) (catch (f) f))"),
        };
        let catch = if self.dice.chance(30) { "(catch (e) (set seen (cons 'handler seen)) (raise e))" } else { "" };
        let last = if self.dice.chance(30) { format!("({name} 9)") } else { String::new() };
        format!(
            "(define seen-{name} '())
             (define (fails-{name} x) (+ 1 {event}))
             (define (passes-{name} x)
               (let ((seen (list x)))
                 (+ 1 (try (progn (set seen (cons 'body seen)) (fails-{name} x))
                        {catch}
                        (finally {inner} (set seen-{name} (cons seen seen-{name})))))))
             (define (asks-{name} x)
               (list (try (list (passes-{name} x))
                       (catch (e) (if (is-a? e <error>) (list (caught e) (map car (error-backtrace e))) e)))
                     seen-{name}))
             (define ({name} x) (list (passes-{name} x)))
             (define ({name}-turns n) (let ((all '())) (for (i 0 n) (set all (cons (asks-{name} i) all))) (length all)))
             (asks-{name} 1) ({name}-turns 70) (asks-{name} 'x) {last}"
        )
    }

    /// An error that leaves a hot loop, whose function is called again, from a loop.
    pub(super) fn leaves_loop(&mut self) -> String {
        let (name, turns) = (self.name.clone(), self.dice.between(30, 150));
        let (event, when) = (self.event(), self.dice.between(1, 140));
        let looped = match self.dice.below(3) {
            0 => format!("(let loop ((i 0) (sum 0)) (if (< i n) (loop (+ i 1) (+ sum (if (= i when) {event} i))) sum))"),
            1 => format!("(let ((sum 0)) (for (i 0 n) (set sum (+ sum (if (= i when) {event} i)))) sum)"),
            _ => format!("(let ((i 0) (sum 0.5)) (while (< i n) (if (= i when) {event}) (set sum (+ sum i)) (set i (+ i 1))) sum)"),
        };
        format!(
            "(define (sum-{name} n when x) (let ((kept (list n x))) (list {looped} kept)))
             (define ({name} times n when)
               (let ((seen '()))
                 (for (k 0 times)
                   (set seen (cons (try (sum-{name} n (if (= 0 (% k 3)) when -1) k)
                                     (catch (e) (if (is-a? e <error>) (list (caught e) (map car (error-backtrace e))) e)))
                                   seen)))
                 seen))
             ({name} 7 {turns} {when}) ({name} 9 {turns} {when})"
        )
    }

    /// Variables that closures capture in a loop: one for all turns, or one for each.
    pub(super) fn captured_in_turns(&mut self) -> String {
        let (name, turns) = (self.name.clone(), self.dice.between(2, 70));
        let own = self.dice.pick(&[
            "(let ((own i)) BODY)",
            "(let ((own (* i 2)) (other own)) BODY)",
            "(let* ((own i) (other own)) BODY)",
        ]);
        let closures = "(set gets (cons (lambda () (list own shared)) gets)) (set sets (cons (lambda (v) (set own (+ own v)) (set shared (+ shared v))) sets))";
        let own = own.replace("BODY", closures).replace("(other own)", "(other shared)");
        let looped = match self.dice.below(3) {
            0 => format!("(for (i 0 n) {own})"),
            1 => format!("(let loop ((i 0)) (when (< i n) {own} (loop (+ i 1))))"),
            _ => "(let loop ((i 0) (own 5)) (when (< i n) BODY (set own (+ own 1)) (loop (+ i 1) (+ own i))))"
                .replace("BODY", closures),
        };
        format!(
            "(define ({name} n)
               (let ((gets '()) (sets '()) (shared 100))
                 {looped}
                 (let ((k 0)) (list-do change sets (set k (+ k 1)) (if (= 0 (% k 2)) (change k))))
                 (list shared (map (lambda (get) (get)) gets))))
             ({name} {turns}) ({name} 3) ({name} {turns})"
        )
    }

    /// Values that are equal without being the same, and nearly equal ones.
    pub(super) fn equal_apart(&mut self) -> String {
        let (name, turns) = (self.name.clone(), self.turns());
        let test = *self.dice.pick(&[
            "(= x y)",
            "(!= x y)",
            "(equal x y)",
            "(eq x y)",
            "(= x y x)",
            "(case x ((7 a 0.5) 'first) ((8 \"ab\" 1152921504606846976) 'second) (else 'none))",
        ]);
        let used = if self.dice.chance(50) { format!("(if {test} 'yes 'no)") } else { test.to_string() };
        let pairs = [
            "(cons (string-append \"a\" \"b\") (list->string (list 97 98)))",
            "(cons \"a\" (substring \"ba\" 1 2))",
            "(cons (* 1152921504606846976 4) (<< 1 62))",
            "(cons (- 0 1152921504606846977) (- -1 1152921504606846976))",
            "(cons 1152921504606846976 1152921504606846976.0)",
            "(cons 1e300 (* 1e150 1e150))",
            "(cons 1e300 (* 1e150 1e151))",
            "(cons (list 1 \"a\") (list 1 (string-append \"\" \"a\")))",
            "(cons (array-of 1 (list 2)) (array-of 1 (list 2)))",
            "(cons 7 (+ 3 4))",
            "(cons 'a (string->symbol \"a\"))",
            "(cons 0.5 (/ 1 2.0))",
            "(cons \"\" \"\")",
            "(cons 8 8.0)",
        ];
        let values: Vec<&str> = (0..self.dice.between(2, 7)).map(|_| *self.dice.pick(&pairs)).collect();
        format!(
            "(define ({name} n pairs)
               (let ((seen '()))
                 (for (i 0 n)
                   (let ((x (car (pick pairs i))) (y (cdr (pick pairs (if (= 0 (% i 5)) (+ i 1) i)))))
                     (set seen (cons {used} seen))))
                 seen))
             ({name} {turns} (array-of {})) ({name} 3 (array-of {}))",
            values.join(" "),
            values[0]
        )
    }
}
