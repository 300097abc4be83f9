//! Shapes of one long function, each with as many forms as one asks for.

use std::fmt::Write;

/// A shape.
pub struct Family {
    /// Its name in tables.
    pub name: &'static str,
    /// One line on what it is.
    pub what: &'static str,
    /// The body of the function `f` of `x` and `i` with that many forms.
    body: fn(usize) -> String,
}

const fn family(name: &'static str, what: &'static str, body: fn(usize) -> String) -> Family {
    Family { name, what, body }
}

/// All shapes.
pub const FAMILIES: &[Family] = &[
    family("lines", "(set s (+ s (* x i))), one after the other", |n| summing(n, |_| "(set s (+ s (* x i)))".into())),
    family("nested-calls", "(+ x (+ x …))", |n| nested(n, |_| "(+ x ".into(), "x", ")")),
    family("nested-lets", "(let ((a1 (+ x a0))) …)", |n| {
        nested(
            n,
            |i| if i == 0 { "(let ((a0 x)) ".into() } else { format!("(let ((a{i} (+ x a{}))) ", i - 1) },
            "x",
            ")",
        )
    }),
    family("sequential-lets", "(let ((a (+ x i))) (set s (+ s a))), one after the other", |n| {
        summing(n, |_| "(let ((a (+ x i))) (set s (+ s a)))".into())
    }),
    family("sequential-ifs", "(if (< x i) (set s (+ s 1))), one after the other", |n| {
        summing(n, |_| "(if (< x i) (set s (+ s 1)))".into())
    }),
    family("nested-ifs", "(if (= x 1) i (if (= x 2) i …))", |n| nested(n, |i| format!("(if (= x {i}) i "), "x", ")")),
    family("loops", "(while (< s x) (set s (+ s i))), one after the other", |n| {
        summing(n, |_| "(while (< s x) (set s (+ s i)))".into())
    }),
    family("calls", "(g x i), one after the other", |n| summing(n, |_| "(g x i)".into())),
    family("closures", "(g (lambda () i) x), one after the other", |n| summing(n, |_| "(g (lambda () i) x)".into())),
    family("lists", "(g '(a b 1) x), one after the other", |n| summing(n, |i| format!("(g '(a b {i}) x)"))),
    family("strings", "(g \"string 1\" x), one after the other", |n| summing(n, |i| format!("(g \"string {i}\" x)"))),
    family("quoted", "'((((…))))", |n| format!("'{}", nested(n, |_| "(".into(), "", ")"))),
];

/// Forms in a sequence, with a local variable `s`.
fn summing(n: usize, form: fn(usize) -> String) -> String {
    let mut text = String::from("(let ((s 0))\n");
    for number in 0..n {
        let _ = writeln!(text, "  {}", form(number));
    }
    text + "  s)"
}

/// Forms inside each other.
fn nested(n: usize, open: fn(usize) -> String, innermost: &str, close: &str) -> String {
    let mut text = String::new();
    for number in 0..n {
        text.push_str(&open(number));
    }
    text.push_str(innermost);
    text + &close.repeat(n)
}

impl Family {
    /// A program that compiles one function with `n` forms and does not call it.
    pub fn program(&self, n: usize) -> String {
        format!("(define (g a b) a)\n(define (f x i)\n{})\n(compile-now 'f)\n(println (compiled? f))\n", (self.body)(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_have_as_many_forms_and_close_them() {
        for family in FAMILIES {
            let text = family.program(7);
            let count = |character| text.chars().filter(|other| *other == character).count();
            assert_eq!(count('('), count(')'), "{text}");
            assert!(family.program(8).len() > text.len());
        }
        assert!(FAMILIES[1].program(3).contains("(+ x (+ x (+ x x)))"));
    }
}
