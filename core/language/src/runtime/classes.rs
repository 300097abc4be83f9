//! Classes, and functions that choose among methods by the classes of their arguments.
//!
//! Every value has a class. Classes made by programs have instances with fields, those of a base class first, so
//! that a field has the same index in all classes below the one that introduced it. A selector chooses by its first
//! argument, a multimethod by as many as its methods name classes for.

use super::PrimitiveFunction;
use crate::runtime::{ErrorKind, Failure, InlineCaches, Outcome, Runtime, Slab, Symbol};
use crate::value::heap::Marker;
use crate::value::{field, offset, Kind, Value, TAG_FIXNUM, TAG_IMMEDIATE, TAG_OBJECT, TAG_PAIR};
use rustc_hash::FxHashMap;

/// The classes that are built in, by number, each with the kinds of objects that are of it. The first is above all
/// others.
const BUILT_IN: [(&str, &[Kind]); 21] = [
    ("<object>", &[]),
    ("<nil>", &[]),
    ("<true>", &[]),
    ("<long>", &[Kind::Big]),
    ("<double>", &[Kind::Double]),
    ("<pair>", &[]),
    ("<string>", &[Kind::String]),
    ("<symbol>", &[Kind::Symbol]),
    ("<array>", &[Kind::Array]),
    ("<data>", &[Kind::Data]),
    ("<expr>", &[Kind::Closure]),
    ("<subr>", &[Kind::Primitive]),
    ("<form>", &[Kind::Form]),
    ("<environment>", &[Kind::Environment]),
    ("<error>", &[Kind::Error]),
    ("<class>", &[Kind::Class]),
    ("<selector>", &[Kind::Selector]),
    ("<generic>", &[Kind::Generic]),
    ("<table>", &[Kind::Table]),
    ("<architecture>", &[Kind::Architecture]),
    ("<port>", &[Kind::Port]),
];

/// The number of a built-in class.
const fn built_in(name: &str) -> ClassNumber {
    let mut number = 0;
    while number < BUILT_IN.len() {
        if same(BUILT_IN[number].0.as_bytes(), name.as_bytes()) {
            return number as ClassNumber;
        }
        number += 1;
    }
    panic!("no such class is built in")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut index = 0;
    while index < a.len() && index < b.len() && a[index] == b[index] {
        index += 1;
    }
    a.len() == b.len() && index == a.len()
}

const NIL: ClassNumber = built_in("<nil>");
const TRUE: ClassNumber = built_in("<true>");
const LONG: ClassNumber = built_in("<long>");
const DOUBLE: ClassNumber = built_in("<double>");
const PAIR: ClassNumber = built_in("<pair>");
const ENVIRONMENT: ClassNumber = built_in("<environment>");
const ARCHITECTURE: ClassNumber = built_in("<architecture>");

/// What the fields are called that instances of programs' classes below a built-in one begin with, if it can be extended. An
/// instance below `<environment>` holds the environment that it stands for.
fn inherited_fields(class: ClassNumber) -> Option<&'static [&'static str]> {
    match class {
        0 => Some(&[]),
        ENVIRONMENT => Some(&["environment"]),
        ARCHITECTURE => Some(&["name", "pointer-size", "endianness"]),
        _ => None,
    }
}

/// The class of the objects of each kind; `<object>`, where programs never see any.
const CLASS_OF_KIND: [u8; 1 << 8] = {
    let mut classes = [0; 1 << 8];
    let mut number = 0;
    while number < BUILT_IN.len() {
        let kinds = BUILT_IN[number].1;
        let mut index = 0;
        while index < kinds.len() {
            classes[kinds[index] as usize] = number as u8;
            index += 1;
        }
        number += 1;
    }
    classes
};

/// A class, by number.
pub type ClassNumber = u32;

/// What a `<class>` object stands for.
#[derive(Debug)]
pub struct Class {
    /// Its name.
    pub name: Symbol,
    /// The class above it; `None` of `<object>` only.
    pub base: Option<ClassNumber>,
    /// Names of all fields, inherited ones first.
    pub fields: Vec<Symbol>,
    /// The environment that it was first defined in, by index.
    home: Option<u32>,
    /// The object. Weak.
    pub object: Value,
}

