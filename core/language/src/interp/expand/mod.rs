//! The expander: from forms to resolved trees.
//!
//! Two stages. The first walks a top-level form, calls the macros in it, and makes a tree of core forms whose
//! variables are objects that learn who captures and who assigns them (`expression`). The second knows all
//! that, gives every variable its place, and makes prototypes (`mark`, `resolve`).
//!
//! | file | what |
//! |---|---|
//! | `form` | taking forms apart, error messages |
//! | `scope` | which variable a name means |
//! | `core_forms` | the table of core forms, and the simple ones |
//! | `binding` | `let` and its kin, functions, patterns |
//! | `derived` | `cond`, `case`, loops over collections |
//! | `definition` | `define` and its kin, `set` |
//! | `classes` | classes, selectors and multimethods |
//! | `methods` | methods, and the next one |
//! | `access` | `object.field` |
//! | `quasiquote` | templates of lists |
//! | `mark` | who captures what |
//! | `resolve` | slots, captures, cells, prototypes |
//!
//! The forms being expanded, what macros made of them, and all constants are reachable through the runtime's roots
//! until the expansion ends.

mod access;
mod binding;
mod classes;
mod core_forms;
mod definition;
mod derived;
mod expression;
mod form;
mod mark;
mod methods;
mod quasiquote;
mod resolve;
pub(super) use resolve::register;
mod scope;

pub use core_forms::names as core_form_names;

use crate::runtime::tree::Prototype;
use crate::runtime::{Failure, Runtime, Symbol};
use crate::value::{offset, Kind, Value};
use expression::{Call, Expression, Variable, VariableState};
use maru_core::abi::Position;
use scope::Scope;
use std::rc::Rc;

/// How many macros in a row may give a macro call. More is an expansion without end.
const MAX_EXPANSIONS: usize = 10_000;

/// Expand a form in an environment. The prototype's code object is reachable only through the prototype, which the
/// caller must keep alive through the code object: nothing may be allocated before that.
///
/// # Errors
/// `syntax` for malformed forms, `stack-overflow` for forms too deeply nested, and what macros raise.
pub fn expand_toplevel(runtime: &mut Runtime, form: Value, environment: Value) -> Result<Rc<Prototype>, Failure> {
    expand(runtime, form, environment, None)
}

/// Expand one form of a `with-environment` body, in an environment and in the scope of the variables that the
/// deferred prototype captured. They are captures `0..n` of the result, in the same order, all boxed.
///
/// # Errors
/// As [`expand_toplevel`].
pub fn expand_deferred(
    runtime: &mut Runtime,
    deferred: &Rc<Prototype>,
    form: Value,
    environment: Value,
) -> Result<Rc<Prototype>, Failure> {
    expand(runtime, form, environment, Some(deferred))
}

fn expand(
    runtime: &mut Runtime,
    form: Value,
    environment: Value,
    deferred: Option<&Rc<Prototype>>,
) -> Result<Rc<Prototype>, Failure> {
    let environment = runtime.environment_itself(environment).unwrap_or(environment);
    let base = runtime.roots.len();
    runtime.roots.extend([form, environment]);
    if let Some(deferred) = deferred {
        runtime.roots.push(deferred.code);
    }
    let mut expander = Expander::new(runtime, environment);
    let result = expander.toplevel(form, deferred);
    let held = expander.held;
    if held > 0 {
        runtime.heap.let_go_outside(held);
    }
    runtime.roots.truncate(base);
    result
}

/// The first stage's state.
struct Expander<'a> {
    runtime: &'a mut Runtime,
    environment: Value,
    scope: Scope,
    /// The names of the named lets around the form, innermost last.
    loops: Vec<Variable>,
    /// The methods around the form, innermost last.
    methods: Vec<methods::Method>,
    /// The names that were counted to be called where a jump could be, in order.
    jumps: Vec<Variable>,
    /// How many forms were expanded.
    forms: usize,
    /// Bytes that were counted for what they became.
    held: usize,
}

/// What is asked for, and counted, after so many forms: a form that shares parts may stand for very many.
const COUNTED_FORMS: usize = 4096;
/// What a form becomes takes so many bytes: about, for the limit of the heap.
const FORM_BYTES: usize = 256;

/// What is known of the place where a form stands.
#[derive(Clone, Copy)]
struct FormContext {
    /// Position of the nearest enclosing form that has one.
    position: Position,
    /// The form is in tail position of the bodies of the named lets from this one on (see `Expander::loops`).
    jumps_from: usize,
    /// Only the truth of the value matters.
    condition: bool,
    /// What a function that stands here is called, a symbol or nil.
    name: Value,
}

impl FormContext {
    /// The same place, for what a definition or binding calls by a name.
    fn named(self, name: Value) -> FormContext {
        FormContext { name, ..self }
    }
    /// The same place, but the value matters.
    fn for_value(self) -> FormContext {
        FormContext { condition: false, ..self }
    }
}

