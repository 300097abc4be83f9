//! Whole typed programs: global variables, macros, functions, nested environments, then expressions to observe.

use super::dice::Dice;
use super::swarm::{Feature, Swarm};
use super::syntax::{Expr, Function, Item, Kind, Name, Prediction, Program, Type};
use super::typed::{Generator, Known, KnownMacro, Turn, Variable};

/// Work that the expressions of a program may do altogether.
const PROGRAM_WORK: u64 = 30_000;
/// Work that one call of a function may do.
const FUNCTION_WORK: u64 = 400;

/// A well-typed program that ends with values.
pub fn typed(dice: &mut Dice) -> Program {
    let swarm = Swarm::draw(dice);
    let nodes = *dice.pick(&[15, 30, 60, 100, 160, 250]);
    let mut generator = Generator::new(dice, swarm, nodes);
    let items = program(&mut generator);
    Program { items, prediction: Prediction::Value, twin: None }
}

fn program(generator: &mut Generator) -> Vec<Item> {
    let mut items = Vec::new();
    let swarm = generator.swarm;
    generator.limit = PROGRAM_WORK;
    if swarm.has(Feature::Globals) {
        for _ in 0..generator.dice.between(1, 3) {
            items.push(variable(generator));
        }
    }
    if swarm.has(Feature::Macros) {
        for _ in 0..generator.dice.between(1, 2) {
            items.push(macro_definition(generator));
        }
    }
    for _ in 0..generator.dice.between(1, 5) {
        let recursion = swarm.has(Feature::Recursion) || swarm.has(Feature::TailCalls);
        if recursion && generator.dice.chance(40) {
            items.extend(recursive_functions(generator));
        } else {
            items.push(plain_function(generator));
        }
    }
    if swarm.has(Feature::Environments) {
        items.push(environment(generator));
    }
    let depth = if swarm.has(Feature::Deep) { 6 } else { 4 };
    for _ in 0..generator.dice.between(1, 4) {
        items.push(show(generator, depth));
        if swarm.has(Feature::Redefinition) && generator.dice.chance(60) {
            items.extend(redefinition(generator));
        }
        if swarm.has(Feature::Globals) && generator.dice.chance(40) {
            items.extend(generator.statement(2).map(Item::Show));
        }
    }
    items.push(show(generator, depth));
    items
}

fn variable(generator: &mut Generator) -> Item {
    let ty = generator.data_type();
    let value = generator.bounded(&ty, 1);
    let name = generator.name("g");
    generator.scope.push(Variable { name, ty, assignable: true });
    Item::Variable(name, value)
}

/// An expression to observe: a call of a function, for the most part.
fn show(generator: &mut Generator, depth: usize) -> Item {
    let data: Vec<Known> = generator.functions.iter().filter(|known| known.result.is_data()).cloned().collect();
    if !data.is_empty() && generator.dice.chance(70) {
        let known = generator.dice.pick(&data).clone();
        if let Some(call) = generator.call_known(&known, depth.min(3)) {
            return Item::Show(call);
        }
    }
    let ty = generator.data_type();
    Item::Show(generator.expression(&ty, depth))
}

fn macro_definition(generator: &mut Generator) -> Item {
    let parameters: Vec<Type> = (0..generator.dice.between(1, 3)).map(|_| generator.data_type()).collect();
    let result = generator.data_type();
    let names: Vec<Name> = parameters.iter().map(|_| generator.name("p")).collect();
    let variables = names.iter().zip(&parameters);
    let variables = variables.map(|(name, ty)| Variable { name: *name, ty: ty.clone(), assignable: false }).collect();
    // A template sees its parameters only: what it is used beside is not known.
    let outer = std::mem::take(&mut generator.scope);
    generator.template = true;
    let template =
        generator.measured(40, |generator| generator.scoped(variables, |generator| generator.expression(&result, 3))).0;
    generator.template = false;
    generator.scope = outer;
    let mut copies = 1;
    template.visit(&mut |part| copies += u64::from(matches!(part.kind, Kind::Unquoted(_))));
    let name = generator.name("m");
    generator.macros.push(KnownMacro { name, parameters, result, copies });
    Item::Macro(name, names, template)
}

fn parameter_types(generator: &mut Generator) -> Vec<Type> {
    let many = generator.swarm.has(Feature::ManyParameters);
    let count = match many && generator.dice.chance(40) {
        true => generator.dice.between(6, 12),
        false => *generator.dice.pick(&[0, 1, 1, 2, 2, 3, 4, 5]),
    };
    let mut types: Vec<Type> = (0..count).map(|_| generator.data_type()).collect();
    if generator.swarm.has(Feature::HigherOrder) && !types.is_empty() && generator.dice.chance(40) {
        let at = generator.dice.below(types.len());
        types[at] = generator.function_type();
    }
    types
}

fn plain_function(generator: &mut Generator) -> Item {
    let parameters = parameter_types(generator);
    let curried = generator.swarm.has(Feature::HigherOrder) && generator.dice.chance(12);
    let result = if curried { generator.function_type() } else { generator.data_type() };
    let rest = generator.swarm.has(Feature::Rest) && generator.dice.chance(40);
    let name = generator.name("f");
    let (function, cost) = function_body(generator, name, &parameters, &result, rest, FUNCTION_WORK);
    generator.functions.push(Known { name, parameters, rest, recursion: None, result, cost, environment: None });
    Item::Function(function)
}

