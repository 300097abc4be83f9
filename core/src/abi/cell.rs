//! The words of a variable's cell that code knows.

use super::fact::facts;
use super::word_offset;

facts! { "cell":
/// Byte offset of a cell's value.
pub const CELL_VALUE: i32 = word_offset(0);
/// Byte offset of a cell's entry: where a call through it jumps to.
pub const CELL_ENTRY: i32 = word_offset(1);
}