/// A function for arguments of certain classes.
#[derive(Debug)]
struct Method {
    /// The classes of the leading arguments, values.
    classes: Vec<Value>,
    function: Value,
}

/// What a `<selector>` or `<generic>` object stands for.
#[derive(Debug)]
pub struct Generic {
    /// Its name.
    pub name: Symbol,
    /// Names of its parameters, for methods that do not name theirs.
    pub parameters: Vec<Symbol>,
    methods: Vec<Method>,
    /// The most classes that a method names.
    dispatched: usize,
    /// Methods found before, by the classes of up to four arguments. Values in `methods`.
    found: FxHashMap<[ClassNumber; CACHED], Value>,
    /// The object. Weak.
    object: Value,
    /// The environment that it was first defined in, by index.
    home: Option<u32>,
}

/// How many arguments' classes the table of methods found before is indexed by.
const CACHED: usize = 4;

/// All classes, selectors and multimethods of a run.
#[derive(Debug, Default)]
pub struct Classes {
    classes: Slab<Class>,
    generics: Slab<Generic>,
    /// Objects of the built-in classes: roots.
    built_in: Vec<Value>,
    /// The primitives that stand for fields of built-in types, by class and field, as far as programs asked for them.
    accessors: FxHashMap<(ClassNumber, Symbol), Option<PrimitiveFunction>>,
    /// What compiled code found by them.
    pub caches: InlineCaches,
}

/// Make the built-in classes and bind them in the global environment.
///
/// # Errors
/// When memory is out.
pub(crate) fn define_classes(runtime: &mut Runtime) -> Result<(), Failure> {
    let global = runtime.global_environment();
    for (number, (name, _)) in BUILT_IN.iter().enumerate() {
        let symbol = runtime.symbol(name);
        let class = add_class(runtime, symbol, (number > 0).then_some(0), Vec::new())?;
        runtime.extensions.classes.built_in.push(class);
        runtime.define(global, name, class);
    }
    Ok(())
}

fn add_class(runtime: &mut Runtime, name: Symbol, base: Option<ClassNumber>, fields: Vec<Symbol>) -> Outcome {
    // The object is made first: a collection must not find an entry without it.
    let object = runtime.index_object(Kind::Class, 0)?;
    let number = runtime.extensions.classes.classes.add(Class { name, base, fields, home: None, object });
    runtime.set_field(object, offset::INDEX, Value::fixnum(i64::from(number)));
    Ok(object)
}

/// Make a class. `base` is a class that has instances, or nil.
///
/// # Errors
/// `type` for a base that cannot be extended and for fields of the same name.
pub(crate) fn make_class(runtime: &mut Runtime, name: Symbol, base: Value, own_fields: &[Symbol]) -> Outcome {
    let (base_number, mut fields) = match class_number(runtime, base) {
        Some(number) if !is_built_in(number) => (number, runtime.extensions.classes.classes.get(number).fields.clone()),
        Some(number) if inherited_fields(number).is_some() => {
            let names = inherited_fields(number).unwrap_or_default();
            (number, names.iter().map(|name| runtime.symbol(name)).collect())
        }
        None if base.is_nil() => (0, Vec::new()),
        _ => return Err(runtime.type_error("define-class", "a class that can be extended", base)),
    };
    for own in own_fields {
        if fields.contains(own) {
            let (class, field) = (runtime.symbols.name(name), runtime.symbols.name(*own));
            let message = format!("define-class: {class} has a field {field} already");
            let irritant = runtime.symbols.value(*own);
            return Err(runtime.error(ErrorKind::Type, &message, &[irritant]));
        }
        fields.push(*own);
    }
    add_class(runtime, name, Some(base_number), fields)
}

/// The number of the class that a value is.
pub fn class_number(runtime: &Runtime, value: Value) -> Option<ClassNumber> {
    runtime.is_kind(value, Kind::Class).then(|| runtime.index(value))
}

/// Whether a class is built in: it has no instances with fields.
pub(crate) fn is_built_in(number: ClassNumber) -> bool {
    (number as usize) < BUILT_IN.len()
}

