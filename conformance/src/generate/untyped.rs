//! Programs without types: readable forms in which anything may meet anything, for the checks at run time.
//!
//! They end because nothing in them can repeat: there are no loops, and only primitives, lambdas in operator position
//! and functions of the same program that were defined before are called, never a variable.

use super::dice::Dice;
use super::swarm::Swarm;
use super::syntax::{Expr, Form, Item, Kind, Prediction, Program, Type};
use super::text::expr_form;
use super::typed::Generator;
use super::values;

/// Primitives by how many arguments they take; the last number is for any.
const PRIMITIVES: &[(&str, usize)] = &[
    ("+", 2),
    ("-", 2),
    ("*", 2),
    ("/", 2),
    ("quotient", 2),
    ("remainder", 2),
    ("modulo", 2),
    ("%", 2),
    ("<", 2),
    ("<=", 2),
    (">", 2),
    (">=", 2),
    ("=", 2),
    ("!=", 2),
    ("equal", 2),
    ("&", 2),
    ("|", 2),
    ("^", 2),
    ("~", 1),
    ("abs", 1),
    ("min", 2),
    ("max", 2),
    ("gcd", 2),
    ("sqrt", 1),
    ("not", 1),
    ("exact->inexact", 1),
    ("inexact->exact", 1),
    ("cons", 2),
    ("car", 1),
    ("cdr", 1),
    ("list", 3),
    ("length", 1),
    ("reverse", 1),
    ("append", 2),
    ("list->array", 1),
    ("array->list", 1),
    ("array-at", 2),
    ("array-length", 1),
    ("array-append", 2),
    ("string-length", 1),
    ("string-at", 2),
    ("concat-string", 2),
    ("string->symbol", 1),
    ("symbol->string", 1),
    ("long->string", 1),
    ("pair?", 1),
    ("symbol?", 1),
    ("string?", 1),
    ("if", 3),
    ("and", 2),
    ("or", 2),
];

/// Primitives that are only called with harmless literals, because of what they would use up otherwise.
const CAREFUL: &[(&str, &[&str])] = &[
    ("<<", &["0", "1", "70", "'a", "1.5", "\"s\""]),
    (">>", &["0", "1", "70", "'a", "1.5", "'()"]),
    ("expt", &["0", "2", "7", "'b"]),
];

/// A program of forms without types.
pub fn untyped(dice: &mut Dice) -> Program {
    let count = dice.between(1, 8);
    let mut soup = Soup { dice, functions: Vec::new(), variables: Vec::new(), next: 0 };
    let items = (0..count).map(|_| Item::Form(soup.toplevel())).collect();
    Program { items, prediction: Prediction::None, twin: None }
}

struct Soup<'a> {
    dice: &'a mut Dice,
    functions: Vec<(String, usize)>,
    variables: Vec<String>,
    next: usize,
}

impl Soup<'_> {
    fn name(&mut self, prefix: &str) -> String {
        self.next += 1;
        format!("{prefix}{}", self.next)
    }

    fn toplevel(&mut self) -> Form {
        match self.dice.below(10) {
            0..3 => {
                let name = self.name("h");
                let (parameters, body) = self.function();
                self.functions.push((name.clone(), parameters.len()));
                let head = std::iter::once(name).chain(parameters).map(Form::Atom).collect();
                Form::List(vec![Form::atom("define"), Form::List(head), body])
            }
            3 => {
                let name = self.name("v");
                let value = self.form(3);
                self.variables.push(name.clone());
                Form::List(vec![Form::atom("define"), Form::Atom(name), value])
            }
            4..7 => {
                let form = self.form(4);
                let handler = Form::atom("(catch (e) (list (error-kind e) (error-irritants e)))");
                Form::List(vec![Form::atom("try"), form, handler])
            }
            _ => self.form(4),
        }
    }

    fn function(&mut self) -> (Vec<String>, Form) {
        let parameters: Vec<String> = (0..self.dice.below(4)).map(|_| self.name("y")).collect();
        let depth = self.variables.len();
        self.variables.extend(parameters.clone());
        let body = self.form(3);
        self.variables.truncate(depth);
        (parameters, body)
    }

    fn form(&mut self, depth: usize) -> Form {
        if depth == 0 {
            return self.atom();
        }
        match self.dice.below(100) {
            0..15 => self.atom(),
            15..70 => {
                let (name, count) = *self.dice.pick(PRIMITIVES);
                self.call(Form::atom(name), count, depth)
            }
            70..78 if !self.functions.is_empty() => {
                let (name, count) = self.dice.pick(&self.functions).clone();
                self.call(Form::Atom(name), count, depth)
            }
            78..84 => {
                let (parameters, body) = self.function();
                let count = parameters.len();
                let names = Form::List(parameters.into_iter().map(Form::Atom).collect());
                self.call(Form::List(vec![Form::atom("lambda"), names, body]), count, depth)
            }
            84..90 => {
                let name = self.name("y");
                let value = self.form(depth - 1);
                self.variables.push(name.clone());
                let body = self.form(depth - 1);
                self.variables.pop();
                let binding = Form::List(vec![Form::List(vec![Form::Atom(name), value])]);
                Form::List(vec![Form::atom("let"), binding, body])
            }
            90..94 => {
                let (name, counts) = *self.dice.pick(CAREFUL);
                let count = Form::atom(*self.dice.pick(counts));
                Form::List(vec![Form::atom(name), self.form(depth - 1), count])
            }
            94..96 => {
                // A call of something that is no function.
                let head = Form::atom(*self.dice.pick(&["5", "\"s\"", "1.5", "'()", "no-such-function"]));
                self.call(head, 1, depth)
            }
            _ => {
                let body = self.form(depth - 1);
                let handler = self.form(depth - 1);
                let catch = Form::List(vec![Form::atom("catch"), Form::atom("(e)"), handler]);
                Form::List(vec![Form::atom("try"), body, catch])
            }
        }
    }

    /// A call, with the right number of arguments for the most part.
    fn call(&mut self, head: Form, count: usize, depth: usize) -> Form {
        let count = match self.dice.below(100) {
            0..4 => count.saturating_sub(1),
            4..8 => count + 1,
            _ => count,
        };
        let mut parts = vec![head];
        parts.extend((0..count).map(|_| self.form(depth - 1)));
        Form::List(parts)
    }

    fn atom(&mut self) -> Form {
        if !self.variables.is_empty() && self.dice.chance(45) {
            return Form::Atom(self.dice.pick(&self.variables).clone());
        }
        let expr = match self.dice.below(10) {
            0..4 => values::integer(self.dice),
            4..6 => values::double(self.dice),
            6 => values::text(self.dice),
            7 => values::symbol(self.dice),
            8 => Expr::leaf(Kind::Truth(self.dice.chance(50)), Type::Boolean),
            _ => {
                // A list or an array of literals.
                let ty = if self.dice.chance(50) { Type::Integer.list() } else { Type::Integer.array() };
                let swarm = Swarm::draw(self.dice);
                Generator::new(self.dice, swarm, 0).leaf(&ty)
            }
        };
        expr_form(&expr)
    }
}
