//! Programs built ahead of time: from source to a library, or to a stage on the way; and opened again.

use super::compile::{optimise, set_up_machine};
use super::image::CompiledUnit;
use super::manifest::{manifest, Contents, Problem};
use super::open::open_library;
use super::pipeline::{LibraryParts, Target};
use super::program::BuiltProgram;
use super::{CompileFailure, HasUnits, Units};
use crate::lower::{linear_text, lower_unit, Linking, LoweredUnit, LoweringTarget};
use maru_core::abi::layout::{offset, Kind, Value};
use maru_core::abi::Position;
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use maru_core::ir::passes;
use maru_language::interp::expand::expand_toplevel;
use maru_language::interp::tree_text::{tree_lines, tree_text, TreeLine};
use maru_language::runtime::tree::{Call, Node, Prototype};
use maru_language::runtime::{ErrorKind, Failure, Outcome, Runtime};
use maru_language::syntax::Reader;
use std::path::Path;
use std::rc::Rc;

/// What a program is built to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Artifact {
    /// A library, to be loaded.
    Library,
    /// A relocatable object, of which a linker can make the library.
    Object,
    /// The same as assembly text.
    Assembly,
    /// Text, of which a compiler can make the object: of targets whose code is that.
    Text,
}

/// Compile a program ahead of time, to the bytes of a file. Definitions are made at once, because macros may need
/// them; nothing else of the program runs.
///
/// # Errors
/// What is wrong with the program, rendered; or what the target or format lacks.
pub fn build_program(
    runtime: &mut Runtime,
    name: &str,
    text: &str,
    architecture: &'static dyn Architecture,
    format: &'static dyn ObjectFormat,
    artifact: Artifact,
) -> Result<Vec<u8>, Problem> {
    let contents = read_program(runtime, name, text)?;
    let maker = match artifact {
        Artifact::Library => Units::library,
        Artifact::Object => Units::object,
        Artifact::Assembly => Units::assembly,
        Artifact::Text => Units::text,
    };
    make(runtime, name, contents, (architecture, format), maker)
}

/// What turns optimised IR into a file's bytes.
type Maker = fn(&mut Units, Target, &[maru_core::ir::Function], &LibraryParts) -> Result<Vec<u8>, CompileFailure>;

/// Compile some contents to the bytes of a file.
pub(super) fn make(
    runtime: &mut Runtime,
    name: &str,
    contents: Contents,
    (architecture, format): (&'static dyn Architecture, &'static dyn ObjectFormat),
    maker: Maker,
) -> Result<Vec<u8>, Problem> {
    let lowered = lower_contents(runtime, &contents, LoweringTarget::of(architecture))?;
    let manifest = manifest(runtime, contents, &lowered)?;
    let target = Target { architecture, format, strategy: runtime.options.strategy };
    let parts = LibraryParts { name, source: &lowered.source, data_words: lowered.data.len(), manifest: &manifest };
    maker(runtime.native.units_mut(), target, &lowered.functions, &parts).map_err(|CompileFailure(message)| message)
}

/// The optimised IR of a program's functions.
///
/// # Errors
/// As [`build_program`].
pub fn program_ir(
    runtime: &mut Runtime,
    name: &str,
    text: &str,
    target: LoweringTarget,
) -> Result<Vec<maru_core::ir::Function>, Problem> {
    let contents = read_program(runtime, name, text)?;
    Ok(lower_contents(runtime, &contents, target)?.functions)
}

/// The IR of a program's functions as it is lowered, and after each pass, as text for people.
///
/// # Errors
/// As [`build_program`].
pub fn program_passes(
    runtime: &mut Runtime,
    name: &str,
    text: &str,
    target: LoweringTarget,
) -> Result<String, Problem> {
    let contents = read_program(runtime, name, text)?;
    let linking = Linking::Later(runtime.prelude_cells);
    let mut lowered = lower_unit(runtime, &contents.prototypes, target, linking);
    let mut fuel = super::compile::optimisation_fuel(&runtime.options);
    let mut text = String::new();
    for function in &mut lowered.functions {
        text += &format!("# lowered\n{function}\n");
        let mut before = function.to_string();
        passes::optimise_watched(function, &mut fuel, |pass, function| {
            let after = function.to_string();
            text += &match after == before {
                true => format!("# after {pass}: as before\n\n"),
                false => format!("# after {pass}\n{after}\n"),
            };
            before = after;
        });
    }
    Ok(text)
}

