//! Programs whose loops change while they run: types of operands, what operators mean, classes of receivers. What
//! compiled code guesses from the first turns is wrong in later ones.
//!
//! Each scenario is a function with a loop, and calls of it. Its name starts with what it is about, which is how
//! [`super::coverage`] knows it.

mod derived;
mod errors;

use super::dice::Dice;
use super::syntax::{Form, Item, Prediction, Program};
use crate::limits::Limits;

/// What scenarios are about: how their names start, and what that is in words.
pub const SCENARIOS: &[(&str, &str)] = &[
    ("fixnum-to-bignum", "fixnums become other integers in a loop"),
    ("bignum-to-fixnum", "other integers become fixnums in a loop"),
    ("fixnum-to-double", "fixnums become doubles in a loop"),
    ("double-to-fixnum", "doubles become fixnums in a loop"),
    ("double-to-boxed", "doubles become boxed doubles in a loop"),
    ("number-to-other", "numbers become something else in a loop"),
    ("other-to-number", "something else becomes a number in a loop"),
    ("sum", "a loop variable changes its type"),
    ("grid", "doubles summed up in nested loops"),
    ("redefined-operator", "operator defined again in a loop"),
    ("redefined-by-operand", "operator defined again by an operand in a loop"),
    ("receivers", "receivers of several classes in a loop"),
    ("new-method", "method defined in a loop"),
    ("new-class", "class defined again between turns"),
    ("keys", "keys of all kinds in a table"),
    ("counters", "closures that count"),
    ("handlers", "errors with handlers in nested loops"),
    ("elements", "index out of bounds in a loop"),
    ("pairs", "nil and others in place of pairs in a loop"),
    ("derived", "derived forms in their rarer shapes"),
    ("redefined-in-try", "operator defined again in a body, used in its handler"),
    ("depth-after-error", "depth in a handler and after an error"),
    ("through-finally", "error on its way through a part that catches others"),
    ("leaves-loop", "error that leaves a hot loop"),
    ("captured-in-turns", "variables captured in turns of a loop"),
    ("equal-apart", "equal values that are not the same"),
];

const FIXNUMS: &[&str] = &["0", "1", "-1", "7", "-13", "100", "1152921504606846975", "-1152921504606846976"];
const BIGNUMS: &[&str] =
    &["1152921504606846976", "-1152921504606846977", "100000000000000000000", "-0x8000000000000000"];
const DOUBLES: &[&str] = &["0.0", "-0.0", "1.5", "-2.25", "1e10", "0.1"];
const BOXED: &[&str] = &["1e300", "-1e300", "5e-324", "+nan.0", "+inf.0", "1.157920892373162e77"];
const OTHERS: &[&str] = &["\"ab\"", "'a", "'(1 2)", "'()", "#t", "(list->array (list 1 2))", "car"];
const COUNTS: &[&str] = &["0", "1", "3", "59", "60", "61", "64", "-1", "1.5", "'a"];

const UNARY: &[&str] = &[
    "zero?",
    "positive?",
    "negative?",
    "even?",
    "odd?",
    "not",
    "null?",
    "pair?",
    "symbol?",
    "string?",
    "array?",
    "abs",
    "sqrt",
    "exact->inexact",
    "-",
    "car",
    "cdr",
    "cadr",
    "array-length",
    "string-length",
    "~",
    "number?",
    "list",
];
const BINARY: &[&str] = &[
    "+",
    "-",
    "*",
    "/",
    "quotient",
    "remainder",
    "%",
    "modulo",
    "<",
    "<=",
    ">",
    ">=",
    "=",
    "!=",
    "&",
    "|",
    "^",
    "min",
    "max",
    "eq",
    "cons",
    "list",
    "equal",
    "<<",
    ">>",
    "array-at",
    "string-at",
    "+",
    "-",
    "*",
    "<",
    "=",
];

