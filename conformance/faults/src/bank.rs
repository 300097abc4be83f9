//! The faults, as the files of the bank say.
//!
//! ```text
//! file core/language/src/value/number/order.rs
//!
//! fault integers-are-rounded-before-they-are-compared
//! - compare_with_double(left, right)
//! + (left as f64).partial_cmp(&right)
//! ```
//!
//! The lines with `-` are what the file holds, exactly once; those with `+` what it holds instead. Both are expressions,
//! unless `statement` follows the name, or `arm` (one of a `match`, without the comma), or `text`: in a file that is no Rust. Then a line `read FILE CODE` follows that
//! with the file, where the brackets in the code stand about the expression that gives the text. A line with `=` argues why nobody can tell the fault from the original.

use std::collections::HashSet;
use std::path::Path;

/// The kinds of faults, each with a file. Any other file of the bank is of the target that it is named after.
pub const CATEGORIES: [&str; 21] = [
    "numbers",
    "primitives",
    "prelude",
    "expander",
    "reader",
    "interpreter",
    "collector",
    "lowering",
    "passes",
    "allocator",
    "loader",
    "cache",
    "x64",
    "arm64",
    "riscv64",
    "wasm",
    "c",
    "elf",
    "macho",
    "pe",
    "wasm-module",
];

/// What is replaced by what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// An expression by another.
    Expression,
    /// Statements by others.
    Statement,
    /// An arm of a `match` by one with the same pattern.
    Arm,
    /// Text by other text, in a file that Rust code reads.
    Text,
}

/// A fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What it is called; no other is called so.
    pub name: String,
    /// Which of [`CATEGORIES`] it is of, or which other target.
    pub category: String,
    /// The file that it is planted in, from the tree's root.
    pub file: String,
    /// For text: the file of the code that reads it, and that code, with brackets about the expression that gives it.
    pub reader: Option<(String, String)>,
    /// What kind of text it replaces.
    pub form: Form,
    /// What the file holds.
    pub old: String,
    /// What it holds instead.
    pub new: String,
    /// Why nothing can tell it from the original, if so.
    pub equivalent: Option<String>,
}

/// All faults.
#[derive(Clone, Debug, Default)]
pub struct Bank {
    /// In the order of categories.
    pub faults: Vec<Fault>,
}

/// The bank's folder, from the tree's root.
pub(crate) const FOLDER: &str = "conformance/faults/bank";

impl Bank {
    /// The bank of a source tree.
    ///
    /// # Errors
    /// When a file cannot be read, or is not as it should be; the message says which, and the line.
    pub fn read(root: &Path) -> Result<Bank, String> {
        let mut bank = Bank::default();
        for category in categories(&root.join(FOLDER))? {
            let path = root.join(FOLDER).join(format!("{category}.txt"));
            let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            bank.parse(&category, &text).map_err(|problem| format!("{}:{problem}", path.display()))?;
        }
        let mut names = HashSet::new();
        match bank.faults.iter().find(|fault| !names.insert(&fault.name)) {
            Some(fault) => Err(format!("two faults are called {}", fault.name)),
            None => Ok(bank),
        }
    }

    /// Add the faults of a file.
    ///
    /// # Errors
    /// When it is not as it should be; the message begins with the line.
    pub fn parse(&mut self, category: &str, text: &str) -> Result<(), String> {
        let (mut file, mut reader) = (String::new(), None);
        let first = self.faults.len();
        for (number, line) in (1..).zip(text.lines()) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let current = self.faults[first..].last_mut();
            match (word, current) {
                ("" | "#", _) if line.trim().is_empty() || word == "#" => {}
                ("file", _) => (file, reader) = (rest.to_string(), None),
                ("read", _) => reader = rest.split_once(' ').map(|(file, code)| (file.to_string(), code.to_string())),
                ("fault", _) => {
                    let (name, form) = rest.split_once(' ').unwrap_or((rest, ""));
                    let form = match form {
                        "" => Form::Expression,
                        "statement" => Form::Statement,
                        "arm" => Form::Arm,
                        "text" => Form::Text,
                        _ => return Err(format!("{number}: '{form}' is none of 'statement', 'arm', 'text'")),
                    };
                    self.faults.push(Fault {
                        name: name.to_string(),
                        category: category.into(),
                        file: file.clone(),
                        reader: reader.clone(),
                        form,
                        old: String::new(),
                        new: String::new(),
                        equivalent: None,
                    });
                }
                ("-", Some(fault)) => add_line(&mut fault.old, rest),
                ("+", Some(fault)) => add_line(&mut fault.new, rest),
                ("=", Some(fault)) => add_line(fault.equivalent.get_or_insert_default(), rest),
                _ => return Err(format!("{number}: expected 'file', 'fault', '-', '+' or '=', got '{line}'")),
            }
        }
        let unread = |fault: &Fault| (fault.form == Form::Text) != fault.reader.is_some();
        let lacking =
            |fault: &&Fault| unread(fault) || fault.old.is_empty() || fault.file.is_empty() || fault.old == fault.new;
        match self.faults[first..].iter().find(lacking) {
            Some(fault) => {
                Err(format!(" {} changes nothing, or has no file, or is text that nothing reads", fault.name))
            }
            None => Ok(()),
        }
    }

    /// The faults of a category, or the one of a name.
    ///
    /// # Errors
    /// When there is neither.
    pub fn only(&self, name: &str) -> Result<Vec<Fault>, String> {
        let chosen = |fault: &&Fault| fault.category == name || fault.name == name;
        let found: Vec<Fault> = self.faults.iter().filter(chosen).cloned().collect();
        if found.is_empty() {
            return Err(format!(
                "'{name}' is neither a fault nor one of the kinds: {}; --list shows all",
                CATEGORIES.join(", ")
            ));
        }
        Ok(found)
    }
}

/// The known categories, and the other targets that the folder has a file of.
fn categories(folder: &Path) -> Result<Vec<String>, String> {
    let mut all: Vec<String> = CATEGORIES.map(String::from).into();
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut others: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".txt")?.to_string()))
        .filter(|name| !all.contains(name))
        .collect();
    others.sort();
    all.append(&mut others);
    Ok(all)
}

fn add_line(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_mistakes_have_their_lines() {
        let mut bank = Bank::default();
        bank.parse(
            "numbers",
            "# x\nfile a.rs\n\nfault one\n- a\n-   b\n+ c\n= same\nread b.rs f([X])\nfault two text\n- d\n+ e\n",
        )
        .unwrap();
        assert_eq!((bank.faults[0].old.as_str(), bank.faults[0].new.as_str()), ("a\n  b", "c"));
        assert_eq!(bank.faults[0].equivalent.as_deref(), Some("same"));
        assert_eq!((bank.faults[1].form, bank.faults[1].file.as_str()), (Form::Text, "a.rs"));
        for (text, line) in
            [("fault a b\n", "1:"), ("file a\n- b\n", "2:"), ("x", "1:"), ("file f\nfault a\n- b\n+ b", " a")]
        {
            let problem = Bank::default().parse("numbers", text).unwrap_err();
            assert!(problem.starts_with(line), "{text}: {problem}");
        }
        assert!(bank.only("one").is_ok_and(|found| found.len() == 1));
        assert!(bank.only("numbers").is_ok_and(|found| found.len() == 2));
        assert!(bank.only("x").is_err());
    }
}
