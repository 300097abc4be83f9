//! Well-typed expressions that end by construction.
//!
//! Work is counted while an expression is made: every node counts as often as the loops around it turn, a call counts
//! what the callee was found to cost. When the budget is used up, only leaves are made. Sizes of integers, strings
//! and lists are estimated wherever a value may flow back into the computation that made it, and cut if need be.

use super::dice::Dice;
use super::swarm::{Feature, Swarm};
use super::syntax::{Expr, Kind, Name, Type};
use super::values;
use std::collections::HashMap;

/// Most work a function value may do for one call.
pub const VALUE_COST: u64 = 60;
/// Bits that a variable's integer is taken to have.
const VARIABLE_BITS: usize = 320;
/// Bits that a function's integer result is taken to have.
const RESULT_BITS: usize = 640;
/// Length that a variable's string or list is taken to have.
const VARIABLE_LENGTH: usize = 64;
/// Length that a function's string or list is taken to have.
const RESULT_LENGTH: usize = 96;

/// A global function, as far as its callers know it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its name.
    pub name: Name,
    /// Types of its parameters, without fuel and rest.
    pub parameters: Vec<Type>,
    /// Whether it takes more integers.
    pub rest: bool,
    /// With fuel: how many calls of itself each call makes.
    pub recursion: Option<u32>,
    /// Type of its result.
    pub result: Type,
    /// Work of one call, or of one call at each level of fuel.
    pub cost: u64,
    /// The nested environment that binds it.
    pub environment: Option<Name>,
}

/// A local or global variable in scope.
#[derive(Clone, Debug)]
pub struct Variable {
    pub name: Name,
    pub ty: Type,
    pub assignable: bool,
}

/// A loop or function with fuel whose next turn may be asked for here.
#[derive(Clone, Debug)]
pub struct Turn {
    pub function: Name,
    pub counter: Name,
    pub parameters: Vec<Type>,
    pub result: Type,
}

/// A macro, as far as its users know it.
#[derive(Clone, Debug)]
pub struct KnownMacro {
    pub name: Name,
    pub parameters: Vec<Type>,
    pub result: Type,
    /// How often an argument is evaluated at most.
    pub copies: u64,
}

/// Makes expressions.
pub struct Generator<'a> {
    /// Choices.
    pub dice: &'a mut Dice,
    /// Features in use.
    pub swarm: Swarm,
    next: u32,
    /// Work so far, and how much of it there may be.
    pub work: u64,
    /// The budget.
    pub limit: u64,
    factor: u64,
    /// How many more expressions that are not leaves the program may have.
    nodes: usize,
    /// Variables in scope, inner ones last.
    pub scope: Vec<Variable>,
    /// Global functions.
    pub functions: Vec<Known>,
    /// Macros.
    pub macros: Vec<KnownMacro>,
    /// Estimated sizes of variables.
    pub(super) sizes: HashMap<Name, usize>,
    /// What is being made may fail: a handler is around it.
    pub(super) risky: bool,
    /// No calls: a macro's template is being made.
    pub template: bool,
}

/// What an expression may be.
#[derive(Clone, Copy)]
enum Choice {
    Own,
    Leaf,
    If,
    Let,
    Sequence,
    CallVariable,
    CallGlobal,
    Loop,
    While,
    Letrec,
    LambdaCall,
    Try,
    Macro,
    Apply,
    Idiom,
    Risk,
}