/// What all scenarios use.
const PREPARATION: &str = "
    (define (caught e) (list (error-kind e) (error-irritants e) (error-where e)))
    (define shared 0)
    (define (pick values i) (if (< i 0) (pick values (+ i 1)) (array-at values (% i (array-length values)))))";

/// A program of a few scenarios.
pub fn shifting(dice: &mut Dice) -> Program {
    let mut text = String::from(PREPARATION);
    let mut limited = false;
    for number in 0..dice.between(2, 4) {
        let (about, _) = *dice.pick(SCENARIOS);
        limited |= about == "depth-after-error" && dice.chance(80);
        text.push_str(&Scenario { dice, name: format!("{about}-{number}") }.text(about));
    }
    let mut items: Vec<Item> = read(&text).into_iter().map(Item::Form).collect();
    if limited {
        // Deeper than all that is not about depth, and as deep as some of what is.
        let depth = Some(dice.between(20, 50) as i64);
        items.insert(0, Item::Limits(Limits { fuel: Some(200_000), depth, ..Limits::default() }));
    }
    Program { items, prediction: Prediction::None, twin: None }
}

struct Scenario<'a> {
    dice: &'a mut Dice,
    name: String,
}

impl Scenario<'_> {
    fn text(&mut self, about: &str) -> String {
        match about {
            "fixnum-to-bignum" => self.operands(FIXNUMS, BIGNUMS),
            "bignum-to-fixnum" => self.operands(BIGNUMS, FIXNUMS),
            "fixnum-to-double" => self.operands(FIXNUMS, DOUBLES),
            "double-to-fixnum" => self.operands(DOUBLES, FIXNUMS),
            "double-to-boxed" => self.operands(DOUBLES, BOXED),
            "number-to-other" => {
                let usual = *self.dice.pick(&[FIXNUMS, DOUBLES, BIGNUMS]);
                self.operands(usual, OTHERS)
            }
            "other-to-number" => {
                let later = *self.dice.pick(&[FIXNUMS, DOUBLES, BOXED, BIGNUMS]);
                self.operands(OTHERS, later)
            }
            "sum" => self.sum(),
            "grid" => self.grid(),
            "redefined-operator" => self.redefined_operator(),
            "redefined-by-operand" => self.redefined_by_operand(),
            "receivers" => self.receivers(),
            "new-method" => self.new_method(),
            "new-class" => self.new_class(),
            "keys" => self.keys(),
            "counters" => self.counters(),
            "handlers" => self.handlers(),
            "elements" => self.elements(),
            "derived" => self.derived(),
            "redefined-in-try" => self.redefined_in_try(),
            "depth-after-error" => self.depth_after_error(),
            "through-finally" => self.through_finally(),
            "leaves-loop" => self.leaves_loop(),
            "captured-in-turns" => self.captured_in_turns(),
            "equal-apart" => self.equal_apart(),
            _ => self.pairs(),
        }
    }

    fn turns(&mut self) -> usize {
        self.dice.between(6, 36)
    }

    /// An array of values: mostly usual ones, then some that are not.
    fn values(&mut self, usual: &[&str], later: &[&str]) -> String {
        let (before, after) = (self.dice.between(1, 6), self.dice.between(1, 4));
        let mut values: Vec<&str> = (0..before).map(|_| *self.dice.pick(usual)).collect();
        values.extend((0..after).map(|_| *self.dice.pick(later)));
        if self.dice.chance(50) {
            values.push(*self.dice.pick(usual));
        }
        format!("(list->array (list {}))", values.join(" "))
    }

    /// The value of an array in this turn, from where no compiler sees its type.
    fn opaque(&mut self, values: &str) -> String {
        let constant = self.dice.below(12);
        let index = if self.dice.chance(40) { format!("(if (< i {constant}) 0 i)") } else { "i".into() };
        let value = format!("(pick {values} {index})");
        match self.dice.below(5) {
            0 => format!("(let () (set shared {value}) shared)"),
            1 => format!("(car (list {value} 1))"),
            2 => format!("(apply pick (list {values} {index}))"),
            3 => format!("(array-at {values} (% {index} (array-length {values})))"),
            _ => value,
        }
    }

    /// A primitive on `x` and `y`, or on one of them.
    fn operation(&mut self) -> (String, bool) {
        if self.dice.chance(30) {
            return (format!("({} x)", self.dice.pick(UNARY)), false);
        }
        let operator = *self.dice.pick(BINARY);
        let shifts = matches!(operator, "<<" | ">>");
        let operands = match self.dice.below(6) {
            0 if !shifts => "y x",
            1 if !shifts => "x x",
            2 if matches!(operator, "+" | "-" | "*") => "x y x",
            _ => "x y",
        };
        (format!("({operator} {operands})"), shifts)
    }

    /// Primitives on operands of types that change.
    fn operands(&mut self, usual: &[&str], later: &[&str]) -> String {
        let (name, turns) = (self.name.clone(), self.turns());
        let (operation, shifts) = self.operation();
        let (x, y) = (self.opaque("xs"), self.opaque("ys"));
        let used = match self.dice.below(4) {
            0 => format!("(if {operation} 'yes 'no)"),
            1 if !shifts => format!("(list {operation} {operation})"),
            2 if !shifts => format!("(+ 1 {operation})"),
            _ => operation,
        };
        let inner = self.dice.chance(75);
        let handled = if inner { format!("(try {used} (catch (e) (caught e)))") } else { used };
        let looped = format!("(for (i 0 n) (set x {x}) (set y {y}) (set seen (cons {handled} seen)))");
        let looped = match inner {
            true => looped,
            false => format!("(try {looped} (catch (e) (set seen (cons (caught e) seen))))"),
        };
        let xs = self.values(usual, later);
        let ys = match (shifts, self.dice.chance(60)) {
            (true, _) => self.values(COUNTS, COUNTS),
            (false, true) => self.values(usual, usual),
            (false, false) => self.values(usual, later),
        };
        format!(
            "(define ({name} n xs ys) (let ((seen '()) (x 0) (y 0)) {looped} seen))
             ({name} {turns} {xs} {ys}) ({name} {turns} {ys} {ys}) ({name} {turns} {xs} {ys})"
        )
    }

    /// A variable of a loop that grows out of its type, and shrinks back.
    fn sum(&mut self) -> String {
        let (name, turns, change) = (self.name.clone(), self.turns(), self.dice.between(3, 20));
        let first = *self.dice.pick(&[FIXNUMS, FIXNUMS, DOUBLES, BIGNUMS]);
        let first = *self.dice.pick(first);
        let usual = *self.dice.pick(&["(+ x 3)", "(- x 7)", "(* x 3)", "(+ x x)", "(+ x 0.5)", "(* x 1e20)"]);
        let step = *self.dice.pick(&[
            "(+ x 1152921504606846975)",
            "(- x 1152921504606846976)",
            "(* x 1.5)",
            "(* x 1e300)",
            "(quotient x 1000)",
            "(& x 255)",
            "(/ x 3)",
            "(- 0 x)",
            "(car x)",
            "(<< x 5)",
            "(>> x 3)",
        ]);
        let test = *self.dice.pick(&["(= i change)", "(> i change)", "(= 0 (% i 5))", "(> x 1152921504606846975)"]);
        let next = format!("(if {test} (try {step} (catch (e) (set faults (cons (caught e) faults)) 1)) {usual})");
        let looped = match self.dice.below(2) {
            0 => format!("(let loop ((i 0) (x first)) (if (< i n) (loop (+ i 1) {next}) (list x faults)))"),
            _ => format!("(let ((x first)) (for (i 0 n) (set x {next})) (list x faults))"),
        };
        format!(
            "(define ({name} n first change) (let ((faults '())) (try {looped} (catch (e) (caught e)))))
             ({name} {turns} {first} {change}) ({name} {turns} 1 100) ({name} {turns} {first} {change})"
        )
    }

    /// Sums of doubles in nested loops, with something else among them now and then.
    fn grid(&mut self) -> String {
        let (name, rows, columns) = (self.name.clone(), self.dice.between(3, 12), self.dice.between(3, 12));
        let odd = *self.dice.pick(&["1", "1e300", "1152921504606846976", "'a", "0.0", "'()", "-1e300"]);
        let (row, column) = (self.dice.below(rows + 1), self.dice.below(columns));
        let term =
            *self.dice.pick(&["(* i 0.5)", "(/ j 4.0)", "(sqrt (+ i j))", "(* row 1e20)", "(- i j)", "(min row i)"]);
        let handled = "(catch (e) (set faults (+ faults 1)) 0.25)";
        format!(
            "(define ({name} n m odd)
               (let ((sum 0.0) (faults 0))
                 (for (i 0 n)
                   (let ((row 0.0) (j 0))
                     (while (< j m)
                       (set row (+ row {term} (* j 0.25)))
                       (if (and (= i {row}) (= j {column})) (set row (try (+ row (car (list odd))) {handled})))
                       (set j (+ j 1)))
                     (set sum (+ sum row))))
                 (list sum faults)))
             ({name} {rows} {columns} {odd}) ({name} {rows} {columns} 0.5) ({name} {columns} {rows} {odd})"
        )
    }

    fn operator(&mut self) -> (&'static str, &'static str) {
        *self.dice.pick(&[
            ("max", "x i"),
            ("min", "x 3"),
            ("*", "x i"),
            ("quotient", "x 3"),
            ("abs", "x"),
            ("cdr", "(list x i)"),
            ("car", "(list x i)"),
            ("|", "x i"),
            (">=", "x i"),
            ("zero?", "i"),
            ("plain", "x i"),
        ])
    }

    fn redefinition(&mut self, operator: &str, operands: &str) -> String {
        let parameters = if read(operands).len() == 1 { "a" } else { "a b" };
        match self.dice.below(3) {
            0 => format!("(define ({operator} {parameters}) (list 'new a))"),
            1 => format!("(set {operator} (lambda ({parameters}) a))"),
            _ => format!("(define ({operator} {parameters}) (error \"new\" a))"),
        }
    }

    /// A function or primitive that gets another meaning between two turns.
    fn redefined_operator(&mut self) -> String {
        let (name, turns, change) = (self.name.clone(), self.turns(), self.dice.between(2, 8));
        let (operator, operands) = self.operator();
        // In an environment of its own, for what comes after uses the same names.
        let again = match self.redefinition(operator, operands) {
            text if text.starts_with("(set") && operator != "plain" => text.replacen("set", "define", 1),
            text => text,
        };
        let call = format!("(try ({operator} {operands}) (catch (e) (caught e)))");
        format!(
            "(define {name}-place (make-environment *program-environment*))
             (with-environment {name}-place
               (define (plain a b) (+ a b))
               (define ({name} n change)
                 (let ((seen '()) (x 1))
                   (for (i 0 n)
                     (if (= i change) {again})
                     (set seen (cons {call} seen))
                     (set x (+ x 2)))
                   seen))
               ({name} {turns} 1000) ({name} {turns} {change}) ({name} {turns} 1000))
             (with-environment {name}-place (list ({name} {turns} 1000) ({name} {turns} {change})))"
        )
    }

    /// The same by an operand of the very call.
    fn redefined_by_operand(&mut self) -> String {
        let (name, turns, change) = (self.name.clone(), self.turns(), self.dice.between(2, 8));
        let (operator, operands) = self.operator();
        let again = self.redefinition(operator, operands).replacen("(set ", "(define ", 1);
        let rest = operands.strip_prefix("x").map_or_else(String::new, String::from);
        let handled = if self.dice.chance(50) { "(catch (e) x)" } else { "(finally (set x (+ x 1)))" };
        let first = match self.dice.below(2) {
            0 => format!("(let () (if (= i change) {again}) x)"),
            _ => format!("(try (if (= i change) {again} (if (= i 3) (car i) i)) {handled})"),
        };
        let call =
            if rest.is_empty() { format!("({operator} {first})") } else { format!("({operator} {first}{rest})") };
        format!(
            "(define {name}-place (make-environment *program-environment*))
             (with-environment {name}-place
               (define (plain a b) (list a b))
               (define ({name} n change)
                 (let ((seen '()) (x 1))
                   (for (i 0 n)
                     (set seen (cons (try {call} (catch (e) (caught e))) seen))
                     (set x 4))
                   seen))
               ({name} {turns} 1000) ({name} {turns} {change}) ({name} {turns} {change}))"
        )
    }

    /// Sends and fields, with receivers of classes that change.
    fn receivers(&mut self) -> String {
        let (name, turns) = (self.name.clone(), self.turns());
        let usual = *self.dice.pick(&[FIXNUMS, DOUBLES, OTHERS]);
        let own = [format!("(new <{name}-a> 1 2)"), format!("(new <{name}-b> 3 4 5)"), format!("(new <{name}-c> 6)")];
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let values = match self.dice.chance(50) {
            true => self.values(&own[..1], &own),
            false => self.values(&own, usual),
        };
        let receiver = self.opaque("values");
        let (a, b, c) = (format!("<{name}-a>"), format!("<{name}-b>"), format!("<{name}-c>"));
        let used = match self.dice.below(4) {
            0 => "(let () (set p.x (+ p.x 0.5)) p.x)".to_string(),
            1 => format!("(+ 1 (send-{name} p i))"),
            2 => format!("(list p.x (send-{name} p i) (<{name}-a>-y p))"),
            _ => format!("(send-{name} p i)"),
        };
        format!(
            "(define-class {a} () (x y)) (define-class {b} {a} (z)) (define-class {c} () (x))
             (define-selector send-{name})
             (define-method send-{name} {a} (i) (+ self.x i))
             (define-method send-{name} {b} (i) (list self.z i))
             (define-method send-{name} <long> (i) (- self i))
             (define-method send-{name} <string> (i) (string-length self))
             (define ({name} n values)
               (let ((seen '()))
                 (for (i 0 n) (let ((p {receiver})) (set seen (cons (try {used} (catch (e) (caught e))) seen))))
                 seen))
             ({name} {turns} {values}) ({name} {turns} {values})"
        )
    }

    /// A method that comes, or changes, between two turns.
    fn new_method(&mut self) -> String {
        let (name, turns, change) = (self.name.clone(), self.turns(), self.dice.between(2, 8));
        let class = self.dice.one_of(&["<long>", "<double>", "<object>", "<symbol>"]);
        let values = self.values(FIXNUMS, &["1.5", "'a", "1e300", "100000000000000000000"]);
        let receiver = self.opaque("values");
        format!(
            "(define-selector send-{name})
             (define-method send-{name} <long> () (+ self 1))
             (define ({name} n values change)
               (let ((seen '()))
                 (for (i 0 n)
                   (if (= i change) (define-method send-{name} {class} () (list 'new self)))
                   (set seen (cons (try (send-{name} {receiver}) (catch (e) (caught e))) seen)))
                 seen))
             ({name} {turns} {values} 1000) ({name} {turns} {values} {change}) ({name} {turns} {values} 1000)"
        )
    }

    /// A class that is defined again while objects of it are in use.
    fn new_class(&mut self) -> String {
        let (name, turns, change) = (self.name.clone(), self.turns(), self.dice.between(2, 8));
        let fields = self.dice.one_of(&["(y x)", "(x y z)", "(z)", "(y)", "(x y)"]);
        format!(
            "(define-class <{name}> () (x y))
             (define old-{name} (new <{name}> 1 2))
             (define ({name} n change)
               (let ((seen '()))
                 (for (i 0 n)
                   (if (= i change) (define-class <{name}> () {fields}))
                   (set seen (cons (try (let ((p (new <{name}> i))) (set p.y (+ i 1)) (list p.x p.y p))
                                     (catch (e) (caught e))) seen))
                   (set seen (cons (try (let ((p old-{name})) (set p.x (+ p.x 1)) (list p.x (<{name}>-x p)))
                                     (catch (e) (caught e))) seen)))
                 seen))
             ({name} {turns} 1000) ({name} {turns} {change}) ({name} {turns} 1000)"
        )
    }

    /// A table with keys of all kinds.
    fn keys(&mut self) -> String {
        let (name, turns) = (self.name.clone(), self.turns());
        let all = [FIXNUMS, BIGNUMS, DOUBLES, BOXED, OTHERS].concat();
        let keys = self.values(&all, &all);
        let key = self.opaque("keys");
        format!(
            "(define ({name} n keys)
               (let ((table (make-table)) (seen '()))
                 (for (i 0 n)
                   (let ((key {key}))
                     (set seen (cons (table-at table key 'none) seen))
                     (if (= 0 (% i 5)) (table-remove table key) (set-table-at table key i))
                     (if (table-has? table 1) (set seen (cons (table-length table) seen)))))
                 (list seen (table-values table) (table-length table))))
             ({name} {turns} {keys}) ({name} {turns} {keys})"
        )
    }

    /// Closures over counters of several types.
    fn counters(&mut self) -> String {
        let (name, turns) = (self.name.clone(), self.turns());
        let firsts = self.values(FIXNUMS, &["1.5", "1152921504606846976", "1e300", "'a"]);
        let step = *self.dice.pick(&["(+ count by)", "(- count by)", "(* count by)", "(+ by count 1)"]);
        let by = *self.dice.pick(&["1", "0.5", "1152921504606846975", "-3"]);
        format!(
            "(define (make-{name} count) (lambda (by) (set count {step}) count))
             (define ({name} n firsts)
               (let ((counters (map make-{name} (array->list firsts))) (seen '()))
                 (for (i 0 n)
                   (list-do count counters
                     (set seen (cons (try (count (if (= i 7) {by} 1)) (catch (e) (car (caught e)))) seen))))
                 seen))
             ({name} {turns} {firsts})"
        )
    }

    /// Errors in nested loops, some caught where they happen, some further out.
    fn handlers(&mut self) -> String {
        let (name, rows, columns) = (self.name.clone(), self.dice.between(2, 9), self.dice.between(2, 9));
        let event = *self.dice.pick(&[
            "(car (error \"planted\" i j))",
            "(+ i 'a)",
            "(quotient j (- i i))",
            "(set-array-at (list->array (list i)) -1 0)",
            "(no-such-function i)",
            "((lambda (x) x) i j)",
            "(raise i)",
        ]);
        let when = *self.dice.pick(&["(= 0 (% (+ i j) 3))", "(= i j)", "(= j 2)", "(> (+ i j) 6)"]);
        let inner = match self.dice.below(3) {
            0 => format!("(try (if {when} {event} (+ x j)) (catch (e) (set faults (+ faults 1)) (- x 1)))"),
            1 => format!("(try (if {when} {event} (+ x 0.5)) (finally (set faults (+ faults 1))))"),
            _ => format!("(try (try (if {when} {event} j) (finally (set x 7))) (catch (e) (+ x 100)))"),
        };
        format!(
            "(define ({name} n m)
               (let ((faults 0) (x 0) (seen '()))
                 (for (i 0 n)
                   (try (for (j 0 m) (set x {inner}))
                     (catch (e) (set seen (cons (if (is-a? e <error>) (caught e) e) seen)))
                     (finally (set seen (cons x seen)))))
                 (list faults x seen)))
             ({name} {rows} {columns}) ({name} {columns} {rows}) ({name} {rows} {columns})"
        )
    }

    /// Elements of arrays and strings, with indices that leave the bounds, and arrays that grow.
    fn elements(&mut self) -> String {
        let (name, turns) = (self.name.clone(), self.turns());
        let indices = self.values(&["0", "1", "2"], &["3", "-1", "1.0", "'a", "'()", "1152921504606846976", "5"]);
        let index = self.opaque("indices");
        let used = *self.dice.pick(&[
            "(array-at a k)",
            "(string-at s k)",
            "(set-array-at a k i)",
            "(set-string-at s k (+ 65 i))",
            "(+ 1 (array-at a k))",
            "(+ (string-at s k) (string-length s))",
            "(list (set-array-at a k 1.5) (array-length a))",
            "(array-at (if (= i 9) s a) k)",
            "(array-length (array-at (array a k) (% i 2)))",
        ]);
        format!(
            "(define ({name} n indices)
               (let ((a (list->array (list 5 6 7))) (s (concat-string \"ab\" \"c\")) (seen '()))
                 (for (i 0 n)
                   (let ((k {index})) (set seen (cons (try {used} (catch (e) (caught e))) seen))))
                 (list a s seen)))
             ({name} {turns} {indices}) ({name} {turns} {indices})"
        )
    }

    /// Pairs, with something else in their place now and then.
    fn pairs(&mut self) -> String {
        let (name, turns) = (self.name.clone(), self.turns());
        let usual = &["(list 1 2 3)", "(cons 1 2)", "(list (list 4 5) 6)"];
        let values = self.values(usual, &["'()", "5", "1.5", "'a", "\"s\"", "(list->array (list 1))"]);
        let pair = self.opaque("values");
        let used = *self.dice.pick(&[
            "(car p)",
            "(list (cadr p) (caar p) (cddr p))",
            "(set-car p i)",
            "(set-cdr p (list i))",
            "(+ 1 (car p))",
            "(if (pair? p) (+ 1 (car p)) (cdr p))",
            "(list (first p) (second p) (length p))",
            "(list (cdar p) (caddr p) (cdddr p) (cadar p) (third p))",
            "(+ (cadr p) (caddr p))",
            "(let loop ((l p) (sum 0)) (if (pair? l) (loop (cdr l) (+ sum (car l))) (list l sum)))",
        ]);
        format!(
            "(define ({name} n values)
               (let ((seen '()))
                 (for (i 0 n)
                   (let ((p {pair})) (set seen (cons (try {used} (catch (e) (caught e))) seen))))
                 seen))
             ({name} {turns} {values}) ({name} {turns} {values})"
        )
    }
}

/// Forms from text, without comments and escapes. What is quoted is one atom.
pub(super) fn read(text: &str) -> Vec<Form> {
    let mut open: Vec<Vec<Form>> = vec![Vec::new()];
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '(' => {
                open.push(Vec::new());
                1
            }
            ')' => {
                let parts = open.pop().unwrap_or_default();
                open.last_mut().expect("parentheses match").push(Form::List(parts));
                1
            }
            _ => {
                let length = token_length(rest);
                open.last_mut().expect("parentheses match").push(Form::atom(&rest[..length]));
                length
            }
        };
        rest = rest[length..].trim_start();
    }
    open.pop().unwrap_or_default()
}

fn token_length(text: &str) -> usize {
    if let Some(inside) = text.strip_prefix('"') {
        return inside.find('"').map_or(text.len(), |at| at + 2);
    }
    if text.starts_with("'(") {
        let mut depth = 0;
        let ends = |(_, c): &(usize, char)| {
            depth += i32::from(*c == '(') - i32::from(*c == ')');
            depth == 0 && *c == ')'
        };
        return text.char_indices().find(ends).map_or(text.len(), |(at, _)| at + 1);
    }
    text.find(|c: char| c.is_whitespace() || c == '(' || c == ')').unwrap_or(text.len())
}
