//! Symbols.

use super::arguments;
use super::text::Text;
use crate::runtime::{Failure, Outcome, PrimitiveInfo, Runtime, Symbol};
use crate::value::Value;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("string->symbol", 1, string_to_symbol).quiet(),
    PrimitiveInfo::fixed("symbol->string", 1, symbol_to_string).quiet(),
    PrimitiveInfo::fixed("symbol-compare", 2, |runtime, arguments| {
        Ok(Value::fixnum(compare(runtime, "symbol-compare", arguments)? as i64))
    }),
    PrimitiveInfo::fixed("symbol<?", 2, |runtime, arguments| {
        Ok(Value::boolean(compare(runtime, "symbol<?", arguments)?.is_lt()))
    }),
    PrimitiveInfo::variadic("concat-symbol", 0, |runtime, arguments| concat(runtime, "concat-symbol", arguments)),
    PrimitiveInfo::fixed("concat-symbols", 1, |runtime, arguments| {
        arguments::list_length(runtime, "concat-symbols", arguments[0])?;
        let names = runtime.list_to_vec(arguments[0]);
        concat(runtime, "concat-symbols", &names)
    }),
    PrimitiveInfo::optional("gensym", 0, 1, gensym),
];

fn string_to_symbol(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let string = arguments::string(runtime, "string->symbol", arguments[0])?;
    let mut buffer = [0; SHORT];
    if let Some(symbol) = short_name(runtime, string, &mut buffer).and_then(|name| runtime.symbols.find(name)) {
        return Ok(runtime.symbols.value(symbol));
    }
    let text = runtime.text(string);
    runtime.intern_value(&text)
}

/// How long names are that are looked up without a text of their own.
const SHORT: usize = 64;

/// The text of a string of a few ASCII characters.
fn short_name<'b>(runtime: &Runtime, string: Value, buffer: &'b mut [u8; SHORT]) -> Option<&'b str> {
    let name = buffer.get_mut(..runtime.sequence_length(string))?;
    for (place, point) in name.iter_mut().zip(runtime.points(string)) {
        *place = u8::try_from(point).ok().filter(u8::is_ascii)?;
    }
    std::str::from_utf8(name).ok()
}

fn symbol_to_string(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    arguments::symbol(runtime, "symbol->string", arguments[0])?;
    runtime.name_string(Symbol(runtime.index(arguments[0])))
}

fn compare(runtime: &mut Runtime, operation: &str, arguments: &[Value]) -> Result<std::cmp::Ordering, Failure> {
    let left = arguments::symbol(runtime, operation, arguments[0])?;
    let right = arguments::symbol(runtime, operation, arguments[1])?;
    let name = |symbol| runtime.symbols.name(Symbol(runtime.index(symbol)));
    Ok(name(left).cmp(name(right)))
}

/// A symbol of the names of symbols and strings.
fn concat(runtime: &mut Runtime, operation: &str, names: &[Value]) -> Outcome {
    let mut text = Text::new(operation);
    for name in names {
        let name = arguments::name(runtime, operation, *name)?;
        text.push(runtime, &name)?;
    }
    runtime.intern_value(&text.finish())
}

/// `(gensym [prefix])`: a symbol that no program text has had so far.
fn gensym(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let prefix = arguments.first().map_or(Ok("g".to_string()), |prefix| arguments::name(runtime, "gensym", *prefix))?;
    loop {
        runtime.extensions.next_symbol += 1;
        let name = format!("{prefix}%{}", runtime.extensions.next_symbol);
        if runtime.symbols.find(&name).is_none() {
            return runtime.intern_value(&name);
        }
    }
}
