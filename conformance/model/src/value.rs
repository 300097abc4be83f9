//! Values, held in the plainest way: shared cells, vectors, integers that are always large.

use crate::environment::Environment;
use crate::interpret::Scope;
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A place in the text: the offset of a form, or nothing for what a macro made.
pub type Place = Option<u32>;

/// A symbol: its number among all names that were read.
pub type Symbol = Rc<str>;

/// A value.
#[derive(Clone, Debug)]
pub enum Value {
    Nil,
    True,
    Integer(Rc<BigInt>),
    Double(f64),
    Symbol(Symbol),
    Text(Rc<RefCell<Vec<char>>>),
    Pair(Rc<Pair>),
    Array(Rc<RefCell<Vec<Value>>>),
    Data(Rc<RefCell<Vec<u8>>>),
    Table(Rc<RefCell<Vec<(Value, Value)>>>),
    Primitive(&'static str),
    Function(Rc<Function>),
    Macro(Rc<Function>),
    Environment(Rc<Environment>),
    Error(Rc<Fault>),
    Class(Rc<Class>),
    Instance(Rc<Instance>),
    /// A selector or a multimethod.
    Generic(Rc<Generic>),
    /// An accessor of a field: its class, the field's number, whether it sets.
    Accessor(Rc<Accessor>),
}

/// A pair, with the places of its list and of its first element where it was read.
#[derive(Debug)]
pub struct Pair {
    pub first: RefCell<Value>,
    pub rest: RefCell<Value>,
    pub place: Place,
    pub first_place: Place,
}

impl Drop for Pair {
    /// A long list is taken apart one pair after another.
    fn drop(&mut self) {
        let mut rest = self.rest.replace(Value::Nil);
        while let Value::Pair(pair) = rest {
            let Ok(pair) = Rc::try_unwrap(pair) else { break };
            rest = pair.rest.replace(Value::Nil);
        }
    }
}

/// A function written in Maru.
#[derive(Debug)]
pub struct Function {
    pub name: RefCell<Option<Symbol>>,
    pub parameters: Vec<Symbol>,
    pub rest: Option<Symbol>,
    pub body: Value,
    /// What it captured; nothing once the program is over, so that circles come apart.
    pub scope: RefCell<Option<Rc<Scope>>>,
    pub environment: Rc<Environment>,
}

/// An error.
#[derive(Debug)]
pub struct Fault {
    pub kind: &'static str,
    /// The message, where the program chose it.
    pub message: Option<Value>,
    /// `None`: not modelled.
    pub irritants: Option<Value>,
    pub place: Cell<Place>,
}

/// A class.
#[derive(Debug)]
pub struct Class {
    pub name: Symbol,
    pub base: Option<Rc<Class>>,
    pub fields: Vec<Symbol>,
    /// Another class has taken its name: what its accessors do from then on is left open.
    pub replaced: Cell<bool>,
}

/// An instance of a class.
#[derive(Debug)]
pub struct Instance {
    pub class: Rc<Class>,
    pub fields: RefCell<Vec<Value>>,
}

/// What chooses a method by classes.
#[derive(Debug)]
pub struct Generic {
    pub name: Symbol,
    /// The parameters that a multimethod chooses by; `None` for a selector, which chooses by the first.
    pub chosen: Option<Vec<Symbol>>,
    pub methods: RefCell<Vec<Method>>,
}

/// The classes that a method is for, and its function.
pub type Method = (Vec<Rc<Class>>, Rc<Function>);

/// What reads or sets a field.
#[derive(Debug)]
pub struct Accessor {
    pub name: Symbol,
    pub class: Rc<Class>,
    pub field: usize,
    pub sets: bool,
}

/// The integers that have no identity of their own: those that a machine word holds beside its tag.
const SHORT: i64 = 1 << 60;

impl Value {
    pub fn integer(number: impl Into<BigInt>) -> Value {
        Value::Integer(Rc::new(number.into()))
    }

    pub fn boolean(truth: bool) -> Value {
        match truth {
            true => Value::True,
            false => Value::Nil,
        }
    }

    pub fn text(text: &str) -> Value {
        Value::Text(Rc::new(RefCell::new(text.chars().collect())))
    }

