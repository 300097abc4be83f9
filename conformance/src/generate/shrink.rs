//! Shrinking: smaller programs of the same types, tried one after another until none of them fails.
//!
//! Every step makes the program smaller by a measure that cannot grow again (forms, expressions, turns, digits), so
//! shrinking ends. Types and scopes stay right; what a program predicts of itself may not.

use super::syntax::{Expr, Form, Function, Item, Kind, Name, Program, Type};
use proptest::strategy::ValueTree;
use std::collections::HashSet;

/// How many parts of an expression are tried in its place.
const HOISTED: usize = 12;

/// A program on its way to a smaller one.
#[derive(Clone, Debug)]
pub struct ProgramTree {
    /// The smallest program that failed so far.
    best: Program,
    /// The one being tried.
    current: Program,
    at: Cursor,
    improved: bool,
    /// Leave handlers around what may fail: the program must stay free of uncaught errors.
    keep_handlers: bool,
}

/// Which reduction comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Cursor {
    phase: usize,
    index: usize,
    variant: usize,
}

/// What a reduction at a place comes to.
enum Step {
    /// A smaller program.
    Try(Box<Program>),
    /// This variant does not apply; there may be further ones.
    Skip,
    /// No further variants here.
    NextIndex,
    /// No further places in this phase.
    NextPhase,
}

const PHASES: [fn(&Program, Cursor, bool) -> Step; 4] = [drop_item, drop_parameter, reduce_expression, reduce_form];

impl ProgramTree {
    /// A program that may be made smaller. With `keep_handlers`, the body of a `try` never loses its handler.
    pub fn new(program: Program, keep_handlers: bool) -> ProgramTree {
        ProgramTree { best: program.clone(), current: program, at: Cursor::default(), improved: false, keep_handlers }
    }

    /// Make the next candidate the current program; false when all have been tried.
    fn advance(&mut self) -> bool {
        loop {
            if self.at.phase == PHASES.len() {
                if !self.improved {
                    self.current = self.best.clone();
                    return false;
                }
                self.improved = false;
                self.at = Cursor::default();
            }
            match PHASES[self.at.phase](&self.best, self.at, self.keep_handlers) {
                Step::Try(program) => {
                    self.current = *program;
                    return true;
                }
                Step::Skip => self.at.variant += 1,
                Step::NextIndex => self.at = Cursor { index: self.at.index + 1, variant: 0, ..self.at },
                Step::NextPhase => self.at = Cursor { phase: self.at.phase + 1, index: 0, variant: 0 },
            }
        }
    }
}

impl ValueTree for ProgramTree {
    type Value = Program;

    fn current(&self) -> Program {
        self.current.clone()
    }

    fn simplify(&mut self) -> bool {
        if self.current != self.best {
            self.best = self.current.clone();
            self.improved = true;
            // What stands here now is new: try all variants on it.
            self.at.variant = 0;
        }
        self.advance()
    }

    fn complicate(&mut self) -> bool {
        self.at.variant += 1;
        self.advance()
    }
}

/// Remove a top-level form that nobody refers to.
fn drop_item(program: &Program, at: Cursor, _: bool) -> Step {
    // The last forms first: what uses others goes before them.
    let Some(index) = program.items.len().checked_sub(at.index + 1) else { return Step::NextPhase };
    if at.variant > 0 || program.items.len() == 1 {
        return Step::NextIndex;
    }
    if let Some(name) = program.items[index].defines() {
        let again = program.items.iter().enumerate().any(|(i, item)| i != index && item.defines() == Some(name));
        let used = |item: &Item| item.expressions().iter().any(|expr| refers_to(expr, name));
        let others = program.items.iter().enumerate().filter(|(i, _)| *i != index);
        if !again && others.map(|(_, item)| item).any(used) {
            return Step::NextIndex;
        }
    }
    let mut smaller = program.clone();
    smaller.items.remove(index);
    Step::Try(Box::new(smaller))
}

fn refers_to(expr: &Expr, name: Name) -> bool {
    let mut found = false;
    expr.visit(&mut |part| part.refers(&mut |other| found |= other == name));
    found
}

/// Remove a parameter that a global function does not use, together with the argument at every call.
fn drop_parameter(program: &Program, at: Cursor, _: bool) -> Step {
    let function = |item: &Item| match item {
        Item::Function(function) => Some(function.clone()),
        _ => None,
    };
    let Some(item) = program.items.get(at.index) else { return Step::NextPhase };
    let Some(function) = function(item) else { return Step::NextIndex };
    let Some((parameter, _)) = function.parameters.get(at.variant) else { return Step::NextIndex };
    let used = function.expressions().iter().any(|expr| refers_to(expr, *parameter));
    let twice = program.items.iter().filter(|item| item.defines() == Some(function.name)).count() > 1;
    let fixed = |item: &Item| item.expressions().iter().any(|expr| is_value(expr, function.name));
    if used || twice || program.items.iter().any(fixed) {
        return Step::Skip;
    }
    let mut smaller = program.clone();
    for item in &mut smaller.items {
        if let Item::Function(other) = item {
            if other.name == function.name {
                other.parameters.remove(at.variant);
            }
        }
        for expr in item.expressions_mut() {
            drop_argument(expr, &function, at.variant);
        }
    }
    Step::Try(Box::new(smaller))
}

