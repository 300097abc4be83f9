//! Variants of a typed program that must have the same values: a variable around an expression, a branch never taken,
//! a closure around a function, a constant in a global variable, an immediate call.

use super::dice::Dice;
use super::program::typed;
use super::syntax::{Expr, Item, Kind, Name, Prediction, Program, Type};

/// A variant of a typed program, with the program that it must agree with.
pub fn metamorphic(dice: &mut Dice) -> Program {
    let base = typed(dice);
    let mut variant = base.clone();
    let mut rewriter = Rewriter { dice, next: 0, constants: Vec::new() };
    for item in &mut variant.items {
        // A template's expressions are text until it is used.
        if !matches!(item, Item::Macro(..)) {
            item.expressions_mut().into_iter().for_each(|expr| rewriter.rewrite(expr));
        }
    }
    let constants = rewriter.constants;
    variant.items.splice(0..0, constants.into_iter().map(|(name, value)| Item::Variable(name, value)));
    variant.prediction = Prediction::Value;
    variant.twin = Some(base.to_string());
    variant
}

struct Rewriter<'a> {
    dice: &'a mut Dice,
    next: u32,
    constants: Vec<(Name, Expr)>,
}

impl Rewriter<'_> {
    fn name(&mut self) -> Name {
        self.next += 1;
        Name { prefix: "t", number: self.next }
    }

    fn rewrite(&mut self, expr: &mut Expr) {
        // What is called by name stays in its place; so does what only looks like an expression.
        let called = usize::from(matches!(expr.kind, Kind::Call | Kind::Apply { .. }) && is_name(&expr.children[0]));
        let statement = matches!(expr.kind, Kind::Primitive("try"));
        for child in expr.children.iter_mut().skip(called) {
            if !statement {
                self.rewrite(child);
            }
        }
        if matches!(expr.kind, Kind::Verbatim(_)) || !self.dice.chance(12) {
            return;
        }
        if let Some(new) = self.variant(expr) {
            *expr = new;
        }
    }

    fn variant(&mut self, expr: &Expr) -> Option<Expr> {
        let ty = expr.ty.clone();
        let name = self.name();
        let variable = || Expr::leaf(Kind::Variable(name), ty.clone());
        match self.dice.below(6) {
            0 => Some(Expr {
                kind: Kind::Let { sequential: false },
                ty: ty.clone(),
                names: vec![name],
                children: vec![expr.clone(), variable()],
            }),
            1 => {
                let dead = Expr::least(&ty);
                Some(Expr::primitive("if", ty, vec![Expr::leaf(Kind::Truth(true), Type::Boolean), expr.clone(), dead]))
            }
            2 => {
                let never = Expr::leaf(Kind::Verbatim("(error \"never\")".into()), ty.clone());
                let test = Expr::primitive("<", Type::Boolean, vec![Expr::integer(2), Expr::integer(1)]);
                Some(Expr::primitive("if", ty, vec![test, never, expr.clone()]))
            }
            3 => eta(expr),
            4 => {
                let literal = matches!(expr.kind, Kind::Integer(_) | Kind::Double(_) | Kind::Text(_));
                literal.then(|| {
                    self.constants.push((name, expr.clone()));
                    variable()
                })
            }
            _ => {
                let identity = Expr {
                    kind: Kind::Lambda { rest: false },
                    ty: Type::Function(vec![ty.clone()], Box::new(ty.clone())),
                    names: vec![name],
                    children: vec![variable()],
                };
                Some(Expr::new(Kind::Call, ty.clone(), vec![identity, expr.clone()]))
            }
        }
    }
}

fn is_name(expr: &Expr) -> bool {
    matches!(expr.kind, Kind::Variable(_))
}

/// `f` becomes `(lambda (a b) (f a b))`.
fn eta(expr: &Expr) -> Option<Expr> {
    let Type::Function(parameters, result) = &expr.ty else { return None };
    let Kind::Variable(function) = expr.kind else { return None };
    let name = |at: usize| Name { prefix: "u", number: function.number * 100 + at as u32 };
    let names: Vec<Name> = (0..parameters.len()).map(name).collect();
    let mut children = vec![expr.clone()];
    children.extend(names.iter().zip(parameters).map(|(name, ty)| Expr::leaf(Kind::Variable(*name), ty.clone())));
    let call = Expr::new(Kind::Call, (**result).clone(), children);
    Some(Expr { kind: Kind::Lambda { rest: false }, ty: expr.ty.clone(), names, children: vec![call] })
}
