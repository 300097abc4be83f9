//! The expander's own tree: core forms only, variables by identity, not yet placed in frames.

use crate::runtime::Symbol;
use crate::value::Value;
use maru_core::abi::Position;
use std::cell::Cell;
use std::rc::Rc;

/// A lexical variable.
pub(super) type Variable = Rc<VariableState>;

/// A function's number, unique in one expansion.
pub(super) type FunctionId = u32;

/// What is known of a lexical variable.
#[derive(Debug)]
pub(super) struct VariableState {
    /// Its name, a symbol; nil for one that the expander made.
    pub name: Value,
    /// Somebody assigns it.
    pub assigned: Cell<bool>,
    /// A function other than its owner refers to it.
    pub captured: Cell<bool>,
    /// The function whose frame it is in.
    pub owner: Cell<FunctionId>,
    /// Its place in the frame.
    pub slot: Cell<Option<u32>>,
    /// What is known of it as the name of a named let.
    pub looping: Looping,
}

/// How the name of a named let is used, and what that makes of it.
#[derive(Debug, Default)]
pub(super) struct Looping {
    /// How many arguments a jump to the loop's start takes; `None` if this is no name of a named let.
    pub arity: Cell<Option<usize>>,
    /// How often the name occurs in the body.
    pub references: Cell<u32>,
    /// How many of these are calls that could be jumps.
    pub jumps: Cell<u32>,
    /// How many named lets are around it.
    pub depth: Cell<usize>,
    /// The loop's number in its function, if it is one.
    pub label: Cell<Option<u32>>,
}

impl VariableState {
    pub fn new(name: Value) -> Variable {
        Rc::new(VariableState {
            name,
            assigned: Cell::new(false),
            captured: Cell::new(false),
            owner: Cell::new(FunctionId::MAX),
            slot: Cell::new(None),
            looping: Looping::default(),
        })
    }
    /// Whether its value lives in a box.
    pub fn boxed(&self) -> bool {
        self.assigned.get() && self.captured.get()
    }
}

/// An expression. Constants are reachable through the runtime's roots during the expansion.
#[derive(Debug)]
pub(super) enum Expression {
    Constant(Value),
    Variable(Variable),
    Global(Symbol, Position),
    /// The variable's first value.
    Bind(Variable, Box<Expression>),
    Set(Variable, Box<Expression>),
    SetGlobal(Symbol, Box<Expression>, Position),
    /// True for a constant.
    Define(Symbol, Box<Expression>, bool, Position),
    If(Box<[Expression; 3]>),
    Sequence(Vec<Expression>),
    While(Box<Expression>, Box<Expression>, Position),
    NamedLet(Box<NamedLet>),
    Lambda(Box<Function>),
    /// Functions that refer to each other.
    Fix(Vec<(Variable, Function)>, Box<Expression>),
    Call(Box<Call>),
    Try(Box<Try>),
    WithEnvironment(Box<WithEnvironment>),
}

/// A lambda.
#[derive(Debug)]
pub(super) struct Function {
    /// Its number, given by the marking.
    pub id: Cell<FunctionId>,
    /// Name for people, a symbol or nil.
    pub name: Value,
    pub position: Position,
    pub parameters: Vec<Variable>,
    pub rest: Option<Variable>,
    pub body: Expression,
}

/// `(let name ((x first)…) body…)`.
#[derive(Debug)]
pub(super) struct NamedLet {
    pub variable: Variable,
    pub function: Function,
    pub first: Vec<Expression>,
    /// Its name is only ever called, in tail position of the body: no function is needed.
    pub is_loop: bool,
    pub position: Position,
}

#[derive(Debug)]
pub(super) struct Call {
    pub function: Expression,
    pub arguments: Vec<Expression>,
    pub position: Position,
    /// The function is the name of a named let, and this call could be a jump.
    pub jump: bool,
}

#[derive(Debug)]
pub(super) struct Try {
    pub body: Expression,
    pub catch: Option<(Variable, Expression)>,
    pub finally: Option<Expression>,
    pub position: Position,
}

#[derive(Debug)]
pub(super) struct WithEnvironment {
    pub environment: Expression,
    /// The forms, unexpanded.
    pub forms: Value,
    /// All variables in scope.
    pub variables: Vec<Variable>,
    pub position: Position,
}

impl Function {
    pub fn new(name: Value, parameters: Vec<Variable>, rest: Option<Variable>, body: Expression, at: Position) -> Self {
        Function { id: Cell::new(FunctionId::MAX), name, position: at, parameters, rest, body }
    }
}

impl Expression {
    pub const NIL: Expression = Expression::Constant(Value::NIL);

    pub fn branch(condition: Expression, then: Expression, otherwise: Expression) -> Expression {
        Expression::If(Box::new([condition, then, otherwise]))
    }
    /// One after another; nil if there is none.
    pub fn sequence(mut expressions: Vec<Expression>) -> Expression {
        match expressions.len() {
            0 => Expression::NIL,
            1 => expressions.remove(0),
            _ => Expression::Sequence(expressions),
        }
    }
    pub fn bind(variable: &Variable, value: Expression) -> Expression {
        Expression::Bind(variable.clone(), Box::new(value))
    }
    pub fn call(function: Expression, arguments: Vec<Expression>, position: Position) -> Expression {
        Expression::Call(Box::new(Call { function, arguments, position, jump: false }))
    }
    /// A reference that is no use of a name the program wrote.
    pub fn of(variable: &Variable) -> Expression {
        Expression::Variable(variable.clone())
    }
    /// Assign a variable.
    pub fn set(variable: &Variable, value: Expression) -> Expression {
        variable.assigned.set(true);
        Expression::Set(variable.clone(), Box::new(value))
    }
}
