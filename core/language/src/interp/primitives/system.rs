//! What the system around the program is like: variables, names, times; and matching strings.

use super::arguments;
use crate::interp::call;
use crate::runtime::{Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("getenv", 1, getenv),
    PrimitiveInfo::fixed("uname", 0, uname),
    PrimitiveInfo::fixed("current-time", 0, current_time),
    PrimitiveInfo::fixed("run-time", 0, |runtime, _| {
        let seconds = runtime.extensions.started.elapsed().as_secs_f64();
        runtime.double(seconds)
    }),
    PrimitiveInfo::fixed("string-match", 2, string_match),
];

fn getenv(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let name = arguments::text(runtime, "getenv", arguments[0])?;
    // The library panics on names that no variable can have.
    if name.is_empty() || name.contains(['=', '\0']) {
        return Ok(Value::NIL);
    }
    match std::env::var(&name) {
        Ok(text) => runtime.string(&text),
        Err(_) => Ok(Value::NIL),
    }
}

/// `(uname)`: a list of the names of system and machine.
fn uname(runtime: &mut Runtime, _: &[Value]) -> Outcome {
    let system = runtime.string(std::env::consts::OS)?;
    let machine = runtime.string(std::env::consts::ARCH)?;
    runtime.list(&[system, machine])
}

/// Seconds since 1970, as a double.
fn current_time(runtime: &mut Runtime, _: &[Value]) -> Outcome {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64());
    runtime.double(seconds)
}

/// `(string-match pattern string)`: whether a string as a whole matches a pattern, in which `*` stands for any
/// characters and `?` for any one.
fn string_match(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    let pattern: Vec<char> = arguments::text(runtime, "string-match", arguments[0])?.chars().collect();
    let text: Vec<char> = arguments::text(runtime, "string-match", arguments[1])?.chars().collect();
    Ok(Value::boolean(matches(&pattern, &text, || call::poll(runtime))?))
}

/// Going back to the last star only is enough. At every step there is a `poll`, since the steps may be many.
fn matches(pattern: &[char], text: &[char], mut poll: impl FnMut() -> Result<(), Failure>) -> Result<bool, Failure> {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        poll()?;
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(character) if *character == '?' || *character == text[t] => {
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
    Ok(pattern[p..].iter().all(|character| *character == '*'))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        let check = |pattern: &str, text: &str| {
            matches(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>(), || Ok(())).unwrap()
        };
        assert!(check("*.l", "boot.l"));
        assert!(check("a*b*c", "axxbyyc"));
        assert!(check("a?c", "abc"));
        assert!(check("*", ""));
        assert!(!check("a?c", "ac"));
        assert!(!check("*.l", "boot.lx"));
        assert!(!check("a*b", "acxbd"));
    }
}