/// Whether a value is an instance of a program's class below `<environment>`.
pub(crate) fn extends_environment(runtime: &Runtime, value: Value) -> bool {
    is_below(runtime, value, ENVIRONMENT)
}

/// Whether a value is an instance of a program's class below `<architecture>`.
pub fn extends_architecture(runtime: &Runtime, value: Value) -> bool {
    is_below(runtime, value, ARCHITECTURE)
}

fn is_below(runtime: &Runtime, value: Value, above: ClassNumber) -> bool {
    runtime.is_kind(value, Kind::Instance) && distance(runtime, class_of(runtime, value), above).is_some()
}

/// What a class object stands for.
pub fn class(runtime: &Runtime, object: Value) -> Option<&Class> {
    runtime.extensions.classes.classes.find(class_number(runtime, object)?)
}

/// The class of any value.
#[inline]
pub fn class_of(runtime: &Runtime, value: Value) -> ClassNumber {
    match value.tag() {
        TAG_OBJECT => match runtime.kind_number(value) {
            kind if kind == Kind::Instance as u8 => runtime.index(runtime.field(value, offset::INSTANCE_CLASS)),
            kind => CLASS_OF_KIND[kind as usize].into(),
        },
        TAG_FIXNUM => LONG,
        TAG_PAIR => PAIR,
        TAG_IMMEDIATE if value.is_nil() => NIL,
        TAG_IMMEDIATE => TRUE,
        _ => DOUBLE,
    }
}

/// The primitive that gives a field of a value of a built-in type.
pub(crate) fn accessor_of(runtime: &mut Runtime, value: Value, field: Value) -> Option<PrimitiveFunction> {
    let (mut class, field) = (class_of(runtime, value), runtime.as_symbol(field)?);
    while !is_built_in(class) {
        class = runtime.extensions.classes.classes.get(class).base?;
    }
    if let Some(accessor) = runtime.extensions.classes.accessors.get(&(class, field)) {
        return *accessor;
    }
    let name = format!("{}-{}", class_name(runtime, class), runtime.symbols.name(field));
    let primitive = runtime.primitives.iter().find(|primitive| primitive.name == name && primitive.least == 1);
    let accessor = primitive.map(|primitive| primitive.function);
    runtime.extensions.classes.accessors.insert((class, field), accessor);
    accessor
}

/// For each name of a field: the class that has it, with the field's index, or nothing if there are several.
pub fn fields_of_one_class(runtime: &Runtime) -> FxHashMap<Symbol, Option<(Value, u32)>> {
    let mut fields = FxHashMap::default();
    for class in runtime.extensions.classes.classes.iter() {
        for (name, index) in class.fields.iter().zip(0..) {
            fields.entry(*name).and_modify(|several| *several = None).or_insert(Some((class.object, index)));
        }
    }
    fields
}

/// The object of a class.
pub(crate) fn class_object(runtime: &Runtime, number: ClassNumber) -> Value {
    runtime.extensions.classes.classes.get(number).object
}

/// The name of a class.
pub fn class_name(runtime: &Runtime, number: ClassNumber) -> &str {
    runtime.symbols.name(class_symbol(runtime, number))
}

/// The same as a symbol.
pub fn class_symbol(runtime: &Runtime, number: ClassNumber) -> Symbol {
    runtime.extensions.classes.classes.get(number).name
}

/// How many steps a class lies below another.
pub(crate) fn distance(runtime: &Runtime, mut class: ClassNumber, above: ClassNumber) -> Option<u32> {
    let mut steps = 0;
    while class != above {
        class = runtime.extensions.classes.classes.get(class).base?;
        steps += 1;
    }
    Some(steps)
}

/// Make a selector or multimethod.
///
/// # Errors
/// When memory is out.
pub(crate) fn make_generic(runtime: &mut Runtime, kind: Kind, name: Symbol, parameters: Vec<Symbol>) -> Outcome {
    let object = runtime.object(kind, 2)?;
    let code = runtime.trampoline_code;
    runtime.set_field(object, offset::CALLABLE_CODE, code);
    let generic = Generic {
        name,
        parameters,
        methods: Vec::new(),
        dispatched: 1,
        found: FxHashMap::default(),
        object,
        home: None,
    };
    let number = runtime.extensions.classes.generics.add(generic);
    runtime.set_field(object, offset::CALLABLE_INDEX, Value::fixnum(i64::from(number)));
    Ok(object)
}

