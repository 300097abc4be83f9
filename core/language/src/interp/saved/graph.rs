//! Everything that is saved, found from the bindings on: objects in the order in which they were come upon, and the trees
//! of their functions. Nothing is made here, so nothing moves and nothing is collected meanwhile.

use super::names::{is_below, Names};
use super::trail::{in_words, Origin, Step};
use super::{stands_for_itself, Problem};
use crate::interp::primitives::arrays;
use crate::runtime::tree::{all_prototypes, Prototype};
use crate::runtime::{classes, table, Runtime, Symbol};
use crate::syntax::print;
use crate::value::{offset, Kind, Value};
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// What an object is to what is saved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// Written down with all its parts.
    Whole,
    /// The saved environment itself.
    Own,
    /// The environment that programs run in.
    Global,
    /// An environment that variables lead to from the global one on.
    Module(Vec<Symbol>),
    /// What an environment binds that is not saved.
    Named(Value, Symbol),
}

/// All that is saved.
#[derive(Debug)]
pub struct Graph {
    pub(super) own: Value,
    /// Whether it is of an environment with its state; else of a program, which makes its own when it runs.
    is_environment: bool,
    numbers: FxHashMap<Value, usize>,
    pub(super) objects: Vec<(Value, Standing)>,
    origins: Vec<Origin>,
    /// Trees, in the order in which they were come upon; some may be parts of later ones.
    found: Vec<Rc<Prototype>>,
    known: FxHashSet<*const Prototype>,
    /// All trees that are written, each before those in it.
    pub(super) prototypes: Vec<Rc<Prototype>>,
    prototype_numbers: FxHashMap<*const Prototype, usize>,
    names: Names,
    /// Numbers that are the addresses of something in this process.
    addresses: Vec<u64>,
    /// How many objects' parts were entered.
    followed: usize,
    /// Methods for selectors that are named: the selector, the classes, the function.
    pub(super) methods: Vec<(Value, Vec<Value>, Value)>,
}

impl Graph {
    fn empty(own: Value, is_environment: bool, names: Names, addresses: Vec<u64>) -> Graph {
        Graph {
            own,
            is_environment,
            numbers: FxHashMap::default(),
            objects: Vec::new(),
            origins: Vec::new(),
            found: Vec::new(),
            known: FxHashSet::default(),
            prototypes: Vec::new(),
            prototype_numbers: FxHashMap::default(),
            names,
            addresses,
            followed: 0,
            methods: Vec::new(),
        }
    }

    /// What is saved of an environment: all that it binds, and the instance that stands for it, if that is what is saved.
    /// `addresses` are numbers that mean something in this process only.
    ///
    /// # Errors
    /// What in it cannot be saved, and why.
    pub fn of_environment(runtime: &Runtime, answer: Value, addresses: Vec<u64>) -> Result<Graph, Problem> {
        let own = runtime.environment_itself(answer).ok_or("it is no environment")?;
        if own == runtime.global {
            return Err("the global environment is there in every run and cannot be saved; save one below it".into());
        }
        let mut graph = Graph::empty(own, true, Names::around(runtime, own), addresses);
        let index = runtime.index(own);
        graph.enter(runtime, own, Origin { holder: None, step: Step::Environment })?;
        graph.enter(runtime, answer, Origin { holder: None, step: Step::Environment })?;
        if let Some(parent) = runtime.environments.get(index).parent {
            graph.enter_environment(runtime, parent, None)?;
        }
        for cell in &runtime.environments.get(index).bound {
            let cell = runtime.cells.get(*cell);
            graph.enter(runtime, cell.value, Origin { holder: None, step: Step::Variable(cell.symbol) })?;
        }
        graph.follow(runtime)?;
        while graph.enter_methods(runtime)? {
            graph.follow(runtime)?;
        }
        graph.number_prototypes(true);
        Ok(graph)
    }

    /// What is saved of a program: the constants of its trees.
    ///
    /// # Errors
    /// As for environments.
    pub fn of_program(runtime: &Runtime, own: Value, roots: &[Rc<Prototype>]) -> Result<Graph, Problem> {
        let mut graph = Graph::empty(own, false, Names::default(), Vec::new());
        graph.enter(runtime, own, Origin { holder: None, step: Step::Environment })?;
        for root in roots {
            graph.enter_prototype(runtime, root, None)?;
        }
        graph.follow(runtime)?;
        graph.number_prototypes(false);
        Ok(graph)
    }

