//! Classes, fields, selectors and multimethods.

use super::{malformed, name, operands};
use crate::interpret::{unknown, Here, Machine, Outcome, Step, Stop};
use crate::value::{Accessor, Class, Function, Generic, Instance, Pair, Place, Symbol, Value};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

type Result<T = Step> = std::result::Result<T, Stop>;

/// The classes of what is built in; `<object>` is the base of all.
pub const BUILT_IN: [&str; 19] = [
    "<object>",
    "<nil>",
    "<true>",
    "<long>",
    "<double>",
    "<string>",
    "<symbol>",
    "<pair>",
    "<array>",
    "<data>",
    "<table>",
    "<expr>",
    "<subr>",
    "<form>",
    "<environment>",
    "<error>",
    "<class>",
    "<selector>",
    "<generic>",
];

/// The class of a value, which is found by its name for what is built in.
pub fn class_of(machine: &Machine, value: &Value) -> Result<Rc<Class>> {
    let name = match value {
        Value::Instance(instance) => return Ok(instance.class.clone()),
        Value::Nil => "<nil>",
        Value::True => "<true>",
        Value::Integer(_) => "<long>",
        Value::Double(_) => "<double>",
        Value::Symbol(_) => "<symbol>",
        Value::Text(_) => "<string>",
        Value::Pair(_) => "<pair>",
        Value::Array(_) => "<array>",
        Value::Data(_) => "<data>",
        Value::Table(_) => "<table>",
        Value::Primitive(_) => "<subr>",
        Value::Function(_) | Value::Accessor(_) => "<expr>",
        Value::Macro(_) => "<form>",
        Value::Environment(_) => "<environment>",
        Value::Error(_) => "<error>",
        Value::Class(_) => "<class>",
        Value::Generic(generic) if generic.chosen.is_none() => "<selector>",
        Value::Generic(_) => "<generic>",
    };
    match machine.global.find(name) {
        Some(Value::Class(class)) => Ok(class),
        _ => unknown(name),
    }
}

/// How many steps up from a class its base `other` is, if it is one.
fn distance(class: &Rc<Class>, other: &Rc<Class>) -> Option<usize> {
    let mut at = Some(class);
    let mut steps = 0;
    while let Some(class) = at {
        if Rc::ptr_eq(class, other) {
            return Some(steps);
        }
        at = class.base.as_ref();
        steps += 1;
    }
    // A class without a base has `<object>` as one, too.
    (&*other.name == "<object>").then_some(steps)
}

pub fn is_a(machine: &Machine, value: &Value, class: &Rc<Class>) -> Result<bool> {
    Ok(distance(&class_of(machine, value)?, class).is_some())
}

pub fn define_class(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let [(class_name, _), (base, at), (fields, _)] = &operands(pair)[..] else { return malformed("define-class") };
    let class_name = name(class_name, "define-class")?;
    let base = match machine.evaluate(base, *at, here)? {
        Value::Nil => None,
        Value::Class(class) if !BUILT_IN[1..].contains(&&*class.name) => Some(class),
        _ => return malformed("define-class"),
    };
    let inherited = base.as_ref().map_or_else(Vec::new, |base| base.fields.clone());
    let (own, end) = fields.elements();
    let own: Option<Vec<Symbol>> = own.iter().map(|field| field.as_symbol().cloned()).collect();
    let (Some(own), Value::Nil) = (own, end) else { return malformed("define-class") };
    let fields: Vec<Symbol> = inherited.into_iter().chain(own).collect();
    let class = Rc::new(Class { name: class_name.clone(), base, fields, replaced: Cell::new(false) });
    if let Some(Value::Class(old)) = here.environment.find(&class_name) {
        old.replaced.set(true);
    }
    for (number, field) in class.fields.iter().enumerate() {
        for (sets, name) in [(false, format!("{class_name}-{field}")), (true, format!("set-{class_name}-{field}"))] {
            let name: Symbol = Rc::from(name);
            let accessor = Accessor { name: name.clone(), class: class.clone(), field: number, sets };
            define(here, &name, Value::Accessor(Rc::new(accessor)))?;
        }
    }
    define(here, &class_name, Value::Class(class.clone()))?;
    Ok(Step::Value(Value::Class(class)))
}

fn define(here: &Here, name: &Symbol, value: Value) -> Result<()> {
    here.environment.define(name, value, false).or_else(|_| unknown("a constant's name for a class"))
}