/// Whether the function is used as a value somewhere: not called directly.
fn is_value(expr: &Expr, function: Name) -> bool {
    let itself = |expr: &Expr| expr.kind == Kind::Variable(function);
    let children = expr.children.iter().enumerate();
    let mut parts = children.filter(|(at, _)| !(expr.kind == Kind::Call && *at == 0));
    parts.any(|(_, child)| itself(child)) || expr.children.iter().any(|child| is_value(child, function))
}

fn drop_argument(expr: &mut Expr, function: &Function, at: usize) {
    expr.children.iter_mut().for_each(|child| drop_argument(child, function, at));
    match &expr.kind {
        Kind::Call if expr.children[0].kind == Kind::Variable(function.name) => {
            expr.children.remove(at + 1);
            if let Type::Function(parameters, _) = &mut expr.children[0].ty {
                parameters.remove(at);
            }
        }
        Kind::Start { function: called, .. } | Kind::Again { function: called, .. } if *called == function.name => {
            expr.children.remove(at);
        }
        _ => {}
    }
}

/// The expression with this number, counted over the whole program, outer ones first.
fn find_expression(program: &Program, mut index: usize) -> Option<&Expr> {
    fn find<'a>(expr: &'a Expr, index: &mut usize) -> Option<&'a Expr> {
        if *index == 0 {
            return Some(expr);
        }
        *index -= 1;
        expr.children.iter().find_map(|child| find(child, index))
    }
    program.items.iter().flat_map(Item::expressions).find_map(|expr| find(expr, &mut index))
}

fn replace_expression(program: &Program, mut index: usize, by: Expr) -> Program {
    fn find<'a>(expr: &'a mut Expr, index: &mut usize) -> Option<&'a mut Expr> {
        if *index == 0 {
            return Some(expr);
        }
        *index -= 1;
        expr.children.iter_mut().find_map(|child| find(child, index))
    }
    let mut smaller = program.clone();
    let found = smaller.items.iter_mut().flat_map(Item::expressions_mut).find_map(|expr| find(expr, &mut index));
    if let Some(place) = found {
        *place = by;
    }
    smaller
}

/// Replace an expression by a smaller one of its type.
fn reduce_expression(program: &Program, at: Cursor, keep_handlers: bool) -> Step {
    let Some(expr) = find_expression(program, at.index) else { return Step::NextPhase };
    if matches!(expr.kind, Kind::Unquoted(_) | Kind::Verbatim(_)) {
        return Step::NextIndex;
    }
    match smaller_expressions(expr, keep_handlers, at.variant) {
        Some(smaller) => Step::Try(Box::new(replace_expression(program, at.index, smaller))),
        None => Step::NextIndex,
    }
}

/// The smaller expression with this number, if there are so many.
fn smaller_expressions(expr: &Expr, keep_handlers: bool, variant: usize) -> Option<Expr> {
    let least = Expr::least(&expr.ty);
    let simple = expr.children.is_empty() && !matches!(expr.kind, Kind::Variable(_));
    let mut all: Vec<Expr> = Vec::new();
    if !simple && expr.size() >= least.size() && without_names(expr) != without_names(&least) {
        all.push(least);
    }
    hoisted(expr, keep_handlers, &mut all);
    all.extend(simpler_literals(expr));
    all.extend(fewer_parts(expr));
    all.into_iter().nth(variant)
}

fn without_names(expr: &Expr) -> Expr {
    Expr { names: Vec::new(), ..expr.clone() }
}

/// Parts of the expression that may stand in its place.
fn hoisted(expr: &Expr, keep_handlers: bool, all: &mut Vec<Expr>) {
    fn collect(expr: &Expr, root: &Expr, keep_handlers: bool, all: &mut Vec<Expr>) {
        let guarded = keep_handlers && matches!(expr.kind, Kind::Try { handler: Some(_), .. });
        for child in expr.children.iter().skip(usize::from(guarded)) {
            if child.ty == root.ty && may_leave(child, root) && all.len() < HOISTED {
                all.push(child.clone());
            }
        }
        for child in expr.children.iter().skip(usize::from(guarded)) {
            collect(child, root, keep_handlers, all);
        }
    }
    collect(expr, expr, keep_handlers, all);
}

/// Whether the part refers to nothing that is bound between it and the root.
fn may_leave(part: &Expr, root: &Expr) -> bool {
    let mut bound = HashSet::new();
    root.visit(&mut |expr| {
        expr.binds(&mut |name| {
            bound.insert(name);
        })
    });
    part.visit(&mut |expr| {
        expr.binds(&mut |name| {
            bound.remove(&name);
        })
    });
    let mut free = true;
    part.visit(&mut |expr| {
        expr.refers(&mut |name| free &= !bound.contains(&name));
        if let Kind::Verbatim(text) = &expr.kind {
            free &= !bound.iter().any(|name| text.contains(&name.to_string()));
        }
    });
    free
}

