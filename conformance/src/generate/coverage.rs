//! Counts of what programs contain, so that a run that never met something important does not pass for a good one.

use super::boundary;
use super::shifting::SCENARIOS;
use super::syntax::{Expr, Form, Function, Item, Kind, Name, Program, Type};
use std::collections::{BTreeMap, HashSet};

/// What a run of at least this many programs must have met.
pub const CASES_FOR_COVERAGE: usize = 500;

/// What must occur, in words for the report.
const WANTED: &[&str] = &[
    "loop variable at the edge of the fixnums",
    "closure over a loop's counter",
    "closure over an assigned variable",
    "self tail call",
    "mutual tail call with more arguments",
    "mutual tail call with fewer arguments",
    "recursion that is no tail call",
    "error through three frames",
    "error in a handler",
    "error in a final part",
    "function defined again between calls",
    "function assigned by an argument of its call",
    "call with more than 6 arguments",
    "rest parameter",
    "apply",
    "function as an argument",
    "macro use",
    "nested environment",
    "assigned global variable",
    "assigned parameter",
    "array mutated",
    "letrec",
    "loop of 100 turns",
    "recursion of 100 turns",
    "integer beyond 64 bits",
    "special double",
    "planted error in a function",
    "variables in memory",
    "budget of versions used up",
];

/// All that must occur: what is listed above, each scenario of loops that change, and what meets boundaries.
fn wanted() -> impl Iterator<Item = &'static str> {
    let scenarios = SCENARIOS.iter().chain(boundary::ABOUT).chain(boundary::SHAPES);
    WANTED.iter().copied().chain(scenarios.map(|(_, feature)| *feature))
}

/// How often each feature was met.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    counts: BTreeMap<&'static str, u64>,
}

impl Coverage {
    /// Count what a program contains.
    pub fn count(&mut self, program: &Program) {
        let mut found = HashSet::new();
        let mut defined = HashSet::new();
        for item in &program.items {
            if let Some(name) = item.defines() {
                if !defined.insert(name) {
                    found.insert("function defined again between calls");
                }
            }
            match item {
                Item::Environment(..) => {
                    found.insert("nested environment");
                }
                Item::Function(function) => count_function(function, program, &mut found),
                Item::Limits(limits) => {
                    found.extend(limits.memory.then_some("variables in memory"));
                    found.extend(limits.budget.map(|_| "budget of versions used up"));
                }
                Item::Form(form) => found.extend(scenario(form).or_else(|| at_boundary(form))),
                _ => {}
            }
            for expr in item.expressions() {
                count_expression(expr, &mut found);
                captures(expr, &mut found);
            }
        }
        for feature in found {
            *self.counts.entry(feature).or_default() += 1;
        }
    }

    /// The counts of a report, by the names that it has them under.
    pub fn from_counts(count: impl Fn(&str) -> u64) -> Coverage {
        Coverage { counts: wanted().map(|feature| (feature, count(feature))).collect() }
    }

    /// Add another run's counts.
    pub fn merge(&mut self, other: &Coverage) {
        for (feature, count) in &other.counts {
            *self.counts.entry(feature).or_default() += count;
        }
    }

    /// How many programs contained each wanted feature.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        wanted().map(|feature| (feature, self.counts.get(feature).copied().unwrap_or(0))).collect()
    }

    /// What no program contained.
    pub fn missing(&self) -> Vec<&'static str> {
        self.counts().into_iter().filter(|(_, count)| *count == 0).map(|(feature, _)| feature).collect()
    }
}

/// The scenario that a call belongs to, which its function's name tells.
fn scenario(form: &Form) -> Option<&'static str> {
    let Form::List(parts) = form else { return None };
    let Some(Form::Atom(head)) = parts.first() else { return None };
    let about = match (head.as_str(), parts.get(1)) {
        ("with-environment", Some(Form::Atom(place))) => place,
        _ => head,
    };
    let found = SCENARIOS.iter().find(|(start, _)| about.strip_prefix(start).is_some_and(|rest| rest.starts_with('-')));
    found.map(|(_, feature)| *feature)
}

/// What a definition in a program at boundaries is about, which its name tells.
fn at_boundary(form: &Form) -> Option<&'static str> {
    let Form::List(parts) = form else { return None };
    let [Form::Atom(head), Form::List(defined), ..] = parts.as_slice() else { return None };
    let Some(Form::Atom(name)) = defined.first().filter(|_| head == "define") else { return None };
    let shape = boundary::SHAPES.iter().find(|(about, _)| name == about);
    let about = name.rsplit_once('-').map_or(name.as_str(), |(about, _)| about);
    shape.or_else(|| boundary::ABOUT.iter().find(|(known, _)| *known == about)).map(|(_, feature)| *feature)
}