impl<'a> Generator<'a> {
    /// A generator with nothing in scope, for about so many expressions.
    pub fn new(dice: &'a mut Dice, swarm: Swarm, nodes: usize) -> Generator<'a> {
        Generator {
            dice,
            swarm,
            next: 0,
            work: 0,
            limit: 0,
            factor: 1,
            nodes,
            scope: Vec::new(),
            functions: Vec::new(),
            macros: Vec::new(),
            sizes: HashMap::new(),
            risky: false,
            template: false,
        }
    }

    /// A name that the program does not have yet.
    pub fn name(&mut self, prefix: &'static str) -> Name {
        self.next += 1;
        Name { prefix, number: self.next }
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        self.swarm.has(feature)
    }

    fn tired(&self) -> bool {
        self.work >= self.limit || self.nodes == 0
    }

    /// Whether `cost` units at this place fit into the budget.
    pub fn affords(&self, cost: u64) -> bool {
        self.work.saturating_add(cost.saturating_mul(self.factor)) <= self.limit
    }

    /// Count work at this place.
    pub fn charge(&mut self, cost: u64) {
        self.work = self.work.saturating_add(cost.saturating_mul(self.factor));
    }

    /// Make something that runs `times` times.
    pub fn repeated<R>(&mut self, times: u64, make: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.factor;
        self.factor = before.saturating_mul(times.max(1));
        let made = make(self);
        self.factor = before;
        made
    }

    /// Make something whose cost has its own budget; the cost comes with it.
    pub fn measured<R>(&mut self, limit: u64, make: impl FnOnce(&mut Self) -> R) -> (R, u64) {
        let before = (self.work, self.limit, self.factor);
        (self.work, self.limit, self.factor) = (0, limit, 1);
        let made = make(self);
        let cost = self.work;
        (self.work, self.limit, self.factor) = before;
        (made, cost)
    }

    /// Make something with more variables in scope.
    pub fn scoped<R>(&mut self, variables: Vec<Variable>, make: impl FnOnce(&mut Self) -> R) -> R {
        let depth = self.scope.len();
        self.scope.extend(variables);
        let made = make(self);
        self.scope.truncate(depth);
        made
    }

    /// A type for data that fits the features.
    pub fn data_type(&mut self) -> Type {
        let has = |feature, weight| if self.swarm.has(feature) { weight } else { 0 };
        let choices = [
            (45, 0),
            (has(Feature::Doubles, 18), 1),
            (8, 2),
            (has(Feature::Text, 10), 3),
            (has(Feature::Text, 4), 4),
            (has(Feature::Lists, 10), 5),
            (has(Feature::Arrays, 10), 6),
            (has(Feature::Lists, 3), 7),
        ];
        match self.dice.weighted(&choices) {
            0 => Type::Integer,
            1 => Type::Double,
            2 => Type::Boolean,
            3 => Type::Text,
            4 => Type::Symbol,
            5 => Type::Integer.list(),
            6 => Type::Integer.array(),
            _ => {
                let element = self.data_type();
                // Lists of arrays would let a list hold what is changed under it; that is fine, but deep types
                // make programs that do little.
                if matches!(element, Type::List(_) | Type::Array(_)) {
                    Type::Text.list()
                } else {
                    element.list()
                }
            }
        }
    }

    /// A function type whose parameters are data.
    pub fn function_type(&mut self) -> Type {
        let count = *self.dice.pick(&[0, 1, 1, 1, 2, 2, 3, 4, 6, 8]);
        let parameters = (0..count).map(|_| self.data_type()).collect();
        let result = match self.dice.chance(12) {
            true => Type::Function(vec![Type::Integer], Box::new(self.data_type())),
            false => self.data_type(),
        };
        Type::Function(parameters, Box::new(result))
    }

    /// An expression.
    pub fn expression(&mut self, ty: &Type, depth: usize) -> Expr {
        self.charge(1);
        self.nodes = self.nodes.saturating_sub(1);
        if depth == 0 || self.tired() {
            return self.leaf(ty);
        }
        let choice = self.choose(ty);
        self.make(choice, ty, depth - 1).unwrap_or_else(|| self.own(ty, depth - 1))
    }

    fn choose(&mut self, ty: &Type) -> Choice {
        use Feature::*;
        let when = |condition: bool, weight| if condition { weight } else { 0 };
        let calls = !self.template;
        let choices = [
            (34, Choice::Own),
            (10, Choice::Leaf),
            (10, Choice::If),
            (11, Choice::Let),
            (when(calls && (self.has(Assignment) || self.has(Printing) || self.has(Arrays)), 8), Choice::Sequence),
            (when(calls && self.has(Closures), 8), Choice::CallVariable),
            (when(calls, 16), Choice::CallGlobal),
            (when(calls && self.has(NamedLet), 6), Choice::Loop),
            (when(calls && self.has(While), 5), Choice::While),
            (when(calls && self.has(Letrec), 3), Choice::Letrec),
            (when(self.has(Closures), 3), Choice::LambdaCall),
            (when(calls && self.has(Errors), 6), Choice::Try),
            (when(calls && !self.macros.is_empty(), 6), Choice::Macro),
            (when(calls && self.has(Feature::Apply), 4), Choice::Apply),
            (when(calls && self.has(Idioms), 7), Choice::Idiom),
            (when(self.risky, 12), Choice::Risk),
        ];
        match ty {
            Type::Function(..) => *self.dice.pick(&[Choice::Own, Choice::Own, Choice::Leaf, Choice::Let, Choice::If]),
            _ => self.dice.weighted(&choices),
        }
    }

    fn make(&mut self, choice: Choice, ty: &Type, depth: usize) -> Option<Expr> {
        match choice {
            Choice::Own => None,
            Choice::Leaf => Some(self.leaf(ty)),
            Choice::If => Some(self.conditional(ty, depth)),
            Choice::Let => Some(self.bind(ty, depth)),
            Choice::Sequence => Some(self.sequence(ty, depth)),
            Choice::CallVariable => self.call_variable(ty, depth),
            Choice::CallGlobal => self.call_global(ty, depth),
            Choice::Loop => self.named_let(ty, depth),
            Choice::While => self.while_loop(ty, depth),
            Choice::Letrec => self.letrec(ty, depth),
            Choice::LambdaCall => Some(self.call_lambda(ty, depth)),
            Choice::Try => Some(self.attempt(ty, depth)),
            Choice::Macro => self.use_macro(ty, depth),
            Choice::Apply => self.apply(ty, depth),
            Choice::Idiom => self.idiom(ty, depth),
            Choice::Risk => Some(self.risk(ty, depth)),
        }
    }

    /// A variable or literal.
    pub fn leaf(&mut self, ty: &Type) -> Expr {
        let fitting: Vec<Name> = self.scope.iter().filter(|v| v.ty == *ty).map(|v| v.name).collect();
        if !fitting.is_empty() && self.dice.chance(70) {
            // Inner variables are the more interesting ones.
            let back = self.dice.below(fitting.len()).min(self.dice.below(fitting.len()));
            let name = fitting[fitting.len() - 1 - back];
            let kind = if name.prefix == "p" { Kind::Unquoted(name) } else { Kind::Variable(name) };
            return Expr::leaf(kind, ty.clone());
        }
        match ty {
            Type::Integer if self.has(Feature::Edges) => values::integer(self.dice),
            Type::Integer => Expr::integer(self.dice.below(13) as i64 - 3),
            Type::Double => values::double(self.dice),
            Type::Boolean => Expr::leaf(Kind::Truth(self.dice.chance(50)), Type::Boolean),
            Type::Text => values::text(self.dice),
            Type::Symbol => values::symbol(self.dice),
            Type::List(_) if self.dice.chance(30) => Expr::leaf(Kind::EmptyList, ty.clone()),
            Type::List(element) => self.list_of(ty, element, 0),
            Type::Array(element) => {
                let list = self.list_of(&Type::List(element.clone()), element, 0);
                Expr::primitive("list->array", ty.clone(), vec![list])
            }
            Type::Function(..) => self.lambda(ty, 0),
            Type::Unit => Expr::least(ty),
        }
    }

    /// `(list …)`.
    pub fn list_of(&mut self, ty: &Type, element: &Type, depth: usize) -> Expr {
        let count = self.dice.between(1, 4);
        let children = (0..count).map(|_| self.bounded(element, depth)).collect();
        Expr::primitive("list", ty.clone(), children)
    }

    /// An expression whose value may be kept: its size is not above a variable's.
    pub fn bounded(&mut self, ty: &Type, depth: usize) -> Expr {
        let expr = if depth == 0 { self.leaf(ty) } else { self.expression(ty, depth) };
        self.cut(expr, false)
    }

    /// Cut a value to the size that a variable (or a function's result) may have.
    pub fn cut(&mut self, expr: Expr, result: bool) -> Expr {
        // Two variables' worth is too much for strings and lists: in a loop, that doubles at every turn.
        let most = match expr.ty {
            Type::Integer if result => RESULT_BITS,
            Type::Integer => VARIABLE_BITS,
            _ => RESULT_LENGTH,
        };
        if self.size(&expr) <= most {
            return expr;
        }
        match expr.ty {
            Type::Integer => {
                let modulus =
                    Expr::leaf(Kind::Integer("170141183460469231731687303715884105727".into()), Type::Integer);
                Expr::primitive("remainder", Type::Integer, vec![expr, modulus])
            }
            _ => {
                let ty = expr.ty.clone();
                self.leaf(&ty)
            }
        }
    }

    /// An estimate: bits of an integer, length of a string or list.
    pub(super) fn size(&self, expr: &Expr) -> usize {
        let (usual, result) = match expr.ty {
            Type::Integer => (VARIABLE_BITS, RESULT_BITS),
            Type::Text | Type::List(_) => (VARIABLE_LENGTH, RESULT_LENGTH),
            _ => (0, 0),
        };
        let same = |from: usize| {
            let parts = expr.children.iter().skip(from).filter(|child| child.ty == expr.ty);
            parts.map(|child| self.size(child)).max().unwrap_or(0)
        };
        let sum = || expr.children.iter().map(|child| self.size(child)).sum::<usize>();
        match &expr.kind {
            Kind::Integer(text) => text.len() * 4,
            Kind::Text(text) => text.chars().count(),
            Kind::EmptyList => 0,
            Kind::Variable(name) => *self.sizes.get(name).unwrap_or(&usual),
            Kind::Primitive("*" | "concat-string" | "append") => sum(),
            Kind::Primitive("<<") => self.size(&expr.children[0]) + 70,
            Kind::Primitive("expt") => 64,
            Kind::Primitive("list") => expr.children.len(),
            Kind::Primitive("long->string" | "symbol->string") => 20,
            Kind::Primitive("apply" | "car" | "array-at" | "cdr" | "map" | "or" | "array->list") => usual.max(same(0)),
            Kind::Primitive(_) => same(0),
            Kind::Sequence | Kind::Let { .. } | Kind::Try { .. } => same(0),
            Kind::While { .. } | Kind::Loop { .. } | Kind::Letrec(_) => usual.max(same(0)),
            Kind::Call | Kind::Apply { .. } | Kind::Start { .. } | Kind::Nested { .. } => result,
            Kind::Macro(_) => result + same(0),
            _ => usual,
        }
    }
}
