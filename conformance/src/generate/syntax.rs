//! The abstract syntax of generated programs: typed expressions that all have the same shape (a kind, names that it
//! binds, children), so that shrinking, counting and planting are one traversal each.
//!
//! Every binder of a program introduces a name of its own; nothing is shadowed by accident, and an expression may
//! be moved wherever the names that it refers to are bound.

use crate::limits::Limits;
use std::fmt;

/// The type of an expression of a typed program.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum Type {
    /// An integer of any size.
    Integer,
    /// A double.
    Double,
    /// `#t` or nil.
    Boolean,
    /// A string.
    Text,
    /// A symbol.
    Symbol,
    /// A proper list.
    List(Box<Type>),
    /// An array. Elements may be nil, because growth fills with nil.
    Array(Box<Type>),
    /// Done for its effect; the value is not used.
    Unit,
    /// A function of these parameters and this result.
    Function(Vec<Type>, Box<Type>),
}

impl Type {
    /// A list of this type.
    pub fn list(self) -> Type {
        Type::List(Box::new(self))
    }
    /// An array of this type.
    pub fn array(self) -> Type {
        Type::Array(Box::new(self))
    }
    /// Whether values of the type can be shown: they hold no function.
    pub fn is_data(&self) -> bool {
        match self {
            Type::Function(..) => false,
            Type::List(element) | Type::Array(element) => element.is_data(),
            _ => true,
        }
    }
}

/// A name of a generated program: what it stands for, and a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct Name {
    /// `x` variable, `i` counter, `f` function, `g` global variable, `m` macro, `e` error, `loop`, `env`.
    pub prefix: &'static str,
    /// Different for each binder of a program.
    pub number: u32,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}{}", self.prefix, self.number)
    }
}

/// What an expression is. Unless said otherwise, children are operands in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Kind {
    /// An integer literal, as text.
    Integer(String),
    /// A double literal.
    Double(f64),
    /// A string literal.
    Text(String),
    /// A quoted symbol.
    Symbol(String),
    /// `#t` or `#f`.
    Truth(bool),
    /// `'()`.
    EmptyList,
    /// A variable, or a global function as a value.
    Variable(Name),
    /// A parameter of a macro in its template: `,name`.
    Unquoted(Name),
    /// A primitive, or a special form that only has operands (`if`, `and`, `or`, `cond` with one clause, …).
    Primitive(&'static str),
    /// Several in turn: statements, then the value.
    Sequence,
    /// Parallel (or else sequential) variables: `names` are bound to the first children, the last is the body.
    Let {
        /// `let*`.
        sequential: bool,
    },
    /// Assignment of a variable.
    Set(Name),
    /// `turns` turns of a `while` loop: statements, then the value of the whole.
    While {
        /// Counts up from 0; the program only reads it.
        counter: Name,
        /// How often.
        turns: u32,
    },
    /// A named let: initial values of `names`, then what is answered after the last turn, then the body, which goes
    /// on by [`Kind::Again`].
    Loop {
        /// The loop's name.
        name: Name,
        /// Counts down to 0.
        counter: Name,
        /// How many turns at most.
        turns: u32,
    },
    /// Local functions with fuel: for each its answer without fuel and its body; then the body of the whole.
    /// `names` are all their parameters.
    Letrec(Vec<Local>),
    /// The next turn of a loop or of a function with fuel: `(function (- counter 1) children…)`.
    Again {
        /// Loop or function.
        function: Name,
        /// Counter or fuel of whoever calls.
        counter: Name,
    },
    /// Call of a function with fuel from outside: `(function turns children…)`.
    Start {
        /// The function.
        function: Name,
        /// Its fuel.
        turns: u32,
    },
    /// A closure with parameters `names`, the last of which takes the rest if so flagged; one child, the body.
    Lambda {
        /// Whether the last name is a rest parameter.
        rest: bool,
    },
    /// Call: the function, then the arguments.
    Call,
    /// `apply`: the function, then arguments, of which all but the first `written` are in a list.
    Apply {
        /// How many are written before the list.
        written: usize,
    },
    /// Use of a macro.
    Macro(Name),
    /// Call of a function that a nested environment binds.
    Nested {
        /// The environment.
        environment: Name,
        /// The function.
        function: Name,
    },
    /// The body, then the handler and the final part, as far as there are any.
    Try {
        /// The variable that holds the error, if there is a handler.
        handler: Option<Name>,
        /// Whether there is a final part.
        finally: bool,
    },
    /// `(error "message" irritants…)`.
    Raise(String),
    /// Text taken as it is: a planted event.
    Verbatim(String),
}

