//! Evaluation: a walk over the forms as they were read, with nothing prepared.

use crate::environment::Environment;
use crate::forms;
use crate::primitives;
use crate::value::{Fault, Function, Generic, Pair, Place, Symbol, Value};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

/// How many forms may be evaluated: the model has no opinion on programs that do more.
const MOST_STEPS: u64 = 1_500_000;
/// How deep evaluation may nest.
const DEEPEST: u32 = 20_000;
/// How much a program may print.
const MOST_OUTPUT: usize = 1_000_000;

/// Why evaluation ends early.
#[derive(Debug)]
pub enum Stop {
    /// A value was raised.
    Raised(Value),
    /// The program asked to end with this status.
    Exit(i64),
    /// Something that the model knows nothing about.
    NoOpinion(String),
}

pub type Outcome = Result<Value, Stop>;

/// No opinion, and why.
pub fn unknown<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::NoOpinion(what.into()))
}

/// Variables of a function, a `let` or a loop, inside of others.
#[derive(Debug)]
pub struct Scope {
    pub variables: RefCell<Vec<(Symbol, Value)>>,
    pub parent: Option<Rc<Scope>>,
}

/// Where a form is evaluated.
#[derive(Clone, Debug)]
pub struct Here {
    pub scope: Option<Rc<Scope>>,
    pub environment: Rc<Environment>,
}

impl Here {
    /// The same with more variables.
    pub fn with(&self, variables: Vec<(Symbol, Value)>) -> Here {
        let scope = Scope { variables: RefCell::new(variables), parent: self.scope.clone() };
        Here { scope: Some(Rc::new(scope)), environment: self.environment.clone() }
    }

    /// The value of a lexical variable.
    pub fn lexical(&self, name: &str) -> Option<Value> {
        let mut scope = self.scope.as_ref();
        while let Some(inner) = scope {
            let variables = inner.variables.borrow();
            if let Some((_, value)) = variables.iter().rev().find(|(known, _)| **known == *name) {
                return Some(value.clone());
            }
            scope = inner.parent.as_ref();
        }
        None
    }

    /// Set a lexical variable; false if there is none of that name.
    pub fn assign(&self, name: &str, value: &Value) -> bool {
        let mut scope = self.scope.as_ref();
        while let Some(inner) = scope {
            let mut variables = inner.variables.borrow_mut();
            if let Some((_, place)) = variables.iter_mut().rev().find(|(known, _)| **known == *name) {
                *place = value.clone();
                return true;
            }
            drop(variables);
            scope = inner.parent.as_ref();
        }
        false
    }
}

/// What comes of one step: a value, or a form that stands for it in tail position.
pub enum Step {
    Value(Value),
    Tail(Value, Place, Here),
}

/// The state of a program.
pub struct Machine<'a> {
    /// Whether Maru binds a name, known to the model or not.
    pub is_bound: &'a dyn Fn(&str) -> bool,
    pub text: &'a str,
    pub global: Rc<Environment>,
    pub here: Here,
    /// What was printed; inner captures last.
    pub output: Vec<String>,
    /// All functions and environments made, to take circles apart in the end.
    functions: Vec<Weak<Function>>,
    environments: Vec<Weak<Environment>>,
    steps: u64,
    depth: u32,
}

