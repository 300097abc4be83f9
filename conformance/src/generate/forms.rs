//! Expressions of all types: conditionals, variables, calls, loops, handlers.

use super::swarm::Feature;
use super::syntax::{Expr, Kind, Local, Name, Type};
use super::typed::{Generator, Known, KnownMacro, Turn, Variable, VALUE_COST};

impl Generator<'_> {
    pub(super) fn conditional(&mut self, ty: &Type, depth: usize) -> Expr {
        let test = self.expression(&Type::Boolean, depth.min(2));
        let yes = self.expression(ty, depth);
        let no = self.expression(ty, depth);
        Expr::primitive("if", ty.clone(), vec![test, yes, no])
    }

    /// `let` or `let*`.
    pub(super) fn bind(&mut self, ty: &Type, depth: usize) -> Expr {
        let sequential = self.has(Feature::SequentialLet) && self.dice.chance(40);
        let count = *self.dice.pick(&[1, 1, 2, 2, 3]);
        let before = self.scope.len();
        let mut names = Vec::new();
        let mut children = Vec::new();
        let mut variables = Vec::new();
        for _ in 0..count {
            let of = self.variable_type();
            let assignable = self.has(Feature::Assignment) && self.dice.chance(50) && of.is_data() && !self.template;
            let value = self.bounded(&of, depth);
            let name = self.name("x");
            if !assignable {
                self.sizes.insert(name, self.size(&value));
            }
            let variable = Variable { name, ty: of, assignable };
            if sequential {
                self.scope.push(variable);
            } else {
                variables.push(variable);
            }
            names.push(name);
            children.push(value);
        }
        self.scope.extend(variables);
        children.push(self.expression(ty, depth));
        self.scope.truncate(before);
        Expr { kind: Kind::Let { sequential }, ty: ty.clone(), names, children }
    }

    pub(super) fn variable_type(&mut self) -> Type {
        if self.has(Feature::Closures) && !self.template && self.dice.chance(20) {
            self.function_type()
        } else {
            self.data_type()
        }
    }

    /// Statements, then a value.
    pub(super) fn sequence(&mut self, ty: &Type, depth: usize) -> Expr {
        let count = self.dice.between(1, 2);
        let mut children: Vec<Expr> = (0..count).filter_map(|_| self.statement(depth)).collect();
        children.push(self.expression(ty, depth));
        Expr::new(Kind::Sequence, ty.clone(), children)
    }

    /// Something done for its effect.
    pub fn statement(&mut self, depth: usize) -> Option<Expr> {
        self.charge(1);
        let assignable: Vec<Variable> = self.scope.iter().filter(|v| v.assignable).cloned().collect();
        let arrays: Vec<Variable> = self.scope.iter().filter(|v| matches!(v.ty, Type::Array(_))).cloned().collect();
        let when = |condition: bool, weight| if condition { weight } else { 0 };
        let choices = [
            (when(!assignable.is_empty(), 10), 1),
            (when(!arrays.is_empty(), 8), 2),
            (when(self.has(Feature::Printing), 3), 3),
            (when(!assignable.is_empty() && depth > 0, 2), 4),
        ];
        if choices.iter().all(|(weight, _)| *weight == 0) {
            return None;
        }
        Some(match self.dice.weighted(&choices) {
            1 => {
                let variable = self.dice.pick(&assignable).clone();
                let value = self.bounded(&variable.ty, depth);
                Expr::new(Kind::Set(variable.name), Type::Unit, vec![value])
            }
            2 => {
                let variable = self.dice.pick(&arrays).clone();
                self.array_statement(variable, depth)
            }
            4 => {
                let test = self.expression(&Type::Boolean, depth.min(2));
                let then = self.statement(depth - 1)?;
                Expr::primitive(if self.dice.chance(50) { "when" } else { "unless" }, Type::Unit, vec![test, then])
            }
            _ => {
                let ty = self.data_type();
                let value = self.bounded(&ty, depth.min(1));
                Expr::primitive(if self.dice.chance(50) { "dumpln" } else { "print" }, Type::Unit, vec![value])
            }
        })
    }

    pub(super) fn array_statement(&mut self, array: Variable, depth: usize) -> Expr {
        let Type::Array(element) = &array.ty else { unreachable!("an array variable") };
        let value = self.bounded(element, depth);
        let place = Expr::leaf(Kind::Variable(array.name), array.ty.clone());
        if self.dice.chance(25) {
            return Expr::primitive("array-append", Type::Unit, vec![place, value]);
        }
        let index = self.index(depth.min(1));
        Expr::primitive("set-array-at", Type::Unit, vec![place, index, value])
    }

    /// An index that is neither negative nor large.
    pub(super) fn index(&mut self, depth: usize) -> Expr {
        if self.dice.chance(60) {
            return Expr::integer(self.dice.below(8) as i64);
        }
        let value = self.expression(&Type::Integer, depth);
        Expr::primitive("modulo", Type::Integer, vec![value, Expr::integer(8)])
    }

    /// A closure.
    pub fn lambda(&mut self, ty: &Type, depth: usize) -> Expr {
        let Type::Function(parameters, result) = ty else { unreachable!("a function type") };
        let names: Vec<Name> = parameters.iter().map(|_| self.name("x")).collect();
        let variables = self.parameters(&names, parameters);
        let risky = std::mem::take(&mut self.risky);
        let (body, _) = self.measured(VALUE_COST, |this| {
            this.scoped(variables, |this| {
                let body = this.expression(result, depth);
                this.cut(body, true)
            })
        });
        self.risky = risky;
        Expr { kind: Kind::Lambda { rest: false }, ty: ty.clone(), names, children: vec![body] }
    }

    /// Parameters as variables; some of them may be assigned.
    pub fn parameters(&mut self, names: &[Name], types: &[Type]) -> Vec<Variable> {
        let assignment = self.has(Feature::Assignment) && !self.template;
        names
            .iter()
            .zip(types)
            .map(|(name, ty)| {
                let assignable = assignment && ty.is_data() && self.dice.chance(30);
                Variable { name: *name, ty: ty.clone(), assignable }
            })
            .collect()
    }

    pub(super) fn arguments(&mut self, types: &[Type], depth: usize) -> Vec<Expr> {
        types.iter().map(|ty| self.bounded(ty, depth)).collect()
    }

    pub(super) fn call_variable(&mut self, ty: &Type, depth: usize) -> Option<Expr> {
        let gives = |v: &&Variable| matches!(&v.ty, Type::Function(_, result) if **result == *ty);
        let fitting: Vec<Variable> = self.scope.iter().filter(gives).cloned().collect();
        if fitting.is_empty() || !self.affords(VALUE_COST) {
            return None;
        }
        let function = self.dice.pick(&fitting).clone();
        self.charge(VALUE_COST);
        let Type::Function(parameters, _) = &function.ty else { return None };
        let mut children = vec![Expr::leaf(Kind::Variable(function.name), function.ty.clone())];
        children.extend(self.arguments(parameters, depth));
        Some(Expr::new(Kind::Call, ty.clone(), children))
    }

    /// A call of a global function with this result.
    pub fn call_global(&mut self, ty: &Type, depth: usize) -> Option<Expr> {
        let fitting: Vec<Known> = self.functions.iter().filter(|known| known.result == *ty).cloned().collect();
        if fitting.is_empty() {
            return None;
        }
        let known = self.dice.pick(&fitting).clone();
        self.call_known(&known, depth)
    }

    /// A call of this function, if the budget allows it.
    pub fn call_known(&mut self, known: &Known, depth: usize) -> Option<Expr> {
        let turns = match known.recursion {
            None => 0,
            Some(sites) => self.fuel(known.cost, sites)?,
        };
        let cost = if known.recursion.is_some() { 0 } else { known.cost };
        if !self.affords(cost) {
            return None;
        }
        self.charge(cost);
        let mut arguments = self.arguments(&known.parameters, depth);
        if known.rest {
            for _ in 0..self.dice.below(5) {
                arguments.push(self.bounded(&Type::Integer, depth.min(1)));
            }
        }
        let result = known.result.clone();
        if let (Some(environment), None) = (known.environment, known.recursion) {
            return Some(Expr::new(Kind::Nested { environment, function: known.name }, result, arguments));
        }
        if known.recursion.is_some() {
            return Some(Expr::new(Kind::Start { function: known.name, turns }, result, arguments));
        }
        let ty = Type::Function(known.parameters.clone(), Box::new(result.clone()));
        arguments.insert(0, Expr::leaf(Kind::Variable(known.name), ty));
        Some(Expr::new(Kind::Call, result, arguments))
    }

    /// How many turns the budget allows; charges for them.
    pub(super) fn fuel(&mut self, cost: u64, sites: u32) -> Option<u32> {
        let wanted = match sites {
            0 | 1 => *self.dice.pick(&[0, 1, 2, 3, 5, 9, 30, 120, 400]),
            _ => *self.dice.pick(&[0, 1, 3, 5, 7]),
        };
        for turns in [wanted, 5, 2, 1] {
            let calls = match sites {
                0 | 1 => u64::from(turns) + 1,
                sites => u64::from(sites).saturating_pow(turns + 1),
            };
            if turns <= wanted && self.affords(calls.saturating_mul(cost + 2)) {
                self.charge(calls.saturating_mul(cost + 2));
                return Some(turns);
            }
        }
        None
    }

    pub(super) fn call_lambda(&mut self, ty: &Type, depth: usize) -> Expr {
        let count = self.dice.below(4);
        let parameters: Vec<Type> = (0..count).map(|_| self.data_type()).collect();
        let rest = self.has(Feature::Rest) && self.dice.chance(30);
        let mut names: Vec<Name> = parameters.iter().map(|_| self.name("x")).collect();
        let mut variables = self.parameters(&names, &parameters);
        if rest {
            let name = self.name("x");
            names.push(name);
            variables.push(Variable { name, ty: Type::Integer.list(), assignable: false });
        }
        let mut arguments = self.arguments(&parameters, depth.min(2));
        if rest {
            arguments.extend((0..self.dice.below(4)).map(|_| self.leaf(&Type::Integer)).collect::<Vec<_>>());
        }
        let body = self.scoped(variables, |this| this.expression(ty, depth));
        let function = Type::Function(parameters, Box::new(ty.clone()));
        let lambda = Expr { kind: Kind::Lambda { rest }, ty: function, names, children: vec![body] };
        arguments.insert(0, lambda);
        Expr::new(Kind::Call, ty.clone(), arguments)
    }

    /// A number of turns that the budget allows for bodies that are not trivial.
    pub(super) fn turns(&mut self) -> Option<u32> {
        let wanted = *self.dice.pick(&[0, 1, 2, 3, 5, 8, 20, 130, 300]);
        [wanted, 6, 3, 1].into_iter().find(|turns| *turns <= wanted && self.affords(u64::from(*turns) * 12))
    }

    pub(super) fn named_let(&mut self, ty: &Type, depth: usize) -> Option<Expr> {
        let turns = self.turns()?;
        let (name, counter) = (self.name("loop"), self.name("i"));
        let types: Vec<Type> = (0..self.dice.below(4)).map(|_| self.data_type()).collect();
        let names: Vec<Name> = types.iter().map(|_| self.name("x")).collect();
        let mut children = self.arguments(&types, depth.min(2));
        let mut variables = self.parameters(&names, &types);
        let base = self.scoped(variables.clone(), |this| this.bounded(ty, depth));
        variables.push(Variable { name: counter, ty: Type::Integer, assignable: false });
        let turn = Turn { function: name, counter, parameters: types, result: ty.clone() };
        let body = self
            .repeated(u64::from(turns), |this| this.scoped(variables, |this| this.turn_body(ty, depth, &[turn], 1).0));
        children.extend([base, body]);
        Some(Expr { kind: Kind::Loop { name, counter, turns }, ty: ty.clone(), names, children })
    }

    /// The body of a loop or of a function with fuel, which goes on by one of `turns`; and how often it does.
    pub fn turn_body(&mut self, ty: &Type, depth: usize, turns: &[Turn], most: u32) -> (Expr, u32) {
        let tail = self.has(Feature::TailCalls) || !self.has(Feature::Recursion);
        if tail && self.dice.chance(65) {
            return (self.tail_body(ty, depth, turns), 1);
        }
        (self.recursive_body(ty, depth, turns, most), most)
    }

    pub(super) fn again(&mut self, turns: &[Turn], depth: usize) -> Expr {
        let turn = self.dice.pick(turns).clone();
        let arguments = self.arguments(&turn.parameters, depth.min(2));
        Expr::new(Kind::Again { function: turn.function, counter: turn.counter }, turn.result, arguments)
    }

    /// A body whose next turn is in tail position.
    pub(super) fn tail_body(&mut self, ty: &Type, depth: usize, turns: &[Turn]) -> Expr {
        self.charge(1);
        let choice = self.dice.below(100);
        if depth == 0 || choice < 40 {
            return self.again(turns, depth + 1);
        }
        let depth = depth - 1;
        match choice {
            40..65 => {
                let test = self.expression(&Type::Boolean, depth.min(2));
                let mut parts = vec![self.tail_body(ty, depth, turns), self.tail_body(ty, depth, turns)];
                if self.dice.chance(40) {
                    let at = self.dice.below(2);
                    parts[at] = self.bounded(ty, depth);
                }
                parts.insert(0, test);
                Expr::primitive("if", ty.clone(), parts)
            }
            65..80 => {
                let mut children: Vec<Expr> = self.statement(depth).into_iter().collect();
                children.push(self.tail_body(ty, depth, turns));
                Expr::new(Kind::Sequence, ty.clone(), children)
            }
            _ => {
                let of = self.variable_type();
                let value = self.bounded(&of, depth);
                let name = self.name("x");
                let variable = Variable { name, ty: of, assignable: false };
                let body = self.scoped(vec![variable], |this| this.tail_body(ty, depth, turns));
                Expr {
                    kind: Kind::Let { sequential: false },
                    ty: ty.clone(),
                    names: vec![name],
                    children: vec![value, body],
                }
            }
        }
    }

    /// A body that computes with the answers of at most `most` next turns.
    pub(super) fn recursive_body(&mut self, ty: &Type, depth: usize, turns: &[Turn], most: u32) -> Expr {
        if most == 1 && self.dice.chance(50) && matches!(ty, Type::Integer | Type::Double | Type::List(_)) {
            // The answer is an operand, without a variable.
            let again = self.again(turns, depth);
            return self.combine(ty, again, depth);
        }
        let mut names = Vec::new();
        let mut children = Vec::new();
        let mut variables = Vec::new();
        for _ in 0..most {
            let name = self.name("x");
            children.push(self.again(turns, depth));
            variables.push(Variable { name, ty: ty.clone(), assignable: false });
            names.push(name);
        }
        let body = self.scoped(variables, |this| this.expression(ty, depth));
        children.push(self.cut(body, false));
        Expr { kind: Kind::Let { sequential: false }, ty: ty.clone(), names, children }
    }

    /// A value computed from another one of the type.
    pub(super) fn combine(&mut self, ty: &Type, value: Expr, depth: usize) -> Expr {
        let operator = match ty {
            Type::List(element) => {
                let first = self.bounded(element, depth.min(2));
                return Expr::primitive("cons", ty.clone(), vec![first, value]);
            }
            Type::Double => *self.dice.pick(&["+", "-", "*"]),
            _ => *self.dice.pick(&["+", "-", "max", "&"]),
        };
        let other = self.bounded(ty, depth.min(2));
        let mut operands = vec![value, other];
        if self.dice.chance(50) {
            operands.reverse();
        }
        Expr::primitive(operator, ty.clone(), operands)
    }

    pub(super) fn while_loop(&mut self, ty: &Type, depth: usize) -> Option<Expr> {
        let turns = self.turns()?;
        let counter = self.name("i");
        // The loop's results go out through a variable.
        let result = self.name("x");
        let of = self.data_type();
        let first = self.bounded(&of, depth.min(1));
        let variables = vec![
            Variable { name: result, ty: of, assignable: true },
            Variable { name: counter, ty: Type::Integer, assignable: false },
        ];
        let body = self.scoped(variables, |this| {
            let count = this.dice.between(1, 3);
            let mut children = this.repeated(u64::from(turns), |this| {
                (0..count).filter_map(|_| this.statement(depth.max(1))).collect::<Vec<_>>()
            });
            children.push(this.expression(ty, depth));
            Expr::new(Kind::While { counter, turns }, ty.clone(), children)
        });
        let children = vec![first, body];
        Some(Expr { kind: Kind::Let { sequential: false }, ty: ty.clone(), names: vec![result], children })
    }

    pub(super) fn letrec(&mut self, ty: &Type, depth: usize) -> Option<Expr> {
        let count = self.dice.between(1, 2);
        let plan: Vec<(Local, Vec<Name>, Vec<Type>)> = (0..count)
            .map(|_| {
                let types: Vec<Type> = (0..self.dice.below(4)).map(|_| self.data_type()).collect();
                let names: Vec<Name> = types.iter().map(|_| self.name("x")).collect();
                (Local { name: self.name("f"), fuel: self.name("i"), parameters: names.len() }, names, types)
            })
            .collect();
        let turns = self.turns()?;
        let mut children = Vec::new();
        for (own, names, types) in &plan {
            let next: Vec<Turn> = plan
                .iter()
                .map(|(other, _, types)| Turn {
                    function: other.name,
                    counter: own.fuel,
                    parameters: types.clone(),
                    result: ty.clone(),
                })
                .collect();
            let mut variables = self.parameters(names, types);
            children.push(self.scoped(variables.clone(), |this| this.bounded(ty, depth.min(1))));
            variables.push(Variable { name: own.fuel, ty: Type::Integer, assignable: false });
            children.push(self.repeated(u64::from(turns), |this| {
                this.scoped(variables, |this| this.turn_body(ty, depth, &next, 1).0)
            }));
        }
        let (start, _, types) = &plan[self.dice.below(plan.len())];
        let arguments = self.arguments(types, depth.min(2));
        children.push(Expr::new(Kind::Start { function: start.name, turns }, ty.clone(), arguments));
        let names = plan.iter().flat_map(|(_, names, _)| names.clone()).collect();
        let locals = plan.iter().map(|(local, ..)| local.clone()).collect();
        Some(Expr { kind: Kind::Letrec(locals), ty: ty.clone(), names, children })
    }

    pub(super) fn attempt(&mut self, ty: &Type, depth: usize) -> Expr {
        let shape = self.dice.below(10);
        let finally = shape >= 6;
        let handler = (shape < 9).then(|| self.name("e"));
        let risky = self.risky;
        self.risky |= handler.is_some();
        let mut children = vec![self.expression(ty, depth)];
        self.risky = risky;
        if handler.is_some() {
            children.push(self.expression(ty, depth));
        }
        if finally {
            let statement = self.statement(depth).unwrap_or_else(|| Expr::least(&Type::Unit));
            children.push(statement);
        }
        Expr::new(Kind::Try { handler, finally }, ty.clone(), children)
    }

    /// Something that fails, or may fail.
    pub(super) fn risk(&mut self, ty: &Type, depth: usize) -> Expr {
        let choice = self.dice.below(5);
        if *ty == Type::Integer && choice < 3 {
            let operator = *self.dice.pick(&["quotient", "remainder", "modulo", "/", "%"]);
            let left = self.expression(ty, depth.min(2));
            let right = if self.dice.chance(40) { Expr::integer(0) } else { self.expression(ty, depth.min(2)) };
            return Expr::primitive(operator, ty.clone(), vec![left, right]);
        }
        if choice == 3 {
            let event =
                *self.dice.pick(&["(+ 1 'a)", "no-such-variable", "((lambda (x) x))", "(5 6)", "(string-length 9)"]);
            return Expr::leaf(Kind::Verbatim(event.into()), ty.clone());
        }
        let of = self.data_type();
        let irritants = vec![self.bounded(&of, depth.min(1))];
        Expr::new(Kind::Raise("wrong".into()), ty.clone(), irritants)
    }

    pub(super) fn use_macro(&mut self, ty: &Type, depth: usize) -> Option<Expr> {
        let fitting: Vec<KnownMacro> = self.macros.iter().filter(|known| known.result == *ty).cloned().collect();
        if fitting.is_empty() || !self.affords(20) {
            return None;
        }
        let known = self.dice.pick(&fitting).clone();
        self.charge(10);
        let arguments = self
            .repeated(known.copies, |this| known.parameters.iter().map(|ty| this.bounded(ty, depth.min(1))).collect());
        Some(Expr::new(Kind::Macro(known.name), ty.clone(), arguments))
    }

    pub(super) fn apply(&mut self, ty: &Type, depth: usize) -> Option<Expr> {
        let mut call = self.call_global(ty, depth).filter(|call| call.kind == Kind::Call)?;
        let written = self.dice.below(call.children.len());
        call.kind = Kind::Apply { written };
        Some(call)
    }
}