/// A local function of a `letrec`.
#[derive(Clone, PartialEq, Debug)]
pub struct Local {
    /// Its name.
    pub name: Name,
    /// Its fuel.
    pub fuel: Name,
    /// How many of the `names` are its parameters.
    pub parameters: usize,
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: Kind,
    /// Its type.
    pub ty: Type,
    /// Names that it binds, as its kind says.
    pub names: Vec<Name>,
    /// Its parts, as its kind says.
    pub children: Vec<Expr>,
}

impl Expr {
    /// An expression without parts.
    pub fn leaf(kind: Kind, ty: Type) -> Expr {
        Expr { kind, ty, names: Vec::new(), children: Vec::new() }
    }
    /// An expression that binds nothing.
    pub fn new(kind: Kind, ty: Type, children: Vec<Expr>) -> Expr {
        Expr { kind, ty, names: Vec::new(), children }
    }
    /// A primitive.
    pub fn primitive(name: &'static str, ty: Type, children: Vec<Expr>) -> Expr {
        Expr::new(Kind::Primitive(name), ty, children)
    }
    /// An integer literal.
    pub fn integer(value: i64) -> Expr {
        Expr::leaf(Kind::Integer(value.to_string()), Type::Integer)
    }

    /// The smallest expression of a type.
    pub fn least(ty: &Type) -> Expr {
        let kind = match ty {
            Type::Integer => Kind::Integer("0".into()),
            Type::Double => Kind::Double(0.5),
            Type::Boolean => Kind::Truth(false),
            Type::Text => Kind::Text(String::new()),
            Type::Symbol => Kind::Symbol("a".into()),
            Type::List(_) | Type::Unit => Kind::EmptyList,
            Type::Array(_) => {
                let list = Expr::leaf(Kind::EmptyList, ty.clone());
                return Expr::primitive("list->array", ty.clone(), vec![list]);
            }
            Type::Function(parameters, result) => {
                let names = (0..parameters.len() as u32).map(|number| Name { prefix: "unused", number }).collect();
                let children = vec![Expr::least(result)];
                return Expr { kind: Kind::Lambda { rest: false }, ty: ty.clone(), names, children };
            }
        };
        Expr::leaf(kind, ty.clone())
    }

    /// How many expressions there are in it.
    pub fn size(&self) -> usize {
        1 + self.children.iter().map(Expr::size).sum::<usize>()
    }

    /// Visit this and all parts, outer ones first.
    pub fn visit<'a>(&'a self, see: &mut dyn FnMut(&'a Expr)) {
        see(self);
        for child in &self.children {
            child.visit(see);
        }
    }

    /// Names that the expression itself binds, in any of its parts.
    pub fn binds(&self, see: &mut dyn FnMut(Name)) {
        self.names.iter().for_each(|name| see(*name));
        match &self.kind {
            Kind::While { counter, .. } => see(*counter),
            Kind::Loop { name, counter, .. } => {
                see(*name);
                see(*counter);
            }
            Kind::Letrec(locals) => {
                for local in locals {
                    see(local.name);
                    see(local.fuel);
                }
            }
            Kind::Try { handler: Some(name), .. } => see(*name),
            _ => {}
        }
    }

    /// Names that the expression itself refers to, without its parts.
    pub fn refers(&self, see: &mut dyn FnMut(Name)) {
        match &self.kind {
            Kind::Variable(name) | Kind::Unquoted(name) | Kind::Set(name) | Kind::Macro(name) => see(*name),
            Kind::Start { function, .. } => see(*function),
            Kind::Again { function, counter } => {
                see(*function);
                see(*counter);
            }
            Kind::Nested { environment, .. } => see(*environment),
            _ => {}
        }
    }
}