impl<'a> Expander<'a> {
    fn new(runtime: &'a mut Runtime, environment: Value) -> Expander<'a> {
        Expander {
            runtime,
            environment,
            scope: Scope::default(),
            loops: Vec::new(),
            methods: Vec::new(),
            jumps: Vec::new(),
            forms: 0,
            held: 0,
        }
    }

    fn toplevel(&mut self, form: Value, deferred: Option<&Rc<Prototype>>) -> Result<Rc<Prototype>, Failure> {
        let enclosing = deferred.map_or(Position::UNKNOWN, |deferred| deferred.position);
        let position = self.position_of(form, enclosing);
        let mut captured = Vec::new();
        for name in deferred.iter().flat_map(|deferred| deferred.captured_names.iter()) {
            let variable = VariableState::new(*name);
            variable.assigned.set(true);
            variable.captured.set(true);
            if let Some(symbol) = self.runtime.as_symbol(*name) {
                self.scope.bind(symbol, variable.clone());
            }
            captured.push(variable);
        }
        let place = FormContext { position, jumps_from: 0, condition: false, name: Value::NIL };
        let body = self.expand(form, place)?;
        mark::mark(self.runtime, &body)?;
        resolve::resolve(self.runtime, self.environment, position, &body, captured)
    }

    /// A place whose value an enclosing form uses: not in tail position of any named let.
    fn operand(&self, place: FormContext) -> FormContext {
        FormContext { jumps_from: self.loops.len(), condition: false, name: Value::NIL, ..place }
    }

    /// Likewise, where only the truth of the value matters.
    fn test(&self, place: FormContext) -> FormContext {
        FormContext { condition: true, ..self.operand(place) }
    }

    /// Count what the last forms became as part of what the heap may take, and let the program be interrupted.
    #[cold]
    fn count_forms(&mut self) -> Result<(), Failure> {
        crate::interp::call::poll(self.runtime)?;
        self.runtime.hold_outside(COUNTED_FORMS * FORM_BYTES)?;
        self.held += COUNTED_FORMS * FORM_BYTES;
        Ok(())
    }

    /// Expand a form.
    fn expand(&mut self, form: Value, mut place: FormContext) -> Result<Expression, Failure> {
        check_stack(self.runtime)?;
        self.forms += 1;
        if self.forms.is_multiple_of(COUNTED_FORMS) {
            self.count_forms()?;
        }
        let mut form = form;
        for _ in 0..MAX_EXPANSIONS {
            if let Some(symbol) = self.runtime.as_symbol(form) {
                return Ok(self.reference(symbol, place));
            }
            if !form.is_pair() {
                return Ok(self.constant(form));
            }
            // What a macro call stands for is where the call is, not where the form around it is.
            place.position = self.position_of(form, place.position);
            let head = self.runtime.car(form);
            match self.meaning(head) {
                Meaning::Macro(function) => form = self.expand_macro(function, form, place)?,
                Meaning::Core(core_form) => return core_form(self, form, place),
                Meaning::NeedsEnvironment => return self.call_with_environment(form, place),
                Meaning::Function => return self.call(form, place),
            }
        }
        Err(self.malformed(form, place, "the expansion of this macro call does not come to an end"))
    }

    /// What a form with this operator is.
    fn meaning(&self, head: Value) -> Meaning {
        if self.runtime.is_kind(head, Kind::Form) {
            return Meaning::Macro(self.runtime.field(head, offset::FORM_FUNCTION));
        }
        let Some(symbol) = self.runtime.as_symbol(head) else { return Meaning::Function };
        if self.scope.find(symbol).is_some() {
            return Meaning::Function;
        }
        let name = self.runtime.symbols.name(symbol);
        match self.global_value(symbol) {
            Some(value) if self.runtime.is_kind(value, Kind::Form) => {
                Meaning::Macro(self.runtime.field(value, offset::FORM_FUNCTION))
            }
            Some(value) if core_forms::takes_environment(name) && self.runtime.is_kind(value, Kind::Primitive) => {
                Meaning::NeedsEnvironment
            }
            Some(_) => Meaning::Function,
            None => core_forms::find(name).map_or(Meaning::Function, Meaning::Core),
        }
    }

    /// The value of a free variable at this moment. No cell is made for it.
    fn global_value(&self, symbol: Symbol) -> Option<Value> {
        self.runtime.value_in(self.runtime.as_environment(self.environment)?, symbol)
    }

    fn expand_macro(&mut self, function: Value, form: Value, place: FormContext) -> Result<Value, Failure> {
        let operands = self.runtime.cdr(form);
        if self.proper_length(operands).is_none() {
            let name = self.name_of(form);
            return Err(self.malformed(form, place, &format!("{name}: the macro call is no proper list")));
        }
        let operands = self.runtime.list_to_vec(operands);
        match super::call(self.runtime, function, &operands) {
            Ok(form) => {
                self.runtime.roots.push(form);
                Ok(form)
            }
            Err(Failure) => {
                self.runtime.place_error(place.position);
                Err(Failure)
            }
        }
    }

    /// A constant, which is kept reachable.
    fn constant(&mut self, value: Value) -> Expression {
        if value.is_pointer() {
            self.runtime.roots.push(value);
        }
        Expression::Constant(value)
    }

    /// A variable, lexical or free.
    fn reference(&mut self, symbol: Symbol, place: FormContext) -> Expression {
        match self.scope.find(symbol) {
            Some(variable) => {
                let uses = &variable.looping.references;
                uses.set(uses.get() + 1);
                Expression::Variable(variable.clone())
            }
            None => match self.field_access(symbol, place) {
                Some(access) => access,
                None => Expression::Global(symbol, place.position),
            },
        }
    }

    /// A free variable by name, whatever the lexical scope is: for what derived forms use.
    fn global(&mut self, name: &str, place: FormContext) -> Expression {
        Expression::Global(self.runtime.symbol(name), place.position)
    }

    /// A call of a function that a derived form uses.
    fn call_global(&mut self, name: &str, arguments: Vec<Expression>, place: FormContext) -> Expression {
        Expression::call(self.global(name, place), arguments, place.position)
    }

    /// A call.
    fn call(&mut self, form: Value, place: FormContext) -> Result<Expression, Failure> {
        let Some(length) = self.proper_length(form) else {
            return Err(self.malformed(form, place, "the operands of this call do not form a proper list"));
        };
        self.check_written(length - 1, form, place, "arguments")?;
        let operand = self.operand(place);
        let head = self.runtime.car(form);
        let function = self.expand(head, operand)?;
        let mut arguments = Vec::with_capacity(length - 1);
        let mut rest = self.runtime.cdr(form);
        while rest.is_pair() {
            arguments.push(self.element_of(rest, operand)?);
            rest = self.runtime.cdr(rest);
        }
        let jump = self.could_jump(&function, arguments.len(), place);
        Ok(Expression::Call(Box::new(Call { function, arguments, position: place.position, jump })))
    }

    /// Expand the car of a list. A symbol stands where the pair does, if that has a position.
    fn element_of(&mut self, list: Value, place: FormContext) -> Result<Expression, Failure> {
        let position = self.position_of(list, place.position);
        let element = self.runtime.car(list);
        self.expand(element, FormContext { position, ..place })
    }

    /// Whether a call is one of the name of a named let in tail position of its body. It is then counted.
    fn could_jump(&mut self, function: &Expression, arguments: usize, place: FormContext) -> bool {
        let Expression::Variable(variable) = function else { return false };
        let depth = variable.looping.depth.get();
        let is_around = self.loops.get(depth).is_some_and(|name| Rc::ptr_eq(name, variable));
        let in_tail_position = depth >= place.jumps_from && is_around;
        let jump = in_tail_position && variable.looping.arity.get() == Some(arguments);
        if jump {
            variable.looping.jumps.set(variable.looping.jumps.get() + 1);
            self.jumps.push(variable.clone());
        }
        jump
    }

    /// `(eval x)`, `(load x)`, `(require x)`: the environment that may follow is the current one by default.
    fn call_with_environment(&mut self, form: Value, place: FormContext) -> Result<Expression, Failure> {
        let operands = self.runtime.cdr(form);
        if self.proper_length(operands) != Some(1) {
            return self.call(form, place);
        }
        let operand = self.operand(place);
        let head = self.runtime.car(form);
        let function = self.expand(head, operand)?;
        let argument = self.element_of(operands, operand)?;
        let environment = self.constant(self.environment);
        Ok(Expression::call(function, vec![argument, environment], place.position))
    }

    /// The forms of a list one after another; nil if there is none. The last one stands in the list's place.
    fn body(&mut self, forms: Value, place: FormContext) -> Result<Expression, Failure> {
        let operand = self.operand(place);
        let mut expressions = Vec::new();
        let mut rest = forms;
        while rest.is_pair() {
            let next = self.runtime.cdr(rest);
            let place = if next.is_pair() { operand } else { place };
            expressions.push(self.element_of(rest, place)?);
            rest = next;
        }
        Ok(Expression::sequence(expressions))
    }
}

/// What a form with a certain operator is.
enum Meaning {
    Macro(Value),
    Core(core_forms::CoreForm),
    NeedsEnvironment,
    Function,
}

/// Raise `stack-overflow` when little is left of the stack.
pub(super) fn check_stack(runtime: &mut Runtime) -> Result<(), Failure> {
    let here = 0u8;
    if (std::ptr::from_ref(&here) as usize) < runtime.context.stack_floor {
        return Err(runtime.stack_overflow());
    }
    Ok(())
}