fn simpler_literals(expr: &Expr) -> Vec<Expr> {
    let leaf = |kind| Expr::leaf(kind, expr.ty.clone());
    match &expr.kind {
        Kind::Integer(text) => {
            let digits = text.trim_start_matches('-');
            let mut texts = vec!["0".to_string(), "1".into()];
            if text.starts_with('-') {
                texts.push(digits.into());
            }
            if digits.len() > 1 && !digits.starts_with("0x") {
                texts.push(digits[..digits.len().div_ceil(2)].into());
                texts.push(digits[..digits.len() - 1].into());
            }
            let measure = |text: &str| (text.len(), text.to_string());
            texts.into_iter().filter(|new| measure(new) < measure(text)).map(|new| leaf(Kind::Integer(new))).collect()
        }
        Kind::Double(value) => {
            let simpler = [0.5f64, 1.0, 0.0].into_iter().take_while(|new| new.to_bits() != value.to_bits());
            simpler.map(|new| leaf(Kind::Double(new))).collect()
        }
        Kind::Text(text) if !text.is_empty() => {
            let half: String = text.chars().take(text.chars().count() / 2).collect();
            vec![leaf(Kind::Text(String::new())), leaf(Kind::Text(half))]
        }
        Kind::Truth(true) => vec![leaf(Kind::Truth(false))],
        Kind::Symbol(name) if name != "a" => vec![leaf(Kind::Symbol("a".into()))],
        _ => Vec::new(),
    }
}

/// The same expression with fewer statements, operands, bindings or turns.
fn fewer_parts(expr: &Expr) -> Vec<Expr> {
    let mut all = Vec::new();
    let turns = |turns: u32| [1, turns / 2, turns.saturating_sub(1)].into_iter().filter(move |new| *new < turns);
    match &expr.kind {
        Kind::Sequence => {
            let keep = expr.children.len() - 1;
            all.extend((0..keep).map(|at| without_child(expr, at)));
            if keep == 0 {
                all.push(expr.children[0].clone());
            }
        }
        Kind::While { counter, turns: now } => {
            all.extend((0..expr.children.len() - 1).map(|at| without_child(expr, at)));
            let with = |turns| Expr { kind: Kind::While { counter: *counter, turns }, ..expr.clone() };
            all.extend(turns(*now).map(with));
        }
        Kind::Loop { name, counter, turns: now } => {
            let with = |turns| Kind::Loop { name: *name, counter: *counter, turns };
            all.extend(turns(*now).map(|turns| Expr { kind: with(turns), ..expr.clone() }));
        }
        Kind::Start { function, turns: now } => {
            let with = |turns| Kind::Start { function: *function, turns };
            all.extend(turns(*now).map(|turns| Expr { kind: with(turns), ..expr.clone() }));
        }
        Kind::Primitive("list" | "+" | "*" | "and" | "or" | "concat-string") if expr.children.len() > 1 => {
            all.extend((0..expr.children.len()).map(|at| without_child(expr, at)));
        }
        Kind::Let { .. } => all.extend(unused_bindings(expr)),
        Kind::Try { handler, finally: true } => {
            let mut without = without_child(expr, expr.children.len() - 1);
            without.kind = Kind::Try { handler: *handler, finally: false };
            all.push(if handler.is_some() { without } else { without.children.remove(0) });
        }
        _ => {}
    }
    all
}

fn without_child(expr: &Expr, at: usize) -> Expr {
    let mut smaller = expr.clone();
    smaller.children.remove(at);
    smaller
}

fn unused_bindings(expr: &Expr) -> Vec<Expr> {
    let unused = expr.names.iter().enumerate().filter(|(_, name)| !expr.children.iter().any(|c| refers_to(c, **name)));
    unused
        .map(|(at, _)| {
            let mut smaller = without_child(expr, at);
            smaller.names.remove(at);
            if smaller.names.is_empty() {
                smaller = smaller.children.remove(0);
            }
            smaller
        })
        .collect()
}

/// Make a form without types smaller. Operators stay where they are, because only known ones are safe to call.
fn reduce_form(program: &Program, at: Cursor, _: bool) -> Step {
    let Some(item) = program.items.get(at.index) else { return Step::NextPhase };
    let Item::Form(form) = item else { return Step::NextIndex };
    let Some(smaller) = smaller_forms(form).into_iter().nth(at.variant) else { return Step::NextIndex };
    let mut program = program.clone();
    program.items[at.index] = Item::Form(smaller);
    Step::Try(Box::new(program))
}

fn smaller_forms(form: &Form) -> Vec<Form> {
    let Form::List(parts) = form else { return Vec::new() };
    let mut all = vec![Form::atom("7")];
    all.extend(parts.iter().skip(1).filter(|part| matches!(part, Form::List(_))).cloned());
    for at in 1..parts.len() {
        let mut fewer = parts.clone();
        fewer.remove(at);
        all.push(Form::List(fewer));
    }
    for (at, part) in parts.iter().enumerate() {
        for smaller in smaller_forms(part) {
            let mut changed = parts.clone();
            changed[at] = smaller;
            all.push(Form::List(changed));
        }
    }
    all
}
