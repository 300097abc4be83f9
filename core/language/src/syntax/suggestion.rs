//! What may have been meant by a name that is not known.

use crate::runtime::Runtime;

/// `did you mean …?`, if a name that programs start with, or that the program has bound globally, is little different from
/// an unbound one. Looked for when an error is shown, not when it is raised.
pub(super) fn for_name(runtime: &Runtime, name: &str) -> Option<String> {
    let global = runtime.environments.find(runtime.global_environment())?;
    let bound = global.bound.iter().map(|cell| runtime.symbols.name(runtime.cells.get(*cell).symbol));
    let mut known: Vec<&str> = bound.collect();
    known.extend(runtime.extensions.core_forms.iter().copied());
    nearest(name, known.into_iter()).map(|nearest| format!("did you mean `{nearest}`?"))
}

/// The nearest of some names to another one, the first of those that are equally near; nothing if all are far.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// A name that is longer was hardly meant to be typed.
    const LONGEST: usize = 64;
    let wanted: Vec<char> = name.chars().collect();
    if wanted.len() < 2 || wanted.len() > LONGEST {
        return None;
    }
    let mut best = None;
    let mut least = (wanted.len() / 4).clamp(1, 3) + 1;
    for other in known.filter(|other| !other.starts_with('%') && *other != name) {
        let characters: Vec<char> = other.chars().collect();
        if characters.len().abs_diff(wanted.len()) >= least {
            continue;
        }
        let distance = distance(&wanted, &characters);
        if distance < least {
            (best, least) = (Some(other), distance);
        }
    }
    best
}

/// How many characters must be put in, left out, replaced or exchanged with their neighbours.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = row[j] + usize::from(a != b);
            let mut least = replaced.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distances() {
        let check = |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        let cases = [("", "", 0), ("a", "", 1), ("abc", "abc", 0), ("abc", "acb", 1), ("kitten", "sitting", 3)];
        for (a, b, expected) in cases {
            assert_eq!((check(a, b), check(b, a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn near_names() {
        let known = ["car", "cdr", "string-length", "println", "print", "%print-all"];
        let check = |name| nearest(name, known.into_iter());
        assert_eq!(check("prinltn"), Some("println"));
        assert_eq!(check("string-lenght"), Some("string-length"));
        assert_eq!(check("cra"), Some("car"));
        assert_eq!(check("x"), None);
        assert_eq!(check("completely-else"), None);
        assert_eq!(check("print-all"), None);
    }
}
