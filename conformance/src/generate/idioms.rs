//! Idioms: small pieces in which several features meet on purpose, because chance alone would seldom bring them
//! together.

use super::syntax::{Expr, Kind, Type};
use super::typed::{Generator, Known};
use super::values;

impl Generator<'_> {
    /// An idiom of this type, if there is one.
    pub fn idiom(&mut self, ty: &Type, depth: usize) -> Option<Expr> {
        if !self.affords(300) {
            return None;
        }
        self.charge(100);
        let depth = depth.min(2);
        match ty {
            Type::Integer => Some(match self.dice.below(8) {
                6 | 7 => return self.operator_changed(depth),
                0 => self.counter_closure(depth),
                1 => self.overflow_in_named_let(),
                2 => self.overflow_in_while(),
                3 => self.error_through_frames(depth),
                4 => self.error_in_handler(depth),
                _ => self.error_in_final_part(depth),
            }),
            Type::List(element) if **element == Type::Integer => Some(match self.dice.below(2) {
                0 => self.closures_of_while(depth),
                _ => self.closures_of_named_let(depth),
            }),
            _ => None,
        }
    }

    /// A function is called while an argument of the call assigns it: what was there before is called.
    fn operator_changed(&mut self, depth: usize) -> Option<Expr> {
        let plain = |known: &&Known| {
            known.recursion.is_none()
                && known.environment.is_none()
                && !known.rest
                && !known.parameters.is_empty()
                && known.result == Type::Integer
        };
        let fitting: Vec<Known> = self.functions.iter().filter(plain).cloned().collect();
        if fitting.is_empty() {
            return None;
        }
        let known = self.dice.pick(&fitting).clone();
        let mut call = self.call_known(&known, depth)?;
        // It calls nothing, so no function comes to call itself.
        let other = self.lambda(&call.children[0].ty.clone(), 0);
        let set = Expr::new(Kind::Set(known.name), Type::Unit, vec![other]);
        let at = 1 + self.dice.below(known.parameters.len());
        let argument = std::mem::replace(&mut call.children[at], Expr::least(&Type::Unit));
        let ty = argument.ty.clone();
        call.children[at] = Expr::new(Kind::Sequence, ty, vec![set, argument]);
        Some(call)
    }

    fn variable_of(&self, name: super::syntax::Name, ty: Type) -> Expr {
        Expr::leaf(Kind::Variable(name), ty)
    }

    /// Every turn of a `while` makes a closure over the counter, which is one variable for all turns.
    fn closures_of_while(&mut self, depth: usize) -> Expr {
        let thunk = Type::Function(Vec::new(), Box::new(Type::Integer));
        let (functions, counter) = (self.name("x"), self.name("i"));
        let count = self.variable_of(counter, Type::Integer);
        let other = self.bounded(&Type::Integer, depth);
        let sum = Expr::primitive("+", Type::Integer, vec![count, other]);
        let closure = Expr::new(Kind::Lambda { rest: false }, thunk.clone(), vec![sum]);
        let list = self.variable_of(functions, thunk.clone().list());
        let longer = Expr::primitive("cons", thunk.clone().list(), vec![closure, list.clone()]);
        let set = Expr::new(Kind::Set(functions), Type::Unit, vec![longer]);
        let called = self.call_each(thunk.clone(), list);
        let turns = self.dice.between(1, 4) as u32;
        let looped = Expr::new(Kind::While { counter, turns }, Type::Integer.list(), vec![set, called]);
        let children = vec![Expr::leaf(Kind::EmptyList, thunk.list()), looped];
        let kind = Kind::Let { sequential: false };
        Expr { kind, ty: Type::Integer.list(), names: vec![functions], children }
    }

    /// Every turn of a named let makes a closure over the turn's own variables.
    fn closures_of_named_let(&mut self, depth: usize) -> Expr {
        let thunk = Type::Function(Vec::new(), Box::new(Type::Integer));
        let (name, counter, functions) = (self.name("loop"), self.name("i"), self.name("x"));
        let count = self.variable_of(counter, Type::Integer);
        let other = self.bounded(&Type::Integer, depth);
        let product = Expr::primitive("-", Type::Integer, vec![count, other]);
        let closure = Expr::new(Kind::Lambda { rest: false }, thunk.clone(), vec![product]);
        let list = self.variable_of(functions, thunk.clone().list());
        let longer = Expr::primitive("cons", thunk.clone().list(), vec![closure, list.clone()]);
        let again = Expr::new(Kind::Again { function: name, counter }, Type::Integer.list(), vec![longer]);
        let base = self.call_each(thunk.clone(), list);
        let turns = self.dice.between(1, 4) as u32;
        let children = vec![Expr::leaf(Kind::EmptyList, thunk.list()), base, again];
        let kind = Kind::Loop { name, counter, turns };
        Expr { kind, ty: Type::Integer.list(), names: vec![functions], children }
    }

    fn call_each(&mut self, thunk: Type, list: Expr) -> Expr {
        let function = self.name("x");
        let called = Expr::new(Kind::Call, Type::Integer, vec![self.variable_of(function, thunk.clone())]);
        let caller = Expr {
            kind: Kind::Lambda { rest: false },
            ty: Type::Function(vec![thunk], Box::new(Type::Integer)),
            names: vec![function],
            children: vec![called],
        };
        Expr::primitive("map", Type::Integer.list(), vec![caller, list])
    }

    /// A closure that assigns a variable which its maker reads.
    fn counter_closure(&mut self, depth: usize) -> Expr {
        let (variable, step) = (self.name("x"), self.name("x"));
        let ty = Type::Function(Vec::new(), Box::new(Type::Unit));
        let read = self.variable_of(variable, Type::Integer);
        let sum = Expr::primitive("+", Type::Integer, vec![read.clone(), self.leaf(&Type::Integer)]);
        let set = Expr::new(Kind::Set(variable), Type::Unit, vec![sum]);
        let closure = Expr::new(Kind::Lambda { rest: false }, ty.clone(), vec![set]);
        let call = Expr::new(Kind::Call, Type::Unit, vec![self.variable_of(step, ty)]);
        let body = Expr::new(Kind::Sequence, Type::Integer, vec![call.clone(), call, read]);
        let kind = Kind::Let { sequential: true };
        let first = self.bounded(&Type::Integer, depth);
        Expr { kind, ty: Type::Integer, names: vec![variable, step], children: vec![first, closure, body] }
    }

    fn edge(&mut self) -> Expr {
        Expr::leaf(Kind::Integer(values::fixnum_edge(self.dice)), Type::Integer)
    }

    fn step(&mut self, variable: Expr) -> Expr {
        let down = matches!(self.dice.below(2), 0);
        let by = values::small_integer(self.dice);
        Expr::primitive(if down { "-" } else { "+" }, Type::Integer, vec![variable, by])
    }

    /// A loop variable that starts at the edge of the fixnums and leaves them; the difference comes back.
    fn overflow_in_named_let(&mut self) -> Expr {
        let (name, counter, sum) = (self.name("loop"), self.name("i"), self.name("x"));
        let read = self.variable_of(sum, Type::Integer);
        let next = self.step(read.clone());
        let again = Expr::new(Kind::Again { function: name, counter }, Type::Integer, vec![next]);
        let base = if self.dice.chance(50) {
            let edge = self.edge();
            Expr::primitive("-", Type::Integer, vec![read, edge])
        } else {
            read
        };
        let turns = self.dice.between(2, 9) as u32;
        let kind = Kind::Loop { name, counter, turns };
        let children = vec![self.edge(), base, again];
        Expr { kind, ty: Type::Integer, names: vec![sum], children }
    }

    fn overflow_in_while(&mut self) -> Expr {
        let (counter, sum) = (self.name("i"), self.name("x"));
        let read = self.variable_of(sum, Type::Integer);
        let next = self.step(read.clone());
        let set = Expr::new(Kind::Set(sum), Type::Unit, vec![next]);
        let turns = self.dice.between(2, 9) as u32;
        let body = Expr::new(Kind::While { counter, turns }, Type::Integer, vec![set, read]);
        let children = vec![self.edge(), body];
        Expr { kind: Kind::Let { sequential: false }, ty: Type::Integer, names: vec![sum], children }
    }

    /// An error that leaves three functions, none of them by a tail call, before it is caught.
    fn error_through_frames(&mut self, depth: usize) -> Expr {
        let function = Type::Function(vec![Type::Integer], Box::new(Type::Integer));
        let mut names = Vec::new();
        let mut children = Vec::new();
        for level in 0..4 {
            let (name, parameter) = (self.name("x"), self.name("x"));
            let read = self.variable_of(parameter, Type::Integer);
            let inner = match names.last() {
                None => Expr::new(Kind::Raise("deep".into()), Type::Integer, vec![read]),
                Some(last) => {
                    let callee = self.variable_of(*last, function.clone());
                    Expr::new(Kind::Call, Type::Integer, vec![callee, read])
                }
            };
            let body = Expr::primitive("+", Type::Integer, vec![Expr::integer(level), inner]);
            let kind = Kind::Lambda { rest: false };
            children.push(Expr { kind, ty: function.clone(), names: vec![parameter], children: vec![body] });
            names.push(name);
        }
        let callee = self.variable_of(names[3], function);
        let call = Expr::new(Kind::Call, Type::Integer, vec![callee, self.leaf(&Type::Integer)]);
        let attempt = self.caught(call, depth);
        children.push(attempt);
        Expr { kind: Kind::Let { sequential: true }, ty: Type::Integer, names, children }
    }

    /// `(try body (catch (e) …))`, which looks at the error.
    fn caught(&mut self, body: Expr, depth: usize) -> Expr {
        let error = self.name("e");
        let handler = if self.dice.chance(60) {
            // Not an integer if there are no irritants: nil, for which the other operand stands in.
            let first = Expr::leaf(Kind::Verbatim(format!("(car (error-irritants {error}))")), Type::Integer);
            let length = Expr::leaf(Kind::Verbatim(format!("(length (error-irritants {error}))")), Type::Integer);
            if self.dice.chance(50) {
                length
            } else {
                let is_number = Expr::leaf(Kind::Verbatim(format!("(= 'user (error-kind {error}))")), Type::Boolean);
                Expr::primitive("if", Type::Integer, vec![is_number, first, length])
            }
        } else {
            self.expression(&Type::Integer, depth)
        };
        let kind = Kind::Try { handler: Some(error), finally: false };
        Expr::new(kind, Type::Integer, vec![body, handler])
    }

    fn raise(&mut self, message: &str) -> Expr {
        let irritants = vec![self.leaf(&Type::Integer), Expr::integer(7)];
        Expr::new(Kind::Raise(message.into()), Type::Integer, irritants)
    }

    fn error_in_handler(&mut self, depth: usize) -> Expr {
        let kind = Kind::Try { handler: Some(self.name("e")), finally: self.dice.chance(30) };
        let mut children = vec![self.raise("first"), self.raise("in handler")];
        if matches!(kind, Kind::Try { finally: true, .. }) {
            children.push(self.statement(depth).unwrap_or_else(|| Expr::least(&Type::Unit)));
        }
        let inner = Expr::new(kind, Type::Integer, children);
        self.caught(inner, depth)
    }

    fn error_in_final_part(&mut self, depth: usize) -> Expr {
        let first = if self.dice.chance(50) { self.raise("first") } else { self.leaf(&Type::Integer) };
        let mut last = self.raise("in final part");
        last.ty = Type::Unit;
        let kind = Kind::Try { handler: None, finally: true };
        let inner = Expr::new(kind, Type::Integer, vec![first, last]);
        self.caught(inner, depth)
    }
}
