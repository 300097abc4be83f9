//! Texts that are made piece by piece to become strings or symbols. One that is longer than a string may be, or than
//! the heap has room for, is refused before memory is used for it.

use super::arrays;
use crate::interp::call;
use crate::runtime::{Failure, Outcome, Runtime};
use crate::syntax::print::{Printing, Style};
use crate::value::Value;

/// Check that there may be a string of that many characters.
///
/// # Errors
/// `index` for strings that are too long, `out-of-memory` for those that the heap cannot hold.
pub fn check_length(runtime: &mut Runtime, operation: &str, characters: usize) -> Result<(), Failure> {
    if characters > arrays::MAX_ELEMENTS {
        return Err(arrays::too_long(runtime, operation, Value::fixnum(characters as i64)));
    }
    if 4 * characters > runtime.heap.max_bytes() {
        return Err(runtime.out_of_memory());
    }
    Ok(())
}

/// A text being made.
pub struct Text<'o> {
    operation: &'o str,
    text: String,
    characters: usize,
}

impl<'o> Text<'o> {
    /// An empty one, for an operation.
    pub fn new(operation: &'o str) -> Text<'o> {
        Text { operation, text: String::new(), characters: 0 }
    }

    /// Append a piece.
    pub fn push(&mut self, runtime: &mut Runtime, piece: &str) -> Result<(), Failure> {
        self.characters += piece.chars().count();
        check_length(runtime, self.operation, self.characters)?;
        self.text.push_str(piece);
        Ok(())
    }

    /// Append a character some times.
    pub fn fill(&mut self, runtime: &mut Runtime, character: char, count: usize) -> Result<(), Failure> {
        self.characters = self.characters.saturating_add(count);
        check_length(runtime, self.operation, self.characters)?;
        self.text.extend(std::iter::repeat_n(character, count));
        Ok(())
    }

    /// Append the text of a value.
    pub fn print(&mut self, runtime: &mut Runtime, value: Value, style: Style) -> Result<(), Failure> {
        let mut printing = Printing::new(value, style);
        while let Some(piece) = printing.piece(runtime) {
            call::poll(runtime)?;
            self.push(runtime, &piece)?;
        }
        Ok(())
    }

    /// What was made.
    pub fn finish(self) -> String {
        self.text
    }
}

/// The texts of values, one after another.
pub fn joined(runtime: &mut Runtime, operation: &str, values: &[Value], style: Style) -> Result<String, Failure> {
    let mut text = Text::new(operation);
    for value in values {
        text.print(runtime, *value, style)?;
    }
    Ok(text.finish())
}

/// The same as a string.
pub fn joined_string(runtime: &mut Runtime, operation: &str, values: &[Value], style: Style) -> Outcome {
    let text = joined(runtime, operation, values, style)?;
    runtime.string(&text)
}