    pub fn symbol(name: &str) -> Value {
        Value::Symbol(Rc::from(name))
    }

    pub fn array(elements: Vec<Value>) -> Value {
        Value::Array(Rc::new(RefCell::new(elements)))
    }

    pub fn cons(first: Value, rest: Value) -> Value {
        let (first, rest) = (RefCell::new(first), RefCell::new(rest));
        Value::Pair(Rc::new(Pair { first, rest, place: None, first_place: None }))
    }

    pub fn list(elements: impl IntoIterator<Item = Value, IntoIter: DoubleEndedIterator>) -> Value {
        Value::list_onto(elements, Value::Nil)
    }

    pub fn list_onto(elements: impl IntoIterator<Item = Value, IntoIter: DoubleEndedIterator>, end: Value) -> Value {
        elements.into_iter().rev().fold(end, |rest, first| Value::cons(first, rest))
    }

    pub fn is_true(&self) -> bool {
        !matches!(self, Value::Nil)
    }

    /// The first of a pair, nil of anything else.
    pub fn first(&self) -> Value {
        match self {
            Value::Pair(pair) => pair.first.borrow().clone(),
            _ => Value::Nil,
        }
    }

    /// The rest of a pair, nil of anything else.
    pub fn rest(&self) -> Value {
        match self {
            Value::Pair(pair) => pair.rest.borrow().clone(),
            _ => Value::Nil,
        }
    }

    pub fn as_symbol(&self) -> Option<&Symbol> {
        match self {
            Value::Symbol(name) => Some(name),
            _ => None,
        }
    }

    pub fn is_symbol(&self, wanted: &str) -> bool {
        self.as_symbol().is_some_and(|name| &**name == wanted)
    }

    /// Elements up to the first thing that is no pair, and that thing.
    pub fn elements(&self) -> (Vec<Value>, Value) {
        let (mut all, mut list) = (Vec::new(), self.clone());
        while let Value::Pair(_) = &list {
            all.push(list.first());
            list = list.rest();
        }
        (all, list)
    }

    /// An integer that a machine word holds.
    pub fn is_short(&self) -> bool {
        match self {
            Value::Integer(number) => number.to_i64().is_some_and(|number| (-SHORT..SHORT).contains(&number)),
            _ => false,
        }
    }

    /// `eq`; `None` where the language leaves it open: whether one large integer is the same object as another.
    pub fn is_same(&self, other: &Value) -> Option<bool> {
        Some(match (self, other) {
            (Value::Nil, Value::Nil) | (Value::True, Value::True) => true,
            (Value::Integer(left), Value::Integer(right)) => {
                if Rc::ptr_eq(left, right) || left != right {
                    return Some(left == right);
                }
                return self.is_short().then_some(true);
            }
            (Value::Double(left), Value::Double(right)) => left.to_bits() == right.to_bits(),
            (Value::Symbol(left), Value::Symbol(right)) => left == right,
            (Value::Text(left), Value::Text(right)) => Rc::ptr_eq(left, right),
            (Value::Pair(left), Value::Pair(right)) => Rc::ptr_eq(left, right),
            (Value::Array(left), Value::Array(right)) => Rc::ptr_eq(left, right),
            (Value::Data(left), Value::Data(right)) => Rc::ptr_eq(left, right),
            (Value::Table(left), Value::Table(right)) => Rc::ptr_eq(left, right),
            (Value::Primitive(left), Value::Primitive(right)) => left == right,
            (Value::Function(left), Value::Function(right)) => Rc::ptr_eq(left, right),
            (Value::Macro(left), Value::Macro(right)) => Rc::ptr_eq(left, right),
            (Value::Environment(left), Value::Environment(right)) => Rc::ptr_eq(left, right),
            (Value::Error(left), Value::Error(right)) => Rc::ptr_eq(left, right),
            (Value::Class(left), Value::Class(right)) => Rc::ptr_eq(left, right),
            (Value::Instance(left), Value::Instance(right)) => Rc::ptr_eq(left, right),
            (Value::Generic(left), Value::Generic(right)) => Rc::ptr_eq(left, right),
            (Value::Accessor(left), Value::Accessor(right)) => Rc::ptr_eq(left, right),
            _ => false,
        })
    }
}
