//! Expressions that belong to one type: its primitives.

use super::swarm::Feature;
use super::syntax::{Expr, Kind, Type};
use super::typed::Generator;
use super::values;

impl Generator<'_> {
    /// An expression made of a primitive that gives this type.
    pub fn own(&mut self, ty: &Type, depth: usize) -> Expr {
        match ty {
            Type::Integer => self.integer(depth),
            Type::Double => self.double(depth),
            Type::Boolean => self.boolean(depth),
            Type::Text => self.text(depth),
            Type::Symbol => self.leaf(ty),
            Type::List(element) => self.list(ty, element, depth),
            Type::Array(element) => {
                let list = self.list_of(&Type::List(element.clone()), element, depth);
                Expr::primitive("list->array", ty.clone(), vec![list])
            }
            Type::Function(parameters, result) => {
                let same = |known: &&super::typed::Known| {
                    known.parameters == *parameters
                        && known.result == **result
                        && !known.rest
                        && known.recursion.is_none()
                        && known.environment.is_none()
                        && known.cost <= super::typed::VALUE_COST
                };
                let fitting: Vec<_> = self.functions.iter().filter(same).map(|known| known.name).collect();
                if !fitting.is_empty() && !self.template && self.dice.chance(50) {
                    return Expr::leaf(Kind::Variable(*self.dice.pick(&fitting)), ty.clone());
                }
                self.lambda(ty, depth)
            }
            Type::Unit => Expr::least(ty),
        }
    }

    fn several(&mut self, ty: &Type, depth: usize) -> Vec<Expr> {
        let count = *self.dice.pick(&[1, 2, 2, 2, 2, 2, 3, 4]);
        (0..count).map(|_| self.expression(ty, depth)).collect()
    }

    fn two(&mut self, ty: &Type, depth: usize) -> Vec<Expr> {
        vec![self.expression(ty, depth), self.expression(ty, depth)]
    }

    fn integer(&mut self, depth: usize) -> Expr {
        let ty = Type::Integer;
        let when = |feature, weight| if self.swarm.has(feature) { weight } else { 0 };
        let choices = [
            (40, 0),
            (9, 1),
            (12, 2),
            (10, 3),
            (8, 4),
            (8, 5),
            (3, 6),
            (when(Feature::Text, 5), 7),
            (when(Feature::Lists, 9), 8),
            (when(Feature::Arrays, 10), 9),
            (3, 10),
        ];
        let (operator, operands) = match self.dice.weighted(&choices) {
            0 => (*self.dice.pick(&["+", "-", "+", "-"]), self.several(&ty, depth)),
            1 => ("*", self.two(&ty, depth)),
            2 => {
                let operator = *self.dice.pick(&["quotient", "remainder", "modulo", "/", "%"]);
                (operator, vec![self.expression(&ty, depth), self.divisor(depth)])
            }
            3 => (*self.dice.pick(&["&", "|", "^"]), self.two(&ty, depth)),
            4 => {
                let count = Expr::integer(*self.dice.pick(&[0, 1, 2, 3, 4, 31, 32, 58, 59, 60, 61, 63, 64, 65]));
                (*self.dice.pick(&["<<", ">>", ">>"]), vec![self.expression(&ty, depth), count])
            }
            5 => match self.dice.below(5) {
                0 => ("abs", vec![self.expression(&ty, depth)]),
                1 => ("~", vec![self.expression(&ty, depth)]),
                2 => ("gcd", self.two(&ty, depth)),
                _ => (*self.dice.pick(&["min", "max"]), self.two(&ty, depth)),
            },
            6 => {
                let base = Expr::integer(self.dice.between(0, 9) as i64 - 4);
                ("expt", vec![base, Expr::integer(self.dice.below(17) as i64)])
            }
            7 => return self.integer_of_text(depth),
            8 => return self.integer_of_list(depth),
            9 => return self.integer_of_array(depth),
            _ => (*self.dice.pick(&["and", "or"]), self.two(&ty, depth)),
        };
        Expr::primitive(operator, ty, operands)
    }

    /// An integer that is not 0.
    fn divisor(&mut self, depth: usize) -> Expr {
        if self.dice.chance(50) {
            return values::small_integer(self.dice);
        }
        if self.dice.chance(40) {
            let literal = values::integer(self.dice);
            let zero = matches!(&literal.kind, Kind::Integer(text) if text == "0");
            return if zero { Expr::integer(-1) } else { literal };
        }
        let any = self.expression(&Type::Integer, depth.min(1));
        Expr::primitive("|", Type::Integer, vec![any, Expr::integer(1)])
    }

    fn integer_of_text(&mut self, depth: usize) -> Expr {
        let text = self.expression(&Type::Text, depth);
        if self.dice.chance(50) {
            return Expr::primitive("string-length", Type::Integer, vec![text]);
        }
        let index = self.leaf(&Type::Integer);
        let character = Expr::primitive("string-at", Type::Integer, vec![text, index]);
        let otherwise = self.leaf(&Type::Integer);
        Expr::primitive("or", Type::Integer, vec![character, otherwise])
    }

    fn integer_of_list(&mut self, depth: usize) -> Expr {
        let list = self.expression(&Type::Integer.list(), depth);
        match self.dice.below(4) {
            0 => Expr::primitive("length", Type::Integer, vec![list]),
            1 => {
                let operator = Expr::leaf(Kind::Verbatim("+".into()), Type::Unit);
                Expr::primitive("apply", Type::Integer, vec![operator, list])
            }
            _ => {
                let first = Expr::primitive("car", Type::Integer, vec![list]);
                let otherwise = self.expression(&Type::Integer, depth.min(1));
                Expr::primitive("or", Type::Integer, vec![first, otherwise])
            }
        }
    }

    fn integer_of_array(&mut self, depth: usize) -> Expr {
        let array = self.expression(&Type::Integer.array(), depth.min(2));
        if self.dice.chance(20) {
            return Expr::primitive("array-length", Type::Integer, vec![array]);
        }
        // Any index will do: outside the bounds there is nil.
        let index = self.expression(&Type::Integer, depth.min(1));
        let element = Expr::primitive("array-at", Type::Integer, vec![array, index]);
        let otherwise = self.leaf(&Type::Integer);
        Expr::primitive("or", Type::Integer, vec![element, otherwise])
    }

    fn double(&mut self, depth: usize) -> Expr {
        let ty = Type::Double;
        match self.dice.below(100) {
            0..60 => {
                let operands = self.several(&ty, depth);
                let operators: &[&'static str] =
                    if operands.len() == 1 { &["-", "+", "*", "/"] } else { &["+", "-", "*", "/"] };
                Expr::primitive(self.dice.one_of(operators), ty, operands)
            }
            60..80 => {
                let mut operands = vec![self.expression(&ty, depth), self.expression(&Type::Integer, depth)];
                if self.dice.chance(50) {
                    operands.reverse();
                }
                Expr::primitive(self.dice.one_of(&["+", "-", "*"]), ty, operands)
            }
            80..90 => Expr::primitive(self.dice.one_of(&["min", "max"]), ty.clone(), self.two(&ty, depth)),
            90..95 => {
                let operand = self.expression(&ty, depth);
                Expr::primitive(self.dice.one_of(&["abs", "sqrt"]), ty, vec![operand])
            }
            _ => {
                let operand = self.expression(&Type::Integer, depth);
                Expr::primitive("exact->inexact", ty, vec![operand])
            }
        }
    }

    fn boolean(&mut self, depth: usize) -> Expr {
        let ty = Type::Boolean;
        let doubles = self.swarm.has(Feature::Doubles);
        let comparison = *self.dice.pick(&["<", "<=", ">", ">=", "=", "!="]);
        match self.dice.below(100) {
            0..45 => Expr::primitive(comparison, ty, self.two(&Type::Integer, depth)),
            45..60 if doubles => Expr::primitive(comparison, ty, self.two(&Type::Double, depth)),
            60..68 if doubles => {
                let operands = vec![self.expression(&Type::Integer, depth), self.expression(&Type::Double, depth)];
                Expr::primitive(comparison, ty, operands)
            }
            68..76 => Expr::primitive("not", ty.clone(), vec![self.expression(&ty, depth)]),
            76..86 => {
                let operands = self.several(&ty, depth);
                Expr::primitive(self.dice.one_of(&["and", "or"]), ty, operands)
            }
            86..92 => {
                let of = self.data_type();
                let test = *self.dice.pick(&["pair?", "string?", "symbol?", "array?", "null?", "double?", "long?"]);
                let operand = self.expression(&of, depth);
                Expr::primitive(test, ty, vec![operand])
            }
            _ => {
                let of = self.data_type();
                let operands = self.two(&of, depth.min(2));
                let equality = if matches!(of, Type::Integer | Type::Text | Type::Symbol) { "=" } else { "equal" };
                Expr::primitive(equality, ty, operands)
            }
        }
    }

    fn text(&mut self, depth: usize) -> Expr {
        match self.dice.below(10) {
            0..5 => {
                let count = self.dice.between(1, 3);
                let parts = (0..count).map(|_| self.expression(&Type::Text, depth)).collect();
                Expr::primitive("concat-string", Type::Text, parts)
            }
            5..8 => {
                let number = self.expression(&Type::Integer, depth);
                // The number may be long: what it is written as stays short.
                let number = Expr::primitive("remainder", Type::Integer, vec![number, Expr::integer(100_000)]);
                Expr::primitive("long->string", Type::Text, vec![number])
            }
            _ => {
                let symbol = self.leaf(&Type::Symbol);
                Expr::primitive("symbol->string", Type::Text, vec![symbol])
            }
        }
    }

    fn list(&mut self, ty: &Type, element: &Type, depth: usize) -> Expr {
        match self.dice.below(10) {
            0..3 => self.list_of(ty, element, depth),
            3..6 => {
                let first = self.bounded(element, depth);
                let rest = self.expression(ty, depth);
                Expr::primitive("cons", ty.clone(), vec![first, rest])
            }
            6 => Expr::primitive("cdr", ty.clone(), vec![self.expression(ty, depth)]),
            7 => Expr::primitive("reverse", ty.clone(), vec![self.expression(ty, depth)]),
            8 if !self.template && self.affords(20 * super::typed::VALUE_COST) => {
                self.charge(20 * super::typed::VALUE_COST);
                let from = self.data_type();
                let function = Type::Function(vec![from.clone()], Box::new(element.clone()));
                let function = self.expression(&function, depth);
                // Not longer than what was paid for.
                let list = self.list_of(&from.clone().list(), &from, depth.min(1));
                Expr::primitive("map", ty.clone(), vec![function, list])
            }
            _ => {
                let parts = self.two(ty, depth);
                Expr::primitive("append", ty.clone(), parts)
            }
        }
    }
}