/// `(new class values…)`.
pub fn new(machine: &Machine, arguments: &[Value], place: Place) -> Outcome {
    let class = match &arguments[0] {
        Value::Class(class) if !BUILT_IN.contains(&&*class.name) => class,
        Value::Class(_) => return unknown("new of what is built in"),
        other => return machine.raise("type", vec![other.clone()], place),
    };
    let mut fields = arguments[1..].to_vec();
    if fields.len() > class.fields.len() {
        let irritants = vec![Value::Symbol(class.name.clone()), Value::integer(fields.len())];
        return machine.raise("arity", irritants, place);
    }
    fields.resize(class.fields.len(), Value::Nil);
    Ok(Value::Instance(Rc::new(Instance { class: class.clone(), fields: RefCell::new(fields) })))
}

/// A call of a field's accessor.
pub fn access(machine: &Machine, accessor: &Accessor, arguments: &[Value], place: Place) -> Outcome {
    if arguments.len() != 1 + usize::from(accessor.sets) {
        let irritants = vec![Value::Symbol(accessor.name.clone()), Value::integer(arguments.len())];
        return machine.raise("arity", irritants, place);
    }
    if accessor.class.replaced.get() {
        return unknown("an accessor of a class that was defined again");
    }
    let Value::Instance(instance) = &arguments[0] else {
        return machine.raise("type", vec![arguments[0].clone()], place);
    };
    if distance(&instance.class, &accessor.class).is_none() {
        return machine.raise("type", vec![arguments[0].clone()], place);
    }
    if accessor.sets {
        instance.fields.borrow_mut()[accessor.field] = arguments[1].clone();
        return Ok(arguments[1].clone());
    }
    let value = instance.fields.borrow()[accessor.field].clone();
    Ok(value)
}

/// The number of a field of an object.
fn field(machine: &Machine, object: &Value, field: &Symbol, place: Place) -> Result<(Rc<Instance>, usize)> {
    let found = match object {
        Value::Instance(instance) => {
            let fields = &instance.class.fields;
            fields.iter().rposition(|known| known == field).map(|number| (instance.clone(), number))
        }
        Value::Class(_) | Value::Environment(_) | Value::Error(_) => return unknown("fields of what is built in"),
        _ => None,
    };
    match found {
        Some(found) => Ok(found),
        None => machine.raise("type", vec![object.clone(), Value::Symbol(field.clone())], place),
    }
}

/// `p.x.y`: `object` and the fields to follow.
pub fn field_path(machine: &Machine, object: Value, fields: &[Symbol], place: Place) -> Outcome {
    fields.iter().try_fold(object, |object, name| {
        let (instance, number) = field(machine, &object, name, place)?;
        let value = instance.fields.borrow()[number].clone();
        Ok(value)
    })
}

pub fn set_field(machine: &Machine, object: Value, name: &Symbol, value: Value, place: Place) -> Outcome {
    let (instance, number) = field(machine, &object, name, place)?;
    instance.fields.borrow_mut()[number] = value.clone();
    Ok(value)
}

/// The generic function that a name means now, if it means one.
fn generic(here: &Here, name: &str) -> Option<Rc<Generic>> {
    match here.lexical(name).or_else(|| here.environment.find(name)) {
        Some(Value::Generic(generic)) => Some(generic),
        _ => None,
    }
}

fn make_generic(here: &Here, name: &Symbol, chosen: Option<Vec<Symbol>>) -> Result<Value> {
    let generic = Value::Generic(Rc::new(Generic { name: name.clone(), chosen, methods: RefCell::default() }));
    define(here, name, generic.clone())?;
    Ok(generic)
}

pub fn define_selector(_: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let [(selector, _)] = &operands(pair)[..] else { return malformed("define-selector") };
    make_generic(here, &name(selector, "define-selector")?, None).map(Step::Value)
}

