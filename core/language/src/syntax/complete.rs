//! Whether a text that somebody is typing wants to go on.

use super::token::{Mark, Token, Tokens};

/// Whether more text could complete the last form: a list or string is open, or something is quoted that has not come
/// yet. A text that is wrong wants nothing any more.
pub fn is_incomplete(text: &str) -> bool {
    let mut tokens = Tokens::new(text);
    let mut depth = 0usize;
    let mut wanted = false;
    loop {
        match tokens.next() {
            Ok(None) => return depth > 0 || wanted,
            Ok(Some(Token::Mark(mark))) => {
                wanted = matches!(mark, Mark::Quote | Mark::Quasiquote | Mark::Unquote | Mark::Splice);
                match mark {
                    Mark::Open(_) | Mark::OpenArray => depth += 1,
                    Mark::Close(_) if depth == 0 => return false,
                    Mark::Close(_) => depth -= 1,
                    _ => {}
                }
            }
            Ok(Some(_)) => wanted = false,
            Err(fault) => return fault.incomplete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_incomplete;

    #[test]
    fn open_lists_and_strings_go_on() {
        for text in ["(", "(a (b)", "'", "(a) `", "\"text", "(f \"a)\"", "#(1", "[1", "(a ; b)"] {
            assert!(is_incomplete(text), "{text}");
        }
        for text in ["", "a", "(a)", "(a))", "'a", "\"text\"", "(f \"a\") ; (", "{a}"] {
            assert!(!is_incomplete(text), "{text}");
        }
    }
}
