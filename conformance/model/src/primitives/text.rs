//! Strings and symbols.

use super::arrays::range;
use super::{Call, Primitive, ANY};
use crate::interpret::{Machine, Outcome, Stop};
use crate::value::Value;
use num_traits::ToPrimitive;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::rc::Rc;

pub const TABLE: &[Primitive] = &[
    ("make-string", 1, 2, make),
    ("string-length", 1, 1, |machine, call| Ok(Value::integer(call.text(machine, 0)?.len()))),
    ("string-at", 2, 2, |machine, call| {
        let text = call.text(machine, 0)?;
        let found = call.index(machine, 1)?.and_then(|at| text.get(at).copied());
        Ok(found.map_or(Value::Nil, character))
    }),
    ("set-string-at", 3, 3, set_at),
    ("string-append", 0, ANY, concat),
    ("concat-string", 0, ANY, concat),
    ("concat-strings", 1, 2, |machine, call| {
        let parts = call.list(machine, 0)?;
        let between = match call.arguments.get(1) {
            None => Vec::new(),
            Some(Value::Text(between)) => between.borrow().clone(),
            Some(_) => return call.unknown("what is between is no text"),
        };
        let mut all = Vec::new();
        for (number, part) in parts.iter().enumerate() {
            let Value::Text(part) = part else { return call.wrong(machine, part) };
            if number > 0 {
                all.extend(&between);
            }
            all.extend(part.borrow().iter());
        }
        Ok(string(all))
    }),
    ("substring", 2, 3, part),
    ("string-copy", 1, 3, part),
    ("string-index", 2, 3, index),
    ("string-begins-with?", 2, 2, |machine, call| {
        Ok(Value::boolean(call.text(machine, 0)?.starts_with(&call.text(machine, 1)?)))
    }),
    ("string-ends-with?", 2, 2, |machine, call| {
        Ok(Value::boolean(call.text(machine, 0)?.ends_with(&call.text(machine, 1)?)))
    }),
    ("string-compare", 2, 2, |machine, call| {
        Ok(Value::integer(call.text(machine, 0)?.cmp(&call.text(machine, 1)?) as i8))
    }),
    ("string<?", 1, ANY, |machine, call| ordered(machine, call, Ordering::is_lt)),
    ("string<=?", 1, ANY, |machine, call| ordered(machine, call, Ordering::is_le)),
    ("string>?", 1, ANY, |machine, call| ordered(machine, call, Ordering::is_gt)),
    ("string>=?", 1, ANY, |machine, call| ordered(machine, call, Ordering::is_ge)),
    ("string=?", 1, ANY, |machine, call| ordered(machine, call, Ordering::is_eq)),
    ("string-upcase", 1, 1, |machine, call| {
        Ok(Value::text(&call.text(machine, 0)?.iter().collect::<String>().to_uppercase()))
    }),
    ("string-downcase", 1, 1, |machine, call| {
        Ok(Value::text(&call.text(machine, 0)?.iter().collect::<String>().to_lowercase()))
    }),
    ("string-trim", 1, 1, |machine, call| Ok(Value::text(call.text(machine, 0)?.iter().collect::<String>().trim()))),
    ("string-replace", 3, 3, |machine, call| {
        let [text, old, new] = [0, 1, 2].map(|at| call.text(machine, at));
        let [text, old, new] = [text?, old?, new?].map(|text| text.into_iter().collect::<String>());
        match old.is_empty() {
            true => call.unknown("replacing nothing"),
            false => Ok(Value::text(&text.replace(&old, &new))),
        }
    }),
    ("string-split", 1, 3, |machine, call| {
        let text = call.text(machine, 0)?;
        if call.arguments.len() > 2 {
            return call.unknown("the most parts");
        }
        if call.arguments.len() < 2 {
            let words = String::from_iter(text);
            return Ok(Value::list(words.split_whitespace().map(Value::text).collect::<Vec<_>>()));
        }
        let by = match &call.arguments[1] {
            Value::Text(by) => by.borrow().clone(),
            _ => return call.unknown("splitting by something else"),
        };
        let [text, by] = [text, by].map(String::from_iter);
        if by.is_empty() || text.is_empty() {
            return call.unknown("splitting nothing");
        }
        Ok(Value::list(text.split(&by).map(Value::text).collect::<Vec<_>>()))
    }),
    ("character->string", 1, 1, |machine, call| match code_point(&call.arguments[0]) {
        Some(character) => Ok(string(vec![character])),
        None if matches!(call.arguments[0], Value::Integer(_)) => call.unknown("no code point"),
        None => call.wrong(machine, &call.arguments[0]),
    }),
    ("string->list", 1, 3, |machine, call| Ok(Value::list(characters(machine, call)?))),
    ("string->array", 1, 3, |machine, call| Ok(Value::array(characters(machine, call)?))),
    ("list->string", 1, 1, |machine, call| of_characters(call, &call.list(machine, 0)?)),
    ("array->string", 1, 1, |machine, call| match &call.arguments[0] {
        Value::Array(elements) => of_characters(call, &elements.borrow()),
        other => call.wrong(machine, other),
    }),
    ("string->symbol", 1, 1, |machine, call| {
        Ok(Value::symbol(&call.text(machine, 0)?.into_iter().collect::<String>()))
    }),
    ("symbol->string", 1, 1, |machine, call| Ok(Value::text(&symbol(machine, call, 0)?))),
    ("concat-symbol", 0, ANY, |machine, call| {
        let mut name = String::new();
        for (at, argument) in call.arguments.iter().enumerate() {
            match argument {
                Value::Text(text) => name.extend(text.borrow().iter()),
                _ => name.push_str(&symbol(machine, call, at)?),
            }
        }
        Ok(Value::symbol(&name))
    }),
    ("symbol<?", 2, 2, |machine, call| Ok(Value::boolean(symbol(machine, call, 0)? < symbol(machine, call, 1)?))),
    ("symbol-compare", 2, 2, |machine, call| {
        Ok(Value::integer(symbol(machine, call, 0)?.cmp(&symbol(machine, call, 1)?) as i8))
    }),
];

