//! The primitives, one file for each section, each with its table.

pub mod arguments;
pub(super) mod arrays;
mod binary;
mod classes;
mod compare;
mod control;
pub(super) mod data;
mod directories;
mod environments;
mod errors;
mod files;
mod format;
mod hash;
pub mod instances;
mod numbers;
mod pairs;
mod patterns;
mod printing;
mod processes;
mod random;
mod strings;
mod symbols;
mod system;
pub(super) mod tables;
mod text;
mod times;
mod types;

pub use printing::print_value;

use crate::runtime::{ErrorKind, Failure, Outcome, PrimitiveInfo, Runtime, Touch};
use crate::value::{offset, Kind, Value};

/// What the primitives of a section touch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Section {
    /// Nothing outside of the program.
    Inside,
    /// What each of them states.
    Outside,
}

/// All tables.
const TABLES: &[(Section, &[PrimitiveInfo])] = &[
    (Section::Inside, numbers::TABLE),
    (Section::Inside, numbers::UNARY),
    (Section::Inside, numbers::BINARY),
    (Section::Inside, compare::TABLE),
    (Section::Inside, types::TABLE),
    (Section::Inside, types::KINDS),
    (Section::Inside, pairs::TABLE),
    (Section::Inside, pairs::PATHS),
    (Section::Inside, arrays::TABLE),
    (Section::Inside, strings::TABLE),
    (Section::Inside, data::TABLE),
    (Section::Inside, symbols::TABLE),
    (Section::Inside, tables::TABLE),
    (Section::Inside, errors::TABLE),
    (Section::Inside, environments::TABLE),
    (Section::Outside, control::TABLE),
    (Section::Outside, printing::TABLE),
    (Section::Outside, files::TABLE),
    (Section::Inside, binary::TABLE),
    (Section::Outside, directories::TABLE),
    (Section::Outside, processes::TABLE),
    (Section::Inside, random::TABLE),
    (Section::Inside, times::TABLE),
    (Section::Outside, system::TABLE),
    (Section::Inside, patterns::TABLE),
    (Section::Inside, classes::TABLE),
    (
        Section::Inside,
        &[PrimitiveInfo::fixed("length", 1, pairs::length).quiet(), PrimitiveInfo::variadic("concat", 0, concat)],
    ),
];

/// What a primitive of a section touches; nothing is known if it does not say so where it must, or says so where it must not.
fn stated(section: Section, primitive: &PrimitiveInfo) -> Option<Touch> {
    match section {
        Section::Inside if primitive.touches.is_none() => Some(Touch::Nothing),
        Section::Inside => None,
        Section::Outside => primitive.touches,
    }
}

/// Make all primitives and bind them, and the language's constants, in the global environment.
///
/// # Errors
/// When memory is out.
pub fn define_primitives(runtime: &mut Runtime) -> Result<(), Failure> {
    runtime.extensions.core_forms = crate::interp::expand::core_form_names().collect();
    let global = runtime.global_environment();
    let native = runtime.native.code.primitives();
    let own = TABLES.iter().flat_map(|(section, table)| table.iter().map(|primitive| (*section, primitive)));
    for (section, primitive) in own.chain(native.iter().map(|primitive| (Section::Outside, primitive))) {
        let primitive = PrimitiveInfo { touches: stated(section, primitive), ..*primitive };
        let value = make_primitive(runtime, primitive)?;
        runtime.define(global, primitive.name, value);
    }
    crate::runtime::classes::define_classes(runtime)?;
    let environment = runtime.global;
    runtime.define(global, "*global-environment*", environment);
    let name = runtime.symbol("*global-environment*");
    runtime.environments.get_mut(global).name = Some(name);
    runtime.define(global, "*arguments*", Value::NIL);
    Ok(())
}

/// `(concat a b…)`: strings, arrays or lists, one behind the other; the first says which.
fn concat(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    match arguments.first().map(|first| runtime.kind(*first)) {
        Some(Some(Kind::Array)) => arrays::concat_array(runtime, arguments),
        Some(None) if arguments[0].is_pair() || arguments[0].is_nil() => pairs::append(runtime, arguments),
        _ => strings::concat(runtime, "concat", arguments),
    }
}

fn make_primitive(runtime: &mut Runtime, primitive: PrimitiveInfo) -> Outcome {
    let number = runtime.primitives.len() as i64;
    runtime.primitives.push(primitive);
    let object = runtime.object(Kind::Primitive, 2)?;
    let code = runtime.trampoline_code;
    runtime.set_field(object, offset::CALLABLE_CODE, code);
    runtime.set_field(object, offset::CALLABLE_INDEX, Value::fixnum(number));
    runtime.primitive_values.push(object);
    Ok(object)
}

/// Raise `index` for an index below zero.
#[cold]
fn negative_index(runtime: &mut Runtime, operation: &str, index: Value) -> Failure {
    runtime.error(ErrorKind::Index, &format!("{operation}: a negative index"), &[index])
}

#[cfg(test)]
mod tests {
    use super::{stated, Section, TABLES};

    #[test]
    fn every_primitive_states_what_it_touches() {
        for (section, table) in TABLES {
            for primitive in *table {
                assert!(
                    stated(*section, primitive).is_some(),
                    "{}: in a section that touches what is outside, each primitive says what by touching(…); in others none does",
                    primitive.name
                );
            }
        }
    }

    /// Sections that say that they touch nothing do not use what leads outside.
    #[test]
    fn sections_that_touch_nothing_do_not() {
        let ways = [
            "std::fs",
            "std::env",
            "std::process",
            "std::net",
            "std::os",
            "libc::",
            "rustix",
            "libloading",
            "Port::open",
        ];
        let inside = TABLES.iter().filter(|(section, _)| *section == Section::Inside).count();
        let files = [
            ("numbers", include_str!("numbers.rs")),
            ("compare", include_str!("compare.rs")),
            ("types", include_str!("types.rs")),
            ("pairs", include_str!("pairs.rs")),
            ("arrays", include_str!("arrays.rs")),
            ("strings", include_str!("strings.rs")),
            ("data", include_str!("data.rs")),
            ("symbols", include_str!("symbols.rs")),
            ("tables", include_str!("tables.rs")),
            ("errors", include_str!("errors.rs")),
            ("environments", include_str!("environments.rs")),
            ("binary", include_str!("binary.rs")),
            ("random", include_str!("random.rs")),
            ("times", include_str!("times.rs")),
            ("patterns", include_str!("patterns.rs")),
            ("classes", include_str!("classes.rs")),
            ("text", include_str!("text.rs")),
            ("format", include_str!("format.rs")),
            ("instances", include_str!("instances.rs")),
            ("hash", include_str!("hash.rs")),
        ];
        // Some files have two tables, some none, and two primitives stand above.
        assert!(inside >= 18 && files.len() >= inside - 4, "{inside} sections in {} files", files.len());
        for (name, text) in files {
            for way in ways {
                assert!(!text.contains(way), "{name}.rs uses {way}, but its section says that it touches nothing");
            }
        }
    }
}