fn count_function(function: &Function, program: &Program, found: &mut HashSet<&'static str>) {
    if function.rest.is_some() {
        found.insert("rest parameter");
    }
    let planted = |expr: &&Expr| matches!(&expr.kind, Kind::Verbatim(text) if text.len() > 12);
    if program.prediction != super::syntax::Prediction::Value
        && function.expressions().iter().any(|expr| contains(expr, &planted))
    {
        found.insert("planted error in a function");
    }
    let Some((fuel, _)) = function.fuel else { return };
    let mut tail = Vec::new();
    tail_calls(&function.body, &mut tail);
    let own = function.parameters.len();
    for (callee, count) in &tail {
        found.insert(match (*callee == function.name, count.cmp(&own)) {
            (true, _) => "self tail call",
            (_, std::cmp::Ordering::Greater) => "mutual tail call with more arguments",
            (_, std::cmp::Ordering::Less) => "mutual tail call with fewer arguments",
            _ => "mutual tail call",
        });
    }
    let mut all = 0;
    function
        .body
        .visit(&mut |expr| all += usize::from(matches!(expr.kind, Kind::Again { counter, .. } if counter == fuel)));
    if all > tail.len() {
        found.insert("recursion that is no tail call");
    }
}

fn contains(expr: &Expr, test: &dyn Fn(&&Expr) -> bool) -> bool {
    let mut found = false;
    expr.visit(&mut |part| found |= test(&part));
    found
}

/// Calls in tail position of the next turn: whose, and with how many arguments.
fn tail_calls(expr: &Expr, found: &mut Vec<(Name, usize)>) {
    match &expr.kind {
        Kind::Again { function, .. } => found.push((*function, expr.children.len())),
        Kind::Primitive("if") => expr.children[1..].iter().for_each(|child| tail_calls(child, found)),
        Kind::Sequence | Kind::Let { .. } => tail_calls(&expr.children[expr.children.len() - 1], found),
        _ => {}
    }
}

fn count_expression(expr: &Expr, found: &mut HashSet<&'static str>) {
    let functions = |child: &Expr| matches!(child.ty, Type::Function(..));
    expr.visit(&mut |part| match &part.kind {
        Kind::Integer(text) if text.len() > 20 => drop(found.insert("integer beyond 64 bits")),
        Kind::Double(value) if !value.is_normal() => drop(found.insert("special double")),
        Kind::Call | Kind::Apply { .. } => {
            if part.children.len() > 7 {
                found.insert("call with more than 6 arguments");
            }
            if part.children[1..].iter().any(functions) {
                found.insert("function as an argument");
            }
            if part.children[1..].iter().any(|argument| assigns_operator(part, argument)) {
                found.insert("function assigned by an argument of its call");
            }
            if matches!(part.kind, Kind::Apply { .. }) {
                found.insert("apply");
            }
        }
        Kind::Start { turns, .. } => {
            if part.children.len() > 6 {
                found.insert("call with more than 6 arguments");
            }
            if *turns >= 100 {
                found.insert("recursion of 100 turns");
            }
        }
        Kind::Loop { turns, .. } => {
            let edge = |child: &Expr| matches!(&child.kind, Kind::Integer(text) if text.contains("11529215046068469"));
            if part.children.iter().any(edge) {
                found.insert("loop variable at the edge of the fixnums");
            }
            if *turns >= 100 {
                found.insert("loop of 100 turns");
            }
        }
        Kind::Lambda { rest: true } => drop(found.insert("rest parameter")),
        Kind::Macro(_) => drop(found.insert("macro use")),
        Kind::Letrec(_) => drop(found.insert("letrec")),
        Kind::Set(name) if name.prefix == "g" => drop(found.insert("assigned global variable")),
        Kind::Primitive("set-array-at" | "array-append") => drop(found.insert("array mutated")),
        Kind::Raise(message) => {
            let place = match message.as_str() {
                "deep" => "error through three frames",
                "in handler" => "error in a handler",
                "in final part" => "error in a final part",
                _ => "error",
            };
            found.insert(place);
        }
        _ => {}
    });
}

/// Whether an argument of a call assigns the very name that is called.
fn assigns_operator(call: &Expr, argument: &Expr) -> bool {
    let Kind::Variable(operator) = call.children[0].kind else { return false };
    contains(argument, &|part| matches!(part.kind, Kind::Set(name) if name == operator))
}

/// Which variables closures capture.
fn captures(expr: &Expr, found: &mut HashSet<&'static str>) {
    let mut assigned = HashSet::new();
    let mut counters = HashSet::new();
    expr.visit(&mut |part| match &part.kind {
        Kind::Set(name) => drop(assigned.insert(*name)),
        Kind::While { counter, .. } | Kind::Loop { counter, .. } => drop(counters.insert(*counter)),
        _ => {}
    });
    expr.visit(&mut |part| {
        if !matches!(part.kind, Kind::Lambda { .. }) {
            return;
        }
        let mut bound = HashSet::new();
        part.visit(&mut |inner| {
            inner.binds(&mut |name| {
                bound.insert(name);
            })
        });
        part.visit(&mut |inner| {
            inner.refers(&mut |name| {
                let free = !bound.contains(&name);
                if free && counters.contains(&name) {
                    found.insert("closure over a loop's counter");
                }
                if free && assigned.contains(&name) && name.prefix == "x" {
                    found.insert("closure over an assigned variable");
                }
                if part.names.contains(&name) && assigned.contains(&name) {
                    found.insert("assigned parameter");
                }
            })
        });
    });
}