fn string(characters: Vec<char>) -> Value {
    Value::Text(Rc::new(RefCell::new(characters)))
}

fn character(character: char) -> Value {
    Value::integer(character as u32)
}

/// The characters of a part of a string.
fn characters(machine: &Machine, call: &Call) -> Result<Vec<Value>, Stop> {
    let text = call.text(machine, 0)?;
    let (from, to) = range(machine, call, text.len())?;
    Ok(text[from..to].iter().copied().map(character).collect())
}

fn code_point(value: &Value) -> Option<char> {
    match value {
        Value::Integer(number) => number.to_u32().and_then(char::from_u32),
        _ => None,
    }
}

fn symbol(machine: &Machine, call: &Call, at: usize) -> Result<String, Stop> {
    match &call.arguments[at] {
        Value::Symbol(name) => Ok(name.to_string()),
        other => call.wrong(machine, other),
    }
}

fn make(machine: &mut Machine, call: &Call) -> Outcome {
    let count = call.position(machine, 0)?;
    let filling = match call.arguments.get(1) {
        None => Some('\0'),
        Some(value) => code_point(value),
    };
    match filling {
        Some(filling) if count <= 100_000 => Ok(string(vec![filling; count])),
        _ => call.unknown("an unusual string"),
    }
}

fn set_at(machine: &mut Machine, call: &Call) -> Outcome {
    let Value::Text(text) = &call.arguments[0] else { return call.wrong(machine, &call.arguments[0]) };
    let at = call.position(machine, 1)?;
    let Some(character) = code_point(&call.arguments[2]) else { return call.unknown("no code point") };
    let mut text = text.borrow_mut();
    if at >= 100_000 {
        return call.unknown("a long string");
    }
    if at > text.len() {
        return call.unknown("a gap in a string");
    }
    if at == text.len() {
        text.push(character);
    }
    text[at] = character;
    Ok(call.arguments[2].clone())
}

fn concat(machine: &mut Machine, call: &Call) -> Outcome {
    let mut all = Vec::new();
    for at in 0..call.arguments.len() {
        all.extend(call.text(machine, at)?);
    }
    match all.len() > 1_000_000 {
        true => call.unknown("a long string"),
        false => Ok(string(all)),
    }
}

fn part(machine: &mut Machine, call: &Call) -> Outcome {
    let text = call.text(machine, 0)?;
    let (from, to) = range(machine, call, text.len())?;
    Ok(string(text[from..to].to_vec()))
}

/// Where a character or a text first is.
fn index(machine: &mut Machine, call: &Call) -> Outcome {
    let text = call.text(machine, 0)?;
    let wanted = match &call.arguments[1] {
        Value::Text(wanted) => wanted.borrow().clone(),
        value => match code_point(value) {
            Some(character) => vec![character],
            None => return call.unknown("neither a character nor text"),
        },
    };
    if wanted.is_empty() {
        return call.unknown("a search for nothing");
    }
    let from = match call.arguments.get(2) {
        None | Some(Value::Nil) => 0,
        Some(_) => call.index(machine, 2)?.unwrap_or(0),
    };
    let found = (from..text.len()).find(|at| text[*at..].starts_with(&wanted));
    Ok(found.map_or(Value::Nil, Value::integer))
}

fn ordered(machine: &mut Machine, call: &Call, holds: fn(Ordering) -> bool) -> Outcome {
    let mut texts = Vec::new();
    for at in 0..call.arguments.len() {
        texts.push(call.text(machine, at)?);
    }
    Ok(Value::boolean(texts.windows(2).all(|pair| holds(pair[0].cmp(&pair[1])))))
}

fn of_characters(call: &Call, values: &[Value]) -> Outcome {
    match values.iter().map(code_point).collect::<Option<Vec<_>>>() {
        Some(characters) => Ok(string(characters)),
        None => call.unknown("elements that are no code points"),
    }
}