fn generic_number(runtime: &Runtime, value: Value) -> Option<u32> {
    if !runtime.is_kind(value, Kind::Selector) && !runtime.is_kind(value, Kind::Generic) {
        return None;
    }
    u32::try_from(runtime.field(value, offset::CALLABLE_INDEX).as_fixnum()?).ok()
}

/// What a selector or multimethod stands for.
pub fn generic(runtime: &Runtime, value: Value) -> Option<&Generic> {
    runtime.extensions.classes.generics.find(generic_number(runtime, value)?)
}

/// Add a method, in the place of one for the same classes. `classes` are class objects.
///
/// # Errors
/// `type` unless `generic` is a selector, and there is one class, or a multimethod, and there are some.
pub(crate) fn add_method(runtime: &mut Runtime, generic: Value, classes: Vec<Value>, function: Value) -> Outcome {
    let Some(number) = generic_number(runtime, generic) else {
        return Err(runtime.type_error("define-method", "a selector or multimethod", generic));
    };
    if let Some(other) = classes.iter().find(|class| !runtime.is_kind(**class, Kind::Class)) {
        return Err(runtime.type_error("define-method", "a class", *other));
    }
    if runtime.is_kind(generic, Kind::Selector) && classes.len() != 1 {
        return Err(runtime.error(ErrorKind::Type, "define-method: a selector has one class for a method", &[generic]));
    }
    runtime.forget_methods();
    let entry = runtime.extensions.classes.generics.get_mut(number);
    entry.found.clear();
    entry.dispatched = entry.dispatched.max(classes.len());
    match entry.methods.iter_mut().find(|method| method.classes == classes) {
        Some(method) => method.function = function,
        None => entry.methods.push(Method { classes, function }),
    }
    Ok(function)
}

/// The method of a selector or multimethod for some arguments: the one for the most specific classes, the leftmost
/// argument counting most.
///
/// # Errors
/// `no-method`, which names the arguments' classes.
pub(crate) fn find_method(runtime: &mut Runtime, generic: Value, arguments: &[Value]) -> Outcome {
    let Some(number) = generic_number(runtime, generic) else {
        return Err(runtime.error(ErrorKind::NotApplicable, "not a function", &[generic]));
    };
    match applicable_method(runtime, number, arguments) {
        Some(method) => Ok(method),
        None => {
            let count = runtime.extensions.classes.generics.get(number).dispatched.min(arguments.len());
            let classes: Vec<_> = arguments[..count].iter().map(|argument| class_of(runtime, *argument)).collect();
            no_method(runtime, number, &classes, "no method")
        }
    }
}

/// The classes of each method of a selector or multimethod, and its function.
pub(crate) fn methods(runtime: &Runtime, function: Value) -> Vec<(Vec<Value>, Value)> {
    let methods = generic(runtime, function).into_iter().flat_map(|generic| &generic.methods);
    methods.map(|method| (method.classes.clone(), method.function)).collect()
}

/// All selectors and multimethods.
pub(crate) fn generic_objects(runtime: &Runtime) -> Vec<Value> {
    runtime.extensions.classes.generics.iter().map(|generic| generic.object).collect()
}

/// The environment that a class, selector or multimethod was first defined in, by index.
pub(crate) fn home(runtime: &Runtime, value: Value) -> Option<u32> {
    class(runtime, value).map(|class| class.home).or_else(|| generic(runtime, value).map(|generic| generic.home))?
}

/// Note that a value is defined in an environment: a class, selector or multimethod is at home there, unless it is elsewhere.
pub(crate) fn settle(runtime: &mut Runtime, value: Value, environment: u32) {
    if let Some(number) = class_number(runtime, value) {
        runtime.extensions.classes.classes.get_mut(number).home.get_or_insert(environment);
    } else if let Some(number) = generic_number(runtime, value) {
        runtime.extensions.classes.generics.get_mut(number).home.get_or_insert(environment);
    }
}

