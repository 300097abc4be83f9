//! How a Maru function is called: callee and argument count come before the arguments, and arguments past those that a
//! target passes in registers lie in the argument area.

use super::fact::facts;
use super::WORD_SIZE;

facts! { "call":
/// The word parameter of a Maru function that is the callee's value.
pub const CALLEE_PARAMETER: usize = 0;
/// The word parameter that is the argument count, with [`TAIL_CALL_FLAG`] if a tail call led there.
pub const COUNT_PARAMETER: usize = 1;
/// The word parameter that is the first argument.
pub const FIRST_ARGUMENT: usize = 2;
/// Added to the argument count by a tail call: the position of the call is in [`super::Context::tail_site`].
pub const TAIL_CALL_FLAG: i64 = 0x4000_0000;
/// The largest number of arguments of one call. The argument area is reserved for this many, and committed by use.
pub const MAX_ARGUMENTS: usize = 1 << 20;
/// The largest number of arguments that may be written out in one call, and of parameters in one list.
pub const MAX_WRITTEN_ARGUMENTS: usize = 255;
}

/// The argument count that a function was passed, and whether a tail call led there.
#[inline]
pub const fn split_count(count: i64) -> (i64, bool) {
    (count & !TAIL_CALL_FLAG, count & TAIL_CALL_FLAG != 0)
}

/// Byte offset of argument `index` in the argument area, if that holds it.
#[inline]
pub const fn argument_offset(index: usize) -> i32 {
    word_offset(index)
}

/// Byte offset of word `index` in a row of words.
#[inline]
pub const fn word_offset(index: usize) -> i32 {
    (index * WORD_SIZE) as i32
}