    /// The environment that is saved, or that the program is of.
    pub fn own(&self) -> Value {
        self.own
    }
    /// The trees that are written, apart from those that are parts of others.
    pub fn roots(&self) -> &[Rc<Prototype>] {
        &self.found
    }
    /// The number of a tree among all that are written, each before those in it.
    pub fn number_of(&self, prototype: &Rc<Prototype>) -> Option<usize> {
        self.prototype_numbers.get(&Rc::as_ptr(prototype)).copied()
    }
    /// The number of the tree that a code object is of.
    pub fn number_of_code(&self, code: Value) -> Option<usize> {
        self.prototypes.iter().position(|prototype| prototype.code == code)
    }
    pub(super) fn number(&self, value: Value) -> Option<usize> {
        self.numbers.get(&value).copied()
    }

    /// Enter a constant that code has, and all that it refers to.
    ///
    /// # Errors
    /// When it cannot be saved: what it is, in words.
    pub fn add(&mut self, runtime: &Runtime, constant: Value) -> Result<(), Problem> {
        self.enter(runtime, constant, Origin { holder: None, step: Step::Code })?;
        self.follow(runtime)
    }

    /// What an object refers to is entered behind it, until there is nothing new.
    fn follow(&mut self, runtime: &Runtime) -> Result<(), Problem> {
        while let Some((object, standing)) = self.objects.get(self.followed).cloned() {
            let holder = self.followed;
            match standing {
                Standing::Whole => self.enter_parts(runtime, holder, object)?,
                Standing::Named(environment, _) => self.enter_part(runtime, holder, Step::Environment, environment)?,
                Standing::Own | Standing::Global | Standing::Module(_) => {}
            }
            self.followed += 1;
        }
        Ok(())
    }

    fn enter_part(&mut self, runtime: &Runtime, holder: usize, step: Step, part: Value) -> Result<(), Problem> {
        self.enter(runtime, part, Origin { holder: Some(holder), step })
    }

    /// Give an object a number, unless it has one.
    fn enter(&mut self, runtime: &Runtime, value: Value, origin: Origin) -> Result<(), Problem> {
        if stands_for_itself(runtime, value) {
            return match self.is_address(value) {
                true => Err(self.refusal(runtime, origin, "an address that dlsym gave, which only this process has")),
                false => Ok(()),
            };
        }
        if self.numbers.contains_key(&value) {
            return Ok(());
        }
        let standing = self.standing(runtime, value).map_err(|reason| self.refusal(runtime, origin, &reason))?;
        self.numbers.insert(value, self.objects.len());
        self.objects.push((value, standing));
        self.origins.push(origin);
        Ok(())
    }

    /// What a value is to what is saved; or why it cannot be saved.
    fn standing(&self, runtime: &Runtime, value: Value) -> Result<Standing, Problem> {
        if value.is_pair() {
            return Ok(Standing::Whole);
        }
        match runtime.kind(value) {
            Some(Kind::Big | Kind::Double | Kind::String | Kind::Array | Kind::Data | Kind::Primitive) => {
                Ok(Standing::Whole)
            }
            Some(Kind::Environment) => self.standing_of_environment(runtime, value),
            Some(Kind::Port) if self.is_environment => Err("an open file, which only this process has".into()),
            Some(
                Kind::Table
                | Kind::Box
                | Kind::Error
                | Kind::Architecture
                | Kind::Closure
                | Kind::Form
                | Kind::Class
                | Kind::Selector
                | Kind::Generic
                | Kind::Instance,
            ) if self.is_environment => Ok(match self.names.of(value) {
                Some((environment, name)) if !self.is_at_home(runtime, value) => Standing::Named(environment, name),
                _ => Standing::Whole,
            }),
            _ => Err(shown(runtime, value)),
        }
    }

    fn standing_of_environment(&self, runtime: &Runtime, value: Value) -> Result<Standing, Problem> {
        let path = self.names.path(value);
        Ok(match path {
            _ if value == self.own => Standing::Own,
            _ if value == runtime.global => Standing::Global,
            Some(path) => Standing::Module(path.to_vec()),
            None if self.is_environment => Standing::Whole,
            None => return Err("an environment that is not its own".into()),
        })
    }

    /// Whether a number is an address that this process was told of.
    fn is_address(&self, value: Value) -> bool {
        let number = value.as_fixnum().and_then(|number| u64::try_from(number).ok());
        number.is_some_and(|number| self.addresses.contains(&number))
    }

    /// Whether something was defined in the environment that is saved, or in one that is saved with it: then it is not
    /// named, whoever else binds it.
    fn is_at_home(&self, runtime: &Runtime, value: Value) -> bool {
        let home = match runtime.kind(value) {
            Some(Kind::Closure) => runtime.prototype(value).map(|prototype| prototype.environment),
            Some(Kind::Form) => return self.is_at_home(runtime, runtime.field(value, offset::FORM_FUNCTION)),
            Some(Kind::Instance) => runtime.environment_itself(value),
            _ => classes::home(runtime, value).and_then(|index| runtime.environments.find(index)?.value),
        };
        home.is_some_and(|home| is_below(runtime, home, self.own))
    }

