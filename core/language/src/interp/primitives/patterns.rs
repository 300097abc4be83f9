//! Matching strings with patterns: `*` stands for any characters, `?` for any one, and a backslash takes their meaning from
//! them and from itself.

use super::arguments;
use crate::interp::call;
use crate::runtime::{Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::Value;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::optional("string-match", 2, 3, string_match),
    PrimitiveInfo::fixed("string-matches?", 2, |runtime, arguments| {
        let pattern = pattern(runtime, "string-matches?", arguments[0])?;
        let text: Vec<char> = arguments::text(runtime, "string-matches?", arguments[1])?.chars().collect();
        Ok(Value::boolean(matches(&pattern, &text, || call::poll(runtime))?))
    }),
];

/// `(string-match pattern string [start])`: where the pattern is first found, from an index on; nil if it is not.
fn string_match(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let pattern = pattern(runtime, "string-match", arguments[0])?;
    let text: Vec<char> = arguments::text(runtime, "string-match", arguments[1])?.chars().collect();
    let range = arguments::range(runtime, "string-match", &arguments[2..], text.len())?;
    let found = search(&pattern, &text[range.start..], || call::poll(runtime))?;
    Ok(found.map_or(Value::NIL, |at| Value::fixnum((range.start + at) as i64)))
}

/// A part of a pattern.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Characters,
    Character,
    Exactly(char),
}

/// A pattern, taken apart.
fn pattern(runtime: &mut Runtime, operation: &str, value: Value) -> Result<Vec<Part>, Failure> {
    let text = arguments::text(runtime, operation, value)?;
    match parts(&text) {
        Some(parts) => Ok(parts),
        None => Err(runtime.type_error(operation, "a pattern: a character must follow its last backslash", value)),
    }
}

fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        parts.push(match character {
            '*' => Part::Characters,
            '?' => Part::Character,
            '\\' => Part::Exactly(characters.next()?),
            _ => Part::Exactly(character),
        });
    }
    Some(parts)
}

/// Whether a pattern matches a text as a whole. Going back to the last star only is enough. At every step there is a
/// `poll`, since the steps may be many.
fn matches(pattern: &[Part], text: &[char], mut poll: impl FnMut() -> Result<(), Failure>) -> Result<bool, Failure> {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        poll()?;
        match pattern.get(p) {
            Some(Part::Characters) => {
                star = Some((p, t));
                p += 1;
            }
            Some(part) if *part == Part::Character || *part == Part::Exactly(text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return Ok(false),
            },
        }
    }
    Ok(pattern[p..].iter().all(|part| *part == Part::Characters))
}

/// Where a pattern is first found in a text. What stands between its stars is looked for part by part, each as early as
/// can be: if that leads to no end from where the first part is found first, it leads to none from a later place.
fn search(
    pattern: &[Part],
    text: &[char],
    mut poll: impl FnMut() -> Result<(), Failure>,
) -> Result<Option<usize>, Failure> {
    let mut start = None;
    let mut at = 0;
    for (index, part) in pattern.split(|part| *part == Part::Characters).enumerate() {
        loop {
            poll()?;
            let Some(rest) = text.get(at..at + part.len()) else { return Ok(None) };
            if part
                .iter()
                .zip(rest)
                .all(|(part, character)| *part == Part::Character || *part == Part::Exactly(*character))
            {
                break;
            }
            at += 1;
        }
        if index == 0 {
            start = Some(at);
        }
        at += part.len();
    }
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::{matches, parts, search};

    fn characters(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    #[test]
    fn wholes() {
        let check =
            |pattern: &str, text: &str| matches(&parts(pattern).unwrap(), &characters(text), || Ok(())).unwrap();
        for (pattern, text) in [("*.l", "boot.l"), ("a*b*c", "axxbyyc"), ("a?c", "abc"), ("*", ""), ("a\\*", "a*")] {
            assert!(check(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("a?c", "ac"), ("*.l", "boot.lx"), ("a*b", "acxbd"), ("a\\*", "ab"), ("\\?", "a")] {
            assert!(!check(pattern, text), "{pattern} {text}");
        }
        assert!(parts("a\\").is_none());
    }

    #[test]
    fn places() {
        let check = |pattern: &str, text: &str| search(&parts(pattern).unwrap(), &characters(text), || Ok(())).unwrap();
        for (pattern, text, place) in [
            ("name", "a long name", Some(7)),
            ("x", "abc", None),
            ("", "abc", Some(0)),
            ("", "", Some(0)),
            ("*", "", Some(0)),
            ("b*d", "abbcd", Some(1)),
            ("b*d", "abdb", Some(1)),
            ("d*b", "abdc", None),
            ("?c", "abc", Some(1)),
            ("c?", "abc", None),
            ("*c", "abc", Some(0)),
            ("a*?", "xa", None),
        ] {
            assert_eq!(check(pattern, text), place, "{pattern} {text}");
        }
    }
}
