//! Planted errors: a typed program gets exactly one event that is certain to happen, so that kind and irritants of
//! its outcome are known without running it.

use super::dice::Dice;
use super::program::{last_shown, typed};
use super::syntax::{Expr, Item, Kind, Name, Prediction, Program, Type};

/// What is planted: text, kind, irritants if known.
struct Event {
    text: &'static str,
    kind: &'static str,
    irritants: Option<&'static str>,
}

const fn event(text: &'static str, kind: &'static str, irritants: &'static str) -> Event {
    Event { text, kind, irritants: Some(irritants) }
}

const fn plain(text: &'static str, kind: &'static str) -> Event {
    Event { text, kind, irritants: None }
}

const EVENTS: &[Event] = &[
    event("(error \"planted\" 17 'a)", "user", "(17 a)"),
    event("(error \"planted\")", "user", "()"),
    event("(let () (error \"planted\" \"s\" 1.5) 4)", "user", "(\"s\" 1.5)"),
    plain("(+ 1 'a)", "type"),
    plain("(< \"a\" 1)", "type"),
    plain("(string-length 5)", "type"),
    plain("(- '())", "type"),
    plain("(* 2 \"x\")", "type"),
    plain("(& 1 1.5)", "type"),
    plain("(string->symbol 3)", "type"),
    plain("(quotient 5 0)", "division-by-zero"),
    plain("(/ 1 0)", "division-by-zero"),
    plain("(modulo 1152921504606846976 0)", "division-by-zero"),
    plain("(% -7 0)", "division-by-zero"),
    plain("(remainder 1180591620717411303424 0)", "division-by-zero"),
    plain("no-such-variable", "unbound"),
    plain("(no-such-function 1 2)", "unbound"),
    plain("(set no-such-variable 1)", "unbound"),
    plain("((lambda (x) x))", "arity"),
    plain("((lambda (x) x) 1 2)", "arity"),
    plain("((lambda (a b . c) a) 1)", "arity"),
    plain("((lambda () 1) 1 2 3 4 5 6 7 8 9)", "arity"),
    plain("(cons 1)", "arity"),
    plain("(car)", "arity"),
    plain("(apply (lambda (a b) a) (list 1 2 3))", "arity"),
    plain("(set-array-at (list->array (list 1)) -1 0)", "index"),
    plain("(5 1)", "not-applicable"),
    plain("(\"s\")", "not-applicable"),
    plain("('() 1 2)", "not-applicable"),
    plain("((car (list 1.5)))", "not-applicable"),
];

/// Words around the event that change nothing or, as noted, what comes out.
const FRAMES: &[(&str, Option<(&str, &str)>)] = &[
    ("@", None),
    ("(try @ (finally 5))", None),
    ("(try (error \"first\" 1) (catch (e) @))", None),
    ("(try 1 (finally @))", None),
    ("(try (error \"first\" 1) (finally @))", None),
    ("(try @ (catch (e) (error \"second\" (error-kind e))))", Some(("user", "(@kind)"))),
    ("((lambda (f) (f)) (lambda () @))", None),
    ("(+ 1 ((lambda (f) (+ 1 (f))) (lambda () (+ 1 @))))", None),
    ("(let loop ((n 3)) (if (< n 1) @ (loop (- n 1))))", None),
    ("(let ((n 0)) (while (< n 5) (if (= n 3) @) (set n (+ n 1))))", None),
    ("(car (map (lambda (n) @) (list 1 2)))", None),
];

/// A typed program with one planted error.
pub fn planted(dice: &mut Dice) -> Program {
    let mut program = typed(dice);
    let event = dice.pick(EVENTS);
    let (frame, changed) = dice.pick(FRAMES);
    let text = frame.replace('@', event.text);
    let (kind, irritants) = match changed {
        Some((kind, irritants)) => (*kind, Some(irritants.replace("@kind", event.kind))),
        None => (event.kind, event.irritants.map(String::from)),
    };
    let in_last = plant(&mut program, dice, &text);
    program.prediction = Prediction::Error(kind, irritants);
    if in_last && dice.chance(40) {
        let handler = format!("(catch (e) (list (error-kind e) (length (error-irritants e)) {MARK}))");
        if let Some(shown) = last_shown(&mut program) {
            *shown = catch_all(shown.clone(), &handler);
            program.prediction = Prediction::LastStarts(format!("({kind} "));
        }
    }
    program
}

/// Part of what a handler around everything answers.
const MARK: &str = "'caught";