/// A global function.
#[derive(Clone, PartialEq, Debug)]
pub struct Function {
    /// Its name.
    pub name: Name,
    /// How it is defined: `(define (f …) …)`, `(define-function f (…) …)` or `(define f (lambda (…) …))`.
    pub style: u8,
    /// Its first parameter, if it recurses: how often it still may; and what it answers at 0.
    pub fuel: Option<(Name, Expr)>,
    /// Its other parameters.
    pub parameters: Vec<(Name, Type)>,
    /// Its rest parameter, a list of integers.
    pub rest: Option<Name>,
    /// Its body.
    pub body: Expr,
}

impl Function {
    /// Its type as a value, without fuel and rest.
    pub fn ty(&self) -> Type {
        let parameters = self.parameters.iter().map(|(_, ty)| ty.clone()).collect();
        Type::Function(parameters, Box::new(self.body.ty.clone()))
    }
    /// Its expressions.
    pub fn expressions_mut(&mut self) -> Vec<&mut Expr> {
        self.fuel.as_mut().map(|(_, base)| base).into_iter().chain([&mut self.body]).collect()
    }
    /// Its expressions.
    pub fn expressions(&self) -> Vec<&Expr> {
        self.fuel.as_ref().map(|(_, base)| base).into_iter().chain([&self.body]).collect()
    }
}

/// A top-level form of a program.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    /// A function.
    Function(Function),
    /// A variable and its first value.
    Variable(Name, Expr),
    /// A macro: name, parameters, template.
    Macro(Name, Vec<Name>, Expr),
    /// A nested environment with functions.
    Environment(Name, Vec<Function>),
    /// An expression whose value is observed.
    Show(Expr),
    /// A form that has no types.
    Form(Form),
    /// The limits that the program runs under; the first item if there are any.
    Limits(Limits),
}

impl Item {
    /// Its expressions.
    pub fn expressions_mut(&mut self) -> Vec<&mut Expr> {
        match self {
            Item::Function(function) => function.expressions_mut(),
            Item::Variable(_, expr) | Item::Macro(_, _, expr) | Item::Show(expr) => vec![expr],
            Item::Environment(_, functions) => functions.iter_mut().flat_map(Function::expressions_mut).collect(),
            Item::Form(_) | Item::Limits(_) => Vec::new(),
        }
    }
    /// Its expressions.
    pub fn expressions(&self) -> Vec<&Expr> {
        match self {
            Item::Function(function) => function.expressions(),
            Item::Variable(_, expr) | Item::Macro(_, _, expr) | Item::Show(expr) => vec![expr],
            Item::Environment(_, functions) => functions.iter().flat_map(Function::expressions).collect(),
            Item::Form(_) | Item::Limits(_) => Vec::new(),
        }
    }
    /// The name that it defines.
    pub fn defines(&self) -> Option<Name> {
        match self {
            Item::Function(function) => Some(function.name),
            Item::Variable(name, _) | Item::Macro(name, ..) | Item::Environment(name, _) => Some(*name),
            Item::Show(_) | Item::Form(_) | Item::Limits(_) => None,
        }
    }
}

/// What is known of a program's outcome without running it.
#[derive(Clone, PartialEq, Debug)]
pub enum Prediction {
    /// Nothing.
    None,
    /// It ends with values, not with an error.
    Value,
    /// It ends with an error of this kind and, if known, these irritants.
    Error(&'static str, Option<String>),
    /// The value of its last expression dumps as a text that starts like this.
    LastStarts(String),
}

/// A program.
#[derive(Clone, PartialEq, Debug)]
pub struct Program {
    /// Its forms in order.
    pub items: Vec<Item>,
    /// What is known of its outcome.
    pub prediction: Prediction,
    /// The text of a program that must have the same values.
    pub twin: Option<String>,
}

/// A form without types.
#[derive(Clone, PartialEq, Debug)]
pub enum Form {
    /// Anything that is one token.
    Atom(String),
    /// A list.
    List(Vec<Form>),
}

impl Form {
    /// An atom.
    pub fn atom(text: impl fmt::Display) -> Form {
        Form::Atom(text.to_string())
    }
}