/// The linear form of a program's functions, as text for people.
///
/// # Errors
/// As [`build_program`].
pub fn program_linear(
    runtime: &mut Runtime,
    name: &str,
    text: &str,
    target: LoweringTarget,
) -> Result<String, Problem> {
    let contents = read_program(runtime, name, text)?;
    let linking = Linking::Later(runtime.prelude_cells);
    Ok(linear_text(runtime, &contents.prototypes, target, linking))
}

/// The resolved trees of a program, as text for people.
///
/// # Errors
/// As [`build_program`].
pub fn program_tree(runtime: &mut Runtime, name: &str, text: &str) -> Result<String, Problem> {
    let contents = read_program(runtime, name, text)?;
    Ok(contents.prototypes.iter().map(|prototype| tree_text(runtime, prototype)).collect())
}

/// The same, each tree by lines with their places in the source.
///
/// # Errors
/// As [`build_program`].
pub fn program_tree_lines(runtime: &mut Runtime, name: &str, text: &str) -> Result<Vec<Vec<TreeLine>>, Problem> {
    let contents = read_program(runtime, name, text)?;
    Ok(contents.prototypes.iter().map(|prototype| tree_lines(runtime, prototype)).collect())
}

pub(super) fn rendered(runtime: &mut Runtime) -> Problem {
    let error = runtime.take_failure();
    let message = runtime.field(error, offset::ERROR_MESSAGE);
    let position = Position::from_value(runtime.field(error, offset::ERROR_POSITION));
    let place = runtime.sources.locate(position).map(|(file, line, column)| format!("{file}:{line}:{column}: "));
    place.unwrap_or_default() + &runtime.text(message)
}

fn read_program(runtime: &mut Runtime, name: &str, text: &str) -> Result<Contents, Problem> {
    let source = runtime.sources.add(name, text.to_string());
    let mut reader = Reader::new(source, text);
    let mut prototypes = Vec::new();
    loop {
        let form = match reader.next(runtime) {
            Ok(Some(form)) => form,
            Ok(None) => break,
            Err(error) => {
                let Failure = error.raise(runtime);
                return Err(rendered(runtime));
            }
        };
        runtime.roots.push(form);
        let prototype = expand(runtime, form).map_err(|Failure| rendered(runtime))?;
        runtime.roots.push(prototype.code);
        if is_definition(runtime, &prototype, &prototype.body) {
            let closure = closure_of(runtime, &prototype).map_err(|Failure| rendered(runtime))?;
            maru_language::interp::call(runtime, closure, &[]).map_err(|Failure| rendered(runtime))?;
        } else {
            define_selectors(runtime, &prototype, &prototype.body);
        }
        prototypes.push(prototype);
    }
    Ok(Contents { source, prototypes, saved: None })
}

/// Expand a form. A macro may need what only the running program has, such as the value of a variable: then the form
/// is evaluated when its turn comes. A malformed form is wrong at any time.
fn expand(runtime: &mut Runtime, form: Value) -> Result<Rc<Prototype>, Failure> {
    let environment = runtime.global;
    expand_toplevel(runtime, form, environment).or_else(|Failure| {
        if runtime.error_kind(runtime.context.failure) == Some(ErrorKind::Syntax) {
            return Err(Failure);
        }
        runtime.take_failure();
        let base = runtime.roots.len();
        let quote = runtime.symbol_value("quote");
        let quoted = runtime.list(&[quote, form])?;
        runtime.roots.push(quoted);
        let eval = runtime.primitive_value("eval").unwrap_or(Value::NIL);
        let later = runtime.list(&[eval, quoted, environment])?;
        runtime.roots.push(later);
        let prototype = expand_toplevel(runtime, later, environment);
        runtime.roots.truncate(base);
        prototype
    })
}

/// Whether a form only defines functions, constants and macros, so that evaluating it does nothing else.
fn is_definition(runtime: &Runtime, prototype: &Prototype, node: &Node) -> bool {
    match node {
        Node::Define(_, value, ..) => match &**value {
            Node::Lambda(_) | Node::Constant(_) => true,
            Node::Call(call) => {
                called_primitive(runtime, prototype, &call.function) == Some("make-form")
                    && matches!(call.arguments[..], [Node::Lambda(_)])
            }
            _ => false,
        },
        Node::Sequence(nodes) => nodes.iter().all(|node| is_definition(runtime, prototype, node)),
        Node::Constant(_) => true,
        _ => false,
    }
}

