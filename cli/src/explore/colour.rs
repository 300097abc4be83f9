//! Text as HTML, with marks for what the eye looks for: comments, strings, numbers, names of operations.

/// What a text is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Maru, its trees among it.
    Maru,
    /// The intermediate representation.
    Ir,
    /// A listing: offset, bytes, then the instruction.
    Listing,
}

/// A text without anything that HTML would take for more than text.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(character),
        }
    }
    safe
}

/// A piece of text of one class.
fn span(class: &str, text: &str) -> String {
    match class {
        "" => escaped(text),
        class => format!("<span class=\"{class}\">{}</span>", escaped(text)),
    }
}

/// A line as HTML. `in_string`: whether it begins inside of a string of Maru's; afterwards, whether it ends in one.
pub fn coloured(line: &str, language: Language, in_string: &mut bool) -> String {
    match language {
        Language::Maru => maru(line, in_string),
        Language::Ir => words(line, true),
        Language::Listing => {
            let start = line.char_indices().nth(5).map_or(line.len(), |(at, _)| at);
            let (offset, rest) = line.split_at(start);
            let trimmed = rest.trim_start();
            let end = trimmed.find(' ').unwrap_or(trimmed.len());
            let bytes = &rest[..rest.len() - trimmed.len() + end];
            format!("{}{}{}", span("offset", offset), span("bytes", bytes), words(&trimmed[end..], true))
        }
    }
}

fn is_delimiter(character: char) -> bool {
    character.is_whitespace() || "()[]{}\";'`,@".contains(character)
}

fn maru(line: &str, in_string: &mut bool) -> String {
    let mut html = String::new();
    let mut rest = line;
    let mut after_open = false;
    while let Some(first) = rest.chars().next() {
        let (class, length) = if *in_string || first == '"' {
            let start = usize::from(!*in_string);
            let end = string_end(rest, start);
            *in_string = end.is_none();
            ("string", end.unwrap_or(rest.len()))
        } else if let Some(length) = character_length(rest) {
            ("string", length)
        } else if first == ';' {
            ("comment", rest.len())
        } else if is_delimiter(first) {
            ("", first.len_utf8())
        } else {
            let length = rest.find(is_delimiter).unwrap_or(rest.len()).max(first.len_utf8());
            let word = &rest[..length];
            (
                if is_number(word) {
                    "number"
                } else if after_open {
                    "operator"
                } else {
                    ""
                },
                length,
            )
        };
        after_open = first == '(';
        html.push_str(&span(class, &rest[..length]));
        rest = &rest[length..];
    }
    html
}

/// How long the character is that a text begins with as Maru writes one: `?a`, `?\\n`, `?;`. What follows a backslash up
/// to the next delimiter belongs to it.
fn character_length(text: &str) -> Option<usize> {
    let after = text.strip_prefix('?')?;
    let (backslash, named) = match after.strip_prefix('\\') {
        Some(named) => (1, named),
        None => (0, after),
    };
    let first = named.chars().next()?;
    if backslash == 0 && (first.is_whitespace() || first == ')') {
        return None;
    }
    let start = 1 + backslash + first.len_utf8();
    let more = text[start..].find(is_delimiter).unwrap_or(text.len() - start);
    Some(if backslash == 1 && !is_delimiter(first) { start + more } else { start })
}

/// Where a string ends that has begun before a place.
fn string_end(text: &str, from: usize) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text[from..].char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(from + at + 1),
            _ => {}
        }
    }
    None
}

fn is_number(word: &str) -> bool {
    word.trim_start_matches(['-', '+', '#', '$']).starts_with(|c: char| c.is_ascii_digit())
}

/// Words separated by spaces and punctuation; the first one, or what follows `=`, is an operation's name.
fn words(line: &str, mut expects_operation: bool) -> String {
    let mut html = String::new();
    let mut rest = line;
    let is_part = |c: char| c.is_alphanumeric() || "._-#$%".contains(c);
    if rest.contains(" = ") {
        expects_operation = false;
    }
    while let Some(first) = rest.chars().next() {
        if first == ';' {
            html.push_str(&span("comment", rest));
            break;
        }
        if !is_part(first) {
            expects_operation |= first == '=';
            html.push_str(&escaped(&rest[..first.len_utf8()]));
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let word = &rest[..length];
        let class = match (std::mem::take(&mut expects_operation), is_number(word)) {
            (true, _) => "operator",
            (_, true) => "number",
            _ => "",
        };
        html.push_str(&span(class, word));
        rest = &rest[length..];
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of HTML that has no other marks than spans.
    fn plain(html: &str) -> String {
        let mut text = String::new();
        let mut inside = false;
        for character in html.chars() {
            match character {
                '<' => inside = true,
                '>' => inside = false,
                _ if !inside => text.push(character),
                _ => {}
            }
        }
        for (from, to) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")] {
            text = text.replace(from, to);
        }
        text
    }

    #[test]
    fn nothing_is_lost_and_nothing_gets_out() {
        let lines = [
            "(print \"<script>\" 'a) ; & so on",
            "\"open",
            "λ → ?\\( |x y| 1.5",
            "(list ?; ?\" ?λ ?\\u03bb ?",
            "  v1 = add.overflow v0 -2 @3",
            "",
            "   ",
        ];
        for line in lines {
            for language in [Language::Maru, Language::Ir, Language::Listing] {
                let html = coloured(line, language, &mut false);
                assert_eq!(plain(&html), line);
                assert!(!html.contains("<script"), "{html}");
            }
        }
    }

    #[test]
    fn words_have_their_classes() {
        let html = coloured("(f 12 \"a\") ; b", Language::Maru, &mut false);
        for part in ["operator\">f<", "number\">12<", "string\">&quot;a&quot;<", "comment\">; b<"] {
            assert!(html.contains(part), "{part}: {html}");
        }
        let html = coloured("(f ?; ?\" ?\\n 7)", Language::Maru, &mut false);
        for part in ["string\">?;<", "string\">?&quot;<", "string\">?\\n<", "number\">7<"] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(coloured("  v1 = const 2", Language::Ir, &mut false).contains("operator\">const<"));
        assert!(coloured("    0 90  mov rax, 1", Language::Listing, &mut false).contains("operator\">mov<"));
        let mut in_string = false;
        coloured("(f \"one", Language::Maru, &mut in_string);
        assert!(in_string);
        assert!(coloured("two\" 3)", Language::Maru, &mut in_string).contains("string\">two&quot;<") && !in_string);
    }
}