fn function_body(
    generator: &mut Generator,
    name: Name,
    parameters: &[Type],
    result: &Type,
    rest: bool,
    limit: u64,
) -> (Function, u64) {
    let names: Vec<Name> = parameters.iter().map(|_| generator.name("x")).collect();
    let mut variables = generator.parameters(&names, parameters);
    let rest = rest.then(|| generator.name("x"));
    variables.extend(rest.map(|name| Variable { name, ty: Type::Integer.list(), assignable: false }));
    let depth = generator.dice.between(2, 5);
    let (body, cost) = generator.measured(limit, |generator| {
        generator.scoped(variables, |generator| {
            let body = generator.expression(result, depth);
            generator.cut(body, true)
        })
    });
    let style = if rest.is_some() && names.is_empty() { 2 } else { generator.dice.below(3) as u8 };
    let parameters = names.into_iter().zip(parameters.iter().cloned()).collect();
    (Function { name, style, fuel: None, parameters, rest, body }, cost)
}

/// One function with fuel, or two that also call each other.
fn recursive_functions(generator: &mut Generator) -> Vec<Item> {
    let result = generator.data_type();
    let count = generator.dice.between(1, 2);
    let twice = generator.swarm.has(Feature::Recursion) && generator.dice.chance(25);
    let plan: Vec<(Name, Name, Vec<Type>)> =
        (0..count).map(|_| (generator.name("f"), generator.name("i"), parameter_types(generator))).collect();
    let mut made = Vec::new();
    for (name, fuel, types) in &plan {
        let names: Vec<Name> = types.iter().map(|_| generator.name("x")).collect();
        let mut variables = generator.parameters(&names, types);
        let turns: Vec<Turn> = plan
            .iter()
            .map(|(function, _, types)| Turn {
                function: *function,
                counter: *fuel,
                parameters: types.clone(),
                result: result.clone(),
            })
            .collect();
        let depth = generator.dice.between(1, 3);
        let ((base, (body, sites)), cost) = generator.measured(FUNCTION_WORK / 2, |generator| {
            let base = generator.scoped(variables.clone(), |generator| generator.bounded(&result, depth.min(2)));
            variables.push(Variable { name: *fuel, ty: Type::Integer, assignable: false });
            let most = if twice { 2 } else { 1 };
            (base, generator.scoped(variables, |generator| generator.turn_body(&result, depth, &turns, most)))
        });
        let parameters = names.into_iter().zip(types.iter().cloned()).collect();
        let style = generator.dice.below(3) as u8;
        let function = Function { name: *name, style, fuel: Some((*fuel, base)), parameters, rest: None, body };
        made.push((function, sites, cost));
    }
    let sites = made.iter().map(|(_, sites, _)| *sites).max();
    let cost = made.iter().map(|(.., cost)| *cost).max().unwrap_or(1);
    for (name, _, parameters) in plan {
        let result = result.clone();
        generator.functions.push(Known {
            name,
            parameters,
            rest: false,
            recursion: sites,
            result,
            cost,
            environment: None,
        });
    }
    made.into_iter().map(|(function, ..)| Item::Function(function)).collect()
}

/// A nested environment whose functions are called from outside.
fn environment(generator: &mut Generator) -> Item {
    let name = generator.name("env");
    let count = generator.dice.between(1, 2);
    let mut functions = Vec::new();
    for _ in 0..count {
        let parameters = parameter_types(generator);
        let result = generator.data_type();
        let own = generator.name("f");
        let (function, cost) = function_body(generator, own, &parameters, &result, false, FUNCTION_WORK);
        functions.push((function, parameters, result, cost));
    }
    for (function, parameters, result, cost) in &functions {
        generator.functions.push(Known {
            name: function.name,
            parameters: parameters.clone(),
            rest: false,
            recursion: None,
            result: result.clone(),
            cost: *cost,
            environment: Some(name),
        });
    }
    Item::Environment(name, functions.into_iter().map(|(function, ..)| function).collect())
}

/// A function defined again, with the same parameters and another body, which only calls what came before it.
fn redefinition(generator: &mut Generator) -> Option<Item> {
    let plain = |known: &Known| known.recursion.is_none() && known.environment.is_none();
    let places: Vec<usize> = (0..generator.functions.len()).filter(|at| plain(&generator.functions[*at])).collect();
    if places.is_empty() {
        return None;
    }
    let at = *generator.dice.pick(&places);
    let later = generator.functions.split_off(at);
    let known = later[0].clone();
    let limit = known.cost.max(20);
    let (function, _) = function_body(generator, known.name, &known.parameters, &known.result, known.rest, limit);
    generator.functions.extend(later);
    Some(Item::Function(function))
}

/// The last expression that a program observes.
pub fn last_shown(program: &mut Program) -> Option<&mut Expr> {
    program.items.iter_mut().rev().find_map(|item| match item {
        Item::Show(expr) => Some(expr),
        _ => None,
    })
}