    fn enter_environment(&mut self, runtime: &Runtime, index: u32, holder: Option<usize>) -> Result<(), Problem> {
        let value = runtime.environments.get(index).value.unwrap_or(Value::NIL);
        self.enter(runtime, value, Origin { holder, step: Step::Environment })
    }

    /// Enter what an object that is written down refers to.
    fn enter_parts(&mut self, runtime: &Runtime, holder: usize, object: Value) -> Result<(), Problem> {
        if object.is_pair() {
            self.enter_part(runtime, holder, Step::First, runtime.car(object))?;
            return self.enter_part(runtime, holder, Step::Rest, runtime.cdr(object));
        }
        match runtime.kind(object) {
            Some(Kind::Array) => {
                for (index, element) in arrays::elements(runtime, object).iter().enumerate() {
                    self.enter_part(runtime, holder, Step::Element(index), *element)?;
                }
            }
            Some(Kind::Table) => {
                for (key, value) in table::entries(runtime, object) {
                    self.enter_part(runtime, holder, Step::Key, key)?;
                    self.enter_part(runtime, holder, Step::ValueOf(key), value)?;
                }
            }
            Some(Kind::Box) => self.enter_part(runtime, holder, Step::Content, runtime.slot(object, 0))?,
            Some(Kind::Form) => self.enter_part(runtime, holder, Step::Expansion, runtime.slot(object, 0))?,
            Some(Kind::Closure) => self.enter_closure(runtime, holder, object)?,
            Some(Kind::Class) => {
                let base = classes::class(runtime, object).and_then(|class| class.base);
                let base = base.map(|base| classes::class_object(runtime, base));
                self.enter_part(runtime, holder, Step::Class, base.unwrap_or(Value::NIL))?;
            }
            Some(Kind::Instance) => self.enter_instance(runtime, holder, object)?,
            Some(Kind::Error) => {
                for field in [offset::ERROR_KIND, offset::ERROR_MESSAGE, offset::ERROR_IRRITANTS] {
                    self.enter_part(runtime, holder, Step::Irritants, runtime.field(object, field))?;
                }
            }
            Some(Kind::Selector | Kind::Generic) => {
                for (number, (classes, function)) in classes::methods(runtime, object).into_iter().enumerate() {
                    self.enter_part(runtime, holder, Step::Method(number), function)?;
                    for class in classes {
                        self.enter_part(runtime, holder, Step::Class, class)?;
                    }
                }
            }
            Some(Kind::Environment) => {
                let environment = runtime.environments.get(runtime.index(object));
                if let Some(parent) = environment.parent {
                    self.enter_environment(runtime, parent, Some(holder))?;
                }
                for cell in &environment.bound {
                    let cell = runtime.cells.get(*cell);
                    self.enter_part(runtime, holder, Step::Variable(cell.symbol), cell.value)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn enter_closure(&mut self, runtime: &Runtime, holder: usize, closure: Value) -> Result<(), Problem> {
        let Some(prototype) = runtime.prototype(closure).cloned() else { return Ok(()) };
        self.enter_prototype(runtime, &prototype, Some(holder))?;
        for (index, captured) in runtime.slots(closure)[1..].iter().enumerate() {
            let name = prototype.captured_names.get(index).copied().unwrap_or(Value::NIL);
            self.enter_part(runtime, holder, Step::Captured(name), *captured)?;
        }
        Ok(())
    }

    fn enter_instance(&mut self, runtime: &Runtime, holder: usize, instance: Value) -> Result<(), Problem> {
        let class = runtime.field(instance, offset::INSTANCE_CLASS);
        self.enter_part(runtime, holder, Step::Class, class)?;
        let fields = classes::class(runtime, class).map_or(&[][..], |class| &class.fields);
        for (field, value) in fields.iter().zip(&runtime.slots(instance)[1..]) {
            self.enter_part(runtime, holder, Step::Field(*field), *value)?;
        }
        Ok(())
    }

    /// Enter what a tree, and those in it, refer to.
    fn enter_prototype(
        &mut self,
        runtime: &Runtime,
        root: &Rc<Prototype>,
        holder: Option<usize>,
    ) -> Result<(), Problem> {
        if self.known.contains(&Rc::as_ptr(root)) {
            return Ok(());
        }
        self.found.push(root.clone());
        for prototype in all_prototypes(std::slice::from_ref(root)) {
            if !self.known.insert(Rc::as_ptr(&prototype)) {
                continue;
            }
            self.enter(runtime, prototype.environment, Origin { holder, step: Step::Environment })?;
            for constant in prototype.constants.iter().chain([&prototype.deferred]) {
                self.enter_constant(runtime, &prototype, *constant, Origin { holder, step: Step::Code })?;
            }
        }
        Ok(())
    }

    fn enter_constant(
        &mut self,
        runtime: &Runtime,
        prototype: &Prototype,
        constant: Value,
        origin: Origin,
    ) -> Result<(), Problem> {
        if self.is_environment {
            return self.enter(runtime, constant, origin);
        }
        let entered = self.enter(runtime, constant, origin).and_then(|()| self.follow(runtime));
        entered.map_err(|thing| in_code(runtime, prototype, &thing))
    }

    /// Enter the methods of selectors that are named which belong here; whether there were some.
    fn enter_methods(&mut self, runtime: &Runtime) -> Result<bool, Problem> {
        let before = self.methods.len();
        for generic in classes::generic_objects(runtime) {
            let Some((environment, name)) = self.names.of(generic).filter(|_| !self.is_at_home(runtime, generic))
            else {
                continue;
            };
            for (number, (method_classes, function)) in classes::methods(runtime, generic).into_iter().enumerate() {
                let belongs =
                    self.is_at_home(runtime, function) || method_classes.iter().any(|class| self.is_written(*class));
                let known =
                    self.methods.iter().any(|(other, classes, _)| *other == generic && *classes == method_classes);
                if !belongs || known {
                    continue;
                }
                self.enter(runtime, generic, Origin { holder: None, step: Step::Variable(name) })?;
                let holder = self.number(generic);
                self.enter(runtime, environment, Origin { holder, step: Step::Environment })?;
                self.enter(runtime, function, Origin { holder, step: Step::Method(number) })?;
                for class in &method_classes {
                    self.enter(runtime, *class, Origin { holder, step: Step::Class })?;
                }
                self.methods.push((generic, method_classes, function));
            }
        }
        Ok(self.methods.len() > before)
    }

    fn is_written(&self, value: Value) -> bool {
        self.number(value).is_some_and(|number| self.objects[number].1 == Standing::Whole)
    }

    /// Trees that turned out to be parts of others are no roots; then all have numbers.
    fn number_prototypes(&mut self, without_parts: bool) {
        if without_parts {
            let mut parts = FxHashSet::default();
            for root in &self.found {
                parts.extend(all_prototypes(std::slice::from_ref(root)).iter().skip(1).map(Rc::as_ptr));
            }
            self.found.retain(|root| !parts.contains(&Rc::as_ptr(root)));
        }
        self.prototypes = all_prototypes(&self.found);
        let numbers = self.prototypes.iter().enumerate();
        self.prototype_numbers = numbers.map(|(number, prototype)| (Rc::as_ptr(prototype), number)).collect();
    }

    /// Why something cannot be saved: what it is, and how one comes to it.
    fn refusal(&self, runtime: &Runtime, origin: Origin, reason: &str) -> Problem {
        if !self.is_environment {
            return reason.into();
        }
        let mut steps = vec![origin.step];
        let mut holder = origin.holder;
        while let Some(number) = holder {
            steps.push(self.origins[number].step);
            holder = self.origins[number].holder;
        }
        steps.reverse();
        match steps[..] {
            [Step::Variable(name)] => format!("'{}' cannot be saved: it is {reason}", runtime.symbols.name(name)),
            [Step::Variable(name), ref rest @ ..] => {
                let (name, way) = (runtime.symbols.name(name), in_words(runtime, rest));
                format!("'{name}' cannot be saved: {way} is {reason}")
            }
            _ => format!("{} cannot be saved: it is {reason}", in_words(runtime, &steps)),
        }
    }
}

/// Why a constant that a macro put into a program's code cannot be saved.
fn in_code(runtime: &Runtime, prototype: &Prototype, thing: &str) -> Problem {
    let place = runtime.sources.locate(prototype.position);
    let place = place.map_or(String::new(), |(file, line, column)| format!("{file}:{line}:{column}: "));
    let what = match runtime.as_symbol(prototype.name) {
        Some(name) => format!("'{}'", runtime.symbols.name(name)),
        None => "this form".into(),
    };
    format!(
        "{place}{what} cannot be saved: its code has {thing} in it, which is no data that can be read back; let the macro \
         that put it there write a form that makes it, or a name that is bound to it"
    )
}

/// What a thing is called in a message: by its text, unless that may have no end.
fn shown(runtime: &Runtime, value: Value) -> String {
    match runtime.kind(value) {
        Some(Kind::Instance | Kind::Error) => {
            format!("an instance of {}", classes::class_name(runtime, classes::class_of(runtime, value)))
        }
        _ => print::text(runtime, value, print::Style::Dump),
    }
}