pub fn define_multimethod(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let forms = operands(pair);
    let [(target, _), (parameters, _), rest @ ..] = &forms[..] else { return malformed("define-multimethod") };
    let target = name(target, "define-multimethod")?;
    let parameters = parameters.elements().0;
    let plain: Option<Vec<Symbol>> = parameters.iter().map(|parameter| parameter.as_symbol().cloned()).collect();
    match plain {
        Some(chosen) if rest.is_empty() => make_generic(here, &target, Some(chosen)).map(Step::Value),
        Some(_) => malformed("define-multimethod"),
        None => {
            let mut names = Vec::new();
            let mut classes = Vec::new();
            for parameter in &parameters {
                let Value::Pair(_) = parameter else { return malformed("define-multimethod") };
                classes.push(class_named(machine, &parameter.first(), here)?);
                names.push(parameter.rest().first());
            }
            let generic = match generic(here, &target) {
                Some(generic) => generic,
                None => {
                    let chosen = names.iter().filter_map(|name| name.as_symbol().cloned()).collect();
                    make_generic(here, &target, Some(chosen))?;
                    let Some(made) = generic(here, &target) else { return malformed("define-multimethod") };
                    made
                }
            };
            let body = pair.rest.borrow().rest().rest();
            add(machine, &generic, classes, Value::list(names), body, here)
        }
    }
}

fn class_named(machine: &mut Machine, form: &Value, here: &Here) -> Result<Rc<Class>> {
    match machine.evaluate(form, None, here)? {
        Value::Class(class) => Ok(class),
        _ => malformed("define-method"),
    }
}

/// `(define-method name <class>… parameters body…)`.
pub fn define_method(machine: &mut Machine, pair: &Pair, _: Place, here: &Here) -> Result {
    let forms = operands(pair);
    let Some((target, _)) = forms.first() else { return malformed("define-method") };
    let target = name(target, "define-method")?;
    let Some(generic) = generic(here, &target) else { return unknown("a method without a selector") };
    let most = generic.chosen.as_ref().map_or(1, Vec::len);
    let mut rest = pair.rest.borrow().rest();
    let mut classes = Vec::new();
    while classes.len() < most {
        let Value::Symbol(_) = rest.first() else { break };
        classes.push(class_named(machine, &rest.first(), here)?);
        rest = rest.rest();
    }
    if classes.is_empty() {
        return malformed("define-method");
    }
    let others = generic.chosen.iter().flatten().skip(1).take(classes.len() - 1).cloned().map(Value::Symbol);
    let names: Vec<Value> = std::iter::once(Value::symbol("self")).chain(others).collect();
    let parameters = Value::list_onto(names, rest.first());
    add(machine, &generic, classes, parameters, rest.rest(), here)
}

fn add(
    machine: &mut Machine,
    generic: &Rc<Generic>,
    classes: Vec<Rc<Class>>,
    parameters: Value,
    body: Value,
    here: &Here,
) -> Result {
    let function = machine.function(&parameters, body, here)?;
    *function.name.borrow_mut() = Some(generic.name.clone());
    let mut methods = generic.methods.borrow_mut();
    let same = |known: &[Rc<Class>]| {
        known.len() == classes.len() && known.iter().zip(&classes).all(|(left, right)| Rc::ptr_eq(left, right))
    };
    match methods.iter_mut().find(|(known, _)| same(known)) {
        Some((_, method)) => *method = function.clone(),
        None => methods.push((classes, function.clone())),
    }
    Ok(Step::Value(Value::Function(function)))
}

/// The most specific method for arguments; the leftmost counts most.
pub fn choose(machine: &Machine, generic: &Generic, arguments: &[Value], place: Place) -> Result<Rc<Function>> {
    let classes = arguments.iter().map(|argument| class_of(machine, argument)).collect::<Result<Vec<_>>>()?;
    let methods = generic.methods.borrow();
    let fitting = methods.iter().filter_map(|(wanted, method)| {
        if wanted.len() > classes.len() {
            return None;
        }
        let distances = wanted.iter().zip(&classes).map(|(wanted, class)| distance(class, wanted));
        Some((distances.collect::<Option<Vec<_>>>()?, method))
    });
    // Of methods by different numbers of arguments the model does not know which is the more specific.
    let mut fitting: Vec<_> = fitting.collect();
    if fitting.iter().any(|(distances, _)| distances.len() != fitting[0].0.len()) {
        return unknown("methods by different numbers of classes");
    }
    fitting.sort_by(|(left, _), (right, _)| left.cmp(right));
    match fitting.first() {
        Some((_, method)) => Ok((*method).clone()),
        None => {
            let most = methods.iter().map(|(classes, _)| classes.len()).max().unwrap_or(1);
            let names = classes.iter().take(most).map(|class| Value::Class(class.clone()));
            let irritants = std::iter::once(Value::Symbol(generic.name.clone())).chain(names).collect();
            machine.raise("no-method", irritants, place)
        }
    }
}