/// Forget environments that are gone: their indices will be those of others.
pub(crate) fn leave_homes(runtime: &mut Runtime, gone: &[u32]) {
    if gone.is_empty() {
        return;
    }
    let tables = &mut runtime.extensions.classes;
    for index in tables.classes.indices() {
        tables.classes.get_mut(index).home.take_if(|home| gone.binary_search(home).is_ok());
    }
    for index in tables.generics.indices() {
        tables.generics.get_mut(index).home.take_if(|home| gone.binary_search(home).is_ok());
    }
}

/// How many fields instances of a class below this one begin with.
pub(crate) fn inherited_count(runtime: &Runtime, number: ClassNumber) -> usize {
    match is_built_in(number) {
        true => inherited_fields(number).map_or(0, <[_]>::len),
        false => runtime.extensions.classes.classes.get(number).fields.len(),
    }
}

/// The built-in class of a name.
pub(crate) fn built_in_class(runtime: &Runtime, name: &str) -> Option<Value> {
    let number = BUILT_IN.iter().position(|(other, _)| *other == name)?;
    runtime.extensions.classes.built_in.get(number).copied()
}

/// By how many arguments a function chooses among its methods, or is going to; `None` if it is none that does.
pub fn dispatched(runtime: &Runtime, function: Value) -> Option<usize> {
    let generic = generic(runtime, function)?;
    let unknown = generic.methods.is_empty();
    Some(if unknown { generic.parameters.len().max(1) } else { generic.dispatched })
}

/// How many methods a selector or multimethod has.
pub fn method_count(runtime: &Runtime, function: Value) -> usize {
    generic(runtime, function).map_or(0, |generic| generic.methods.len())
}

/// The function that a selector or multimethod chooses for some arguments, and by how many of them; `None` if there is
/// none that is written in Maru.
pub fn chosen_function(runtime: &mut Runtime, generic: Value, arguments: &[Value]) -> Option<(Value, usize)> {
    let number = generic_number(runtime, generic)?;
    let method = applicable_method(runtime, number, arguments)?;
    let count = runtime.extensions.classes.generics.get(number).dispatched.min(arguments.len());
    runtime.is_kind(method, Kind::Closure).then_some((method, count))
}

fn applicable_method(runtime: &mut Runtime, number: u32, arguments: &[Value]) -> Option<Value> {
    let entry = runtime.extensions.classes.generics.get(number);
    let count = entry.dispatched.min(arguments.len());
    if count > CACHED {
        let classes: Vec<_> = arguments[..count].iter().map(|argument| class_of(runtime, *argument)).collect();
        return choose(runtime, number, &classes);
    }
    let mut key = [ClassNumber::MAX; CACHED];
    for (place, argument) in key.iter_mut().zip(&arguments[..count]) {
        *place = class_of(runtime, *argument);
    }
    if let Some(function) = entry.found.get(&key) {
        return Some(*function);
    }
    let function = choose(runtime, number, &key[..count])?;
    runtime.extensions.classes.generics.get_mut(number).found.insert(key, function);
    Some(function)
}

/// The best of all methods that apply to arguments of these classes.
fn choose(runtime: &Runtime, number: u32, classes: &[ClassNumber]) -> Option<Value> {
    let mut best: Option<(Vec<u32>, Value)> = None;
    for method in &runtime.extensions.classes.generics.get(number).methods {
        let Some(mut distances) = distances(runtime, method, classes) else { continue };
        // An argument that a method names no class for is of any class.
        distances.resize(classes.len(), u32::MAX);
        if best.as_ref().is_none_or(|(other, _)| distances < *other) {
            best = Some((distances, method.function));
        }
    }
    best.map(|(_, function)| function)
}

/// How far the arguments' classes lie below the method's; `None` if it does not apply.
fn distances(runtime: &Runtime, method: &Method, classes: &[ClassNumber]) -> Option<Vec<u32>> {
    if method.classes.len() > classes.len() {
        return None;
    }
    let pairs = method.classes.iter().zip(classes);
    pairs.map(|(wanted, class)| distance(runtime, *class, runtime.index(*wanted))).collect()
}