/// `(try expr handler)`, where the handler is text.
fn catch_all(expr: Expr, handler: &str) -> Expr {
    let ty = expr.ty.clone();
    let handler = Expr::leaf(Kind::Verbatim(handler.into()), Type::Unit);
    Expr::primitive("try", ty, vec![expr, handler])
}

/// Put the event where it is certain to happen when the last shown expression is evaluated. Whether that is in this
/// expression itself: in a function, it may happen before.
fn plant(program: &mut Program, dice: &mut Dice, text: &str) -> bool {
    let singles: Vec<Name> = {
        let defined: Vec<Name> = program.items.iter().filter_map(Item::defines).collect();
        let mut assigned = Vec::new();
        let mut note = |part: &Expr| {
            if let Kind::Set(name) = part.kind {
                assigned.push(name);
            }
        };
        program.items.iter().flat_map(Item::expressions).for_each(|expr| expr.visit(&mut note));
        let once = |name: &&Name| defined.iter().filter(|other| other == name).count() == 1 && !assigned.contains(name);
        defined.iter().filter(once).copied().collect()
    };
    let last = program.items.len() - 1;
    let mut place = Place { item: last, function: None, path: Vec::new() };
    for _ in 0..dice.below(14) {
        let Some(next) = deeper(program, &place, &singles, dice) else { break };
        place = next;
    }
    let expr = find(program, &place);
    *expr = Expr::leaf(Kind::Verbatim(text.into()), expr.ty.clone());
    place.item == last
}

/// A place in a program: an item, which of its expressions, and child numbers.
#[derive(Clone, Debug)]
struct Place {
    item: usize,
    /// The number among the item's expressions; `None`: the first.
    function: Option<usize>,
    path: Vec<usize>,
}

fn find<'a>(program: &'a mut Program, place: &Place) -> &'a mut Expr {
    let mut expr = program.items[place.item].expressions_mut().remove(place.function.unwrap_or(0));
    for child in &place.path {
        expr = &mut expr.children[*child];
    }
    expr
}

/// A place that is certain to be reached if this one is, one step further in.
fn deeper(program: &mut Program, place: &Place, singles: &[Name], dice: &mut Dice) -> Option<Place> {
    let expr = find(program, place).clone();
    let mut ways: Vec<Place> = certain_children(&expr)
        .into_iter()
        .map(|child| {
            let mut deeper = place.clone();
            deeper.path.push(child);
            deeper
        })
        .collect();
    if let Some((name, turns)) = called(&expr) {
        let callee = |item: &Item| matches!(item, Item::Function(function) if function.name == name);
        if let Some(item) = program.items.iter().position(callee).filter(|_| singles.contains(&name)) {
            let Item::Function(function) = &program.items[item] else { unreachable!("just found") };
            // The answer without fuel comes before the body.
            let number = usize::from(function.fuel.is_some() && turns > 0);
            // Twice, so that calls are entered more often than passed by.
            ways.extend((0..2).map(|_| Place { item, function: Some(number), path: Vec::new() }));
        }
    }
    (!ways.is_empty()).then(|| dice.pick(&ways).clone())
}

/// The global function that is called, and with how much fuel.
fn called(expr: &Expr) -> Option<(Name, u32)> {
    match (&expr.kind, expr.children.first().map(|child| &child.kind)) {
        (Kind::Start { function, turns }, _) => Some((*function, *turns)),
        (Kind::Call | Kind::Apply { .. }, Some(Kind::Variable(name))) => Some((*name, 0)),
        _ => None,
    }
}

/// Children that are certain to be evaluated, whatever the values are.
fn certain_children(expr: &Expr) -> Vec<usize> {
    let all = 0..expr.children.len();
    let names = expr.names.len();
    match &expr.kind {
        Kind::Primitive("if" | "and" | "or" | "when" | "unless") => vec![0],
        Kind::Primitive("try") | Kind::Macro(_) | Kind::Lambda { .. } => Vec::new(),
        Kind::While { turns: 0, .. } => vec![expr.children.len() - 1],
        Kind::Loop { turns, .. } => (0..names).chain([if *turns == 0 { names } else { names + 1 }]).collect(),
        Kind::Letrec(_) => vec![expr.children.len() - 1],
        Kind::Try { handler: None, .. } => all.collect(),
        Kind::Try { finally, .. } => finally.then_some(expr.children.len() - 1).into_iter().collect(),
        // The function called is no place for an event if it is a primitive's name.
        Kind::Apply { .. } => (1..expr.children.len()).collect(),
        _ => all.filter(|child| !matches!(expr.children[*child].kind, Kind::Verbatim(_))).collect(),
    }
}