impl Machine<'_> {
    pub fn new<'a>(text: &'a str, is_bound: &'a dyn Fn(&str) -> bool) -> Machine<'a> {
        let global = Environment::inside(None);
        primitives::define(&global);
        let environment = Environment::inside(Some(global.clone()));
        let own = Value::Environment(environment.clone());
        let defined = environment.define(&Rc::from("*program-environment*"), own, false);
        let _ = defined
            .and_then(|()| global.define(&Rc::from("*global-environment*"), Value::Environment(global.clone()), false));
        let environments = vec![Rc::downgrade(&global), Rc::downgrade(&environment)];
        let here = Here { scope: None, environment };
        let (functions, output) = (Vec::new(), vec![String::new()]);
        Machine { is_bound, text, global, here, output, functions, environments, steps: 0, depth: 0 }
    }

    /// Count work.
    pub fn spend(&mut self, steps: usize) -> Result<(), Stop> {
        self.steps += steps as u64;
        match self.steps > MOST_STEPS {
            true => unknown("it takes long"),
            false => Ok(()),
        }
    }

    /// An error of this kind.
    pub fn raise<T>(&self, kind: &'static str, irritants: Vec<Value>, place: Place) -> Result<T, Stop> {
        let irritants = Some(Value::list(irritants));
        Err(Stop::Raised(Value::Error(Rc::new(Fault { kind, message: None, irritants, place: Cell::new(place) }))))
    }

    pub fn make_environment(&mut self, parent: Option<Rc<Environment>>) -> Value {
        let environment = Environment::inside(parent);
        self.environments.push(Rc::downgrade(&environment));
        Value::Environment(environment)
    }

    /// A function of `(parameters body…)`.
    pub fn function(&mut self, parameters: &Value, body: Value, here: &Here) -> Result<Rc<Function>, Stop> {
        let (names, rest) = parameters.elements();
        let names: Option<Vec<Symbol>> = names.iter().map(|name| name.as_symbol().cloned()).collect();
        let Some(names) = names else { return unknown("parameters that are no symbols") };
        let rest = match rest {
            Value::Nil => None,
            Value::Symbol(name) => Some(name),
            _ => return unknown("parameters that are no symbols"),
        };
        let function = Rc::new(Function {
            name: RefCell::default(),
            parameters: names,
            rest,
            body,
            scope: RefCell::new(here.scope.clone()),
            environment: here.environment.clone(),
        });
        self.functions.push(Rc::downgrade(&function));
        Ok(function)
    }

    /// Evaluate a form.
    pub fn evaluate(&mut self, form: &Value, place: Place, here: &Here) -> Outcome {
        self.depth += 1;
        if self.depth > DEEPEST {
            return unknown("it nests deep");
        }
        let (mut form, mut place, mut here) = (form.clone(), place, here.clone());
        let outcome = loop {
            if let Err(stop) = self.spend(1) {
                break Err(stop);
            }
            match self.step(&form, place, &here) {
                Ok(Step::Tail(next, at, inside)) => (form, place, here) = (next, at, inside),
                Ok(Step::Value(value)) => break Ok(value),
                Err(stop) => break Err(stop),
            }
        };
        self.depth -= 1;
        outcome
    }

    fn step(&mut self, form: &Value, place: Place, here: &Here) -> Result<Step, Stop> {
        match form {
            Value::Symbol(name) => self.variable(name, place, here).map(Step::Value),
            Value::Pair(pair) => {
                let place = pair.place.or(place);
                let head = pair.first.borrow().clone();
                if let Some(name) = head.as_symbol().filter(|name| here.lexical(name).is_none()) {
                    if let Some(form) = forms::find(name) {
                        return form(self, pair, place, here);
                    }
                    if let Some(Value::Macro(expander)) = here.environment.find(name) {
                        let (arguments, _) = form.rest().elements();
                        let expansion = self.apply(&Value::Function(expander), arguments, place)?;
                        return Ok(Step::Tail(expansion, place, here.clone()));
                    }
                }
                self.call_form(pair, place, here)
            }
            other => Ok(Step::Value(other.clone())),
        }
    }

    fn call_form(&mut self, pair: &Pair, place: Place, here: &Here) -> Result<Step, Stop> {
        let operator = pair.first.borrow().clone();
        // A name that means nothing is an error of the call.
        let operator_place = if operator.as_symbol().is_some() { place } else { pair.first_place };
        let operator = self.evaluate(&operator, operator_place, here)?;
        let mut arguments = Vec::new();
        let mut rest = pair.rest.borrow().clone();
        while let Value::Pair(pair) = rest {
            arguments.push(self.evaluate(&pair.first.borrow().clone(), pair.first_place, here)?);
            rest = pair.rest.borrow().clone();
        }
        self.call(&operator, arguments, place)
    }

    pub fn variable(&mut self, name: &Symbol, place: Place, here: &Here) -> Outcome {
        if let Some(value) = here.lexical(name) {
            return Ok(value);
        }
        if let Some((object, fields)) = self.dotted(name, here) {
            return forms::classes::field_path(self, object, &fields, place);
        }
        match here.environment.find(name) {
            Some(value) => Ok(value),
            None if (self.is_bound)(name) => unknown(format!("{name} is not modelled")),
            None if name.split_once('.').is_some_and(|(object, _)| here.environment.find(object).is_some()) => {
                unknown("fields of global variables")
            }
            None => self.raise("unbound", vec![Value::Symbol(name.clone())], place),
        }
    }

    /// The parts of `p.x.y`, if `p` is a lexical variable.
    pub fn dotted(&self, name: &str, here: &Here) -> Option<(Value, Vec<Symbol>)> {
        let (object, fields) = name.split_once('.')?;
        let parts: Vec<Symbol> = fields.split('.').map(Rc::from).collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        Some((here.lexical(object)?, parts))
    }

    /// Evaluate forms in turn, the last of them in tail position.
    pub fn sequence(&mut self, forms: &Value, here: &Here) -> Result<Step, Stop> {
        let mut rest = forms.clone();
        loop {
            let Value::Pair(pair) = &rest else { return Ok(Step::Value(Value::Nil)) };
            let form = pair.first.borrow().clone();
            let next = pair.rest.borrow().clone();
            if !matches!(next, Value::Pair(_)) {
                return Ok(Step::Tail(form, pair.first_place, here.clone()));
            }
            self.evaluate(&form, pair.first_place, here)?;
            rest = next;
        }
    }

    /// The value of a step.
    pub fn finish(&mut self, step: Step) -> Outcome {
        match step {
            Step::Value(value) => Ok(value),
            Step::Tail(form, place, here) => self.evaluate(&form, place, &here),
        }
    }

    /// Forms in turn; the value of the last.
    pub fn body(&mut self, forms: &Value, here: &Here) -> Outcome {
        let step = self.sequence(forms, here)?;
        self.finish(step)
    }

    /// Call a function that a primitive was given.
    pub fn apply(&mut self, function: &Value, arguments: Vec<Value>, place: Place) -> Outcome {
        self.depth += 1;
        if self.depth > DEEPEST {
            return unknown("it nests deep");
        }
        let step = self.call(function, arguments, place)?;
        let value = self.finish(step);
        self.depth -= 1;
        value
    }

    pub fn call(&mut self, function: &Value, arguments: Vec<Value>, place: Place) -> Result<Step, Stop> {
        match function {
            Value::Function(function) => self.enter(function, arguments, None, place),
            Value::Primitive("apply") => {
                let (function, arguments) = primitives::lists::spread(self, &arguments, place)?;
                self.call(&function, arguments, place)
            }
            Value::Primitive(name) => primitives::call(self, name, &arguments, place).map(Step::Value),
            Value::Accessor(accessor) => forms::classes::access(self, accessor, &arguments, place).map(Step::Value),
            Value::Generic(generic) => self.dispatch(generic, arguments, place),
            other => self.raise("not-applicable", vec![other.clone()], place),
        }
    }

    fn dispatch(&mut self, generic: &Rc<Generic>, arguments: Vec<Value>, place: Place) -> Result<Step, Stop> {
        let method = forms::classes::choose(self, generic, &arguments, place)?;
        self.enter(&method, arguments, Some(generic), place)
    }

    /// The body of a function, its parameters bound. Errors in the number of arguments name the generic function whose
    /// method it is.
    fn enter(
        &mut self,
        function: &Rc<Function>,
        arguments: Vec<Value>,
        generic: Option<&Rc<Generic>>,
        place: Place,
    ) -> Result<Step, Stop> {
        let count = function.parameters.len();
        if arguments.len() < count || arguments.len() > count && function.rest.is_none() {
            // A function without a name is named by itself.
            let own = function.name.borrow().clone().map_or_else(|| Value::Function(function.clone()), Value::Symbol);
            let name = generic.map_or(own, |generic| Value::Symbol(generic.name.clone()));
            let irritants = vec![name, Value::integer(arguments.len())];
            return self.raise("arity", irritants, place);
        }
        let mut arguments = arguments.into_iter();
        let names = function.parameters.iter().cloned();
        let mut variables: Vec<(Symbol, Value)> = names.zip(arguments.by_ref()).collect();
        if let Some(rest) = &function.rest {
            variables.push((rest.clone(), Value::list(arguments.collect::<Vec<_>>())));
        }
        let outer = Here { scope: function.scope.borrow().clone(), environment: function.environment.clone() };
        self.sequence(&function.body, &outer.with(variables))
    }

    /// Print into the innermost capture.
    pub fn print(&mut self, text: &str) -> Result<(), Stop> {
        let Some(output) = self.output.last_mut() else { return unknown("output after the end") };
        output.push_str(text);
        match output.len() > MOST_OUTPUT {
            true => unknown("it prints much"),
            false => Ok(()),
        }
    }

    /// Line and column of a place, from 1.
    pub fn line_and_column(&self, place: u32) -> (u32, u32) {
        let before = &self.text[..place as usize];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() as u32 + 1, before[start..].chars().count() as u32 + 1)
    }

    /// How deep evaluation is nested.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Go back to this depth of evaluation and of captures, which an error has left.
    pub fn rewind(&mut self, depth: u32, captures: usize) {
        self.depth = depth;
        self.output.truncate(captures);
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        for function in self.functions.drain(..).filter_map(|function| function.upgrade()) {
            function.scope.take();
        }
        for environment in self.environments.drain(..).filter_map(|environment| environment.upgrade()) {
            environment.clear();
        }
    }
}