/// The method that a selector or multimethod would choose for some arguments without the one for these classes: the best
/// of all that are less specific.
///
/// # Errors
/// `no-method` if there is none.
pub(crate) fn next_method(runtime: &mut Runtime, generic: Value, classes: &[Value], arguments: &[Value]) -> Outcome {
    let Some(number) = generic_number(runtime, generic) else {
        return Err(runtime.type_error("call-next-method", "a selector or multimethod", generic));
    };
    let entry = runtime.extensions.classes.generics.get(number);
    let count = entry.dispatched.min(arguments.len());
    let given: Vec<_> = arguments[..count].iter().map(|argument| class_of(runtime, *argument)).collect();
    let methods = &runtime.extensions.classes.generics.get(number).methods;
    let full = |method: &Method| {
        let mut distances = distances(runtime, method, &given)?;
        distances.resize(given.len(), u32::MAX);
        Some(distances)
    };
    let own = methods.iter().find(|method| method.classes == classes).and_then(full);
    let further = methods.iter().filter_map(|method| Some((full(method)?, method.function)));
    let best = own.and_then(|own| further.filter(|(distances, _)| *distances > own).min_by(|a, b| a.0.cmp(&b.0)));
    match best {
        Some((_, function)) => Ok(function),
        None => no_method(runtime, number, &given, "no further method"),
    }
}

#[cold]
fn no_method(runtime: &mut Runtime, number: u32, classes: &[ClassNumber], what: &str) -> Outcome {
    let name = runtime.extensions.classes.generics.get(number).name;
    let shown: Vec<_> = classes.iter().map(|class| class_name(runtime, *class).to_string()).collect();
    let message = format!("{}: {what} for ({})", runtime.symbols.name(name), shown.join(" "));
    let mut irritants = vec![runtime.symbols.value(name)];
    let names = classes.iter().map(|class| runtime.extensions.classes.classes.get(*class).name);
    irritants.extend(names.map(|name| runtime.symbols.value(name)));
    Err(runtime.error(ErrorKind::NoMethod, &message, &irritants))
}

/// Byte offset of a field of an instance.
pub(crate) fn field_offset(index: usize) -> i32 {
    offset::INSTANCE_FIELDS + field(index) - field(0)
}

/// Mark the built-in classes.
pub(crate) fn trace_classes(runtime: &Runtime, marker: &mut Marker) {
    runtime.extensions.classes.built_in.iter().for_each(|class| marker.value(*class));
}

/// Mark what a class, selector or multimethod refers to.
pub(crate) fn trace_entry(runtime: &Runtime, kind: Kind, index: usize, marker: &mut Marker) {
    let Ok(index) = u32::try_from(index) else { return };
    let classes = &runtime.extensions.classes;
    match kind {
        Kind::Class => {
            let base = classes.classes.find(index).and_then(|class| class.base);
            if let Some(base) = base.and_then(|base| classes.classes.find(base)) {
                marker.value(base.object);
            }
        }
        Kind::Selector | Kind::Generic => {
            for method in classes.generics.find(index).iter().flat_map(|generic| &generic.methods) {
                marker.value(method.function);
                method.classes.iter().for_each(|class| marker.value(*class));
            }
        }
        _ => {}
    }
}

/// Drop the entries of objects that died. Numbers of dead classes are used again, so what was found is forgotten.
pub(crate) fn sweep_classes(runtime: &mut Runtime) {
    runtime.sweep_caches();
    let (heap, tables) = (&runtime.heap, &mut runtime.extensions.classes);
    let mut some_died = false;
    for index in tables.classes.indices() {
        if !heap.is_marked(tables.classes.get(index).object) {
            tables.classes.remove(index);
            some_died = true;
        }
    }
    for index in tables.generics.indices() {
        if !heap.is_marked(tables.generics.get(index).object) {
            tables.generics.remove(index);
        } else if some_died {
            tables.generics.get_mut(index).found.clear();
        }
    }
}