/// The name of the primitive that an operator is bound to.
fn called_primitive(runtime: &Runtime, prototype: &Prototype, operator: &Node) -> Option<&'static str> {
    let Node::Global(cell, _) = operator else { return None };
    runtime.primitive_name(runtime.cells.get(prototype.cells[*cell as usize]).value)
}

/// Make the selectors and multimethods that a form defines: the expansion of a method asks by how many classes its
/// selector chooses. What cannot be made is left to the program, which will say so when it runs.
fn define_selectors(runtime: &mut Runtime, prototype: &Prototype, node: &Node) {
    match node {
        Node::Sequence(nodes) => nodes.iter().for_each(|node| define_selectors(runtime, prototype, node)),
        Node::Define(cell, value, ..) => {
            let Node::Call(call) = &**value else { return };
            let name = called_primitive(runtime, prototype, &call.function);
            if !matches!(name, Some("%make-selector" | "%make-multimethod" | "%ensure-multimethod")) {
                return;
            }
            if let Some(made) = call_on_constants(runtime, prototype, call) {
                runtime.define_cell(prototype.cells[*cell as usize], made, false);
            }
        }
        // A method makes its selector if there is none.
        Node::Call(call) if called_primitive(runtime, prototype, &call.function) == Some("%add-method") => {
            let Some(Node::Call(selector)) = call.arguments.first() else { return };
            if called_primitive(runtime, prototype, &selector.function) == Some("%ensure-selector") {
                call_on_constants(runtime, prototype, selector);
            }
        }
        _ => {}
    }
}

/// The value of a call of a primitive, if all its arguments are constants and it does not fail.
fn call_on_constants(runtime: &mut Runtime, prototype: &Prototype, call: &Call) -> Option<Value> {
    let primitive = called_primitive(runtime, prototype, &call.function)?;
    let constant = |node: &Node| match node {
        Node::Constant(index) => Some(prototype.constants[*index as usize]),
        _ => None,
    };
    let arguments = call.arguments.iter().map(constant).collect::<Option<Vec<Value>>>()?;
    let primitive = runtime.primitive_value(primitive)?;
    match maru_language::interp::call(runtime, primitive, &arguments) {
        Ok(value) => Some(value),
        Err(Failure) => {
            runtime.take_failure();
            None
        }
    }
}

pub(super) fn closure_of(runtime: &mut Runtime, prototype: &Rc<Prototype>) -> Outcome {
    let closure = runtime.object(Kind::Closure, 1)?;
    runtime.set_field(closure, offset::CALLABLE_CODE, prototype.code);
    Ok(closure)
}

fn lower_contents(runtime: &mut Runtime, contents: &Contents, target: LoweringTarget) -> Result<LoweredUnit, Problem> {
    let linking = Linking::Later(runtime.prelude_cells);
    let mut lowered = lower_unit(runtime, &contents.prototypes, target, linking);
    optimise(runtime, &mut lowered.functions).map_err(|CompileFailure(message)| message)?;
    Ok(lowered)
}

/// Open a library that `build_program` made, given its bytes and where they are from, and link its code. The program is
/// reachable through the runtime's roots.
///
/// # Errors
/// Why the file is no such library, or cannot be used here.
pub fn open_program(runtime: &mut Runtime, path: &Path, bytes: &[u8]) -> Result<BuiltProgram, Problem> {
    let (architecture, format) = runtime.native.units().target().map_err(|CompileFailure(message)| message)?;
    set_up_machine(runtime).map_err(|CompileFailure(message)| message)?;
    let image =
        runtime.native.units_mut().load(format, architecture, path, bytes).map_err(|error| error.to_string())?;
    let manifest = image.manifest().to_vec();
    let environment = runtime.global;
    let opened = open_library(runtime, &manifest, Some(CompiledUnit::Library(image)), environment)
        .map_err(|problem| format!("{}: {problem}", path.display()))?;
    let mut forms = Vec::new();
    if opened.answer.is_some() {
        return Err(format!(
            "{}: holds a saved environment, not a program; (load-compiled-environment name) loads those",
            path.display()
        ));
    }
    for prototype in opened.trees {
        let closure = closure_of(runtime, &prototype).map_err(|Failure| rendered(runtime))?;
        runtime.roots.push(closure);
        forms.push((prototype, closure));
    }
    Ok(BuiltProgram { source: opened.source, forms })
}
