//! The context: what native code reaches through its one fixed register.
//!
//! Native code has no imports and no relocations; everything of the runtime that it needs lies at a constant offset
//! from the context. Runtime helpers take (context, words…) and return a word, by the C convention of the target.

use super::{Value, Word};
use std::ffi::c_void;

/// The largest number of arguments of one call. Arguments past a target's registers travel in the context's
/// argument area, which is reserved for this many and committed by use.
pub const MAX_ARGUMENTS: usize = 1 << 20;
/// The largest number of arguments that may be written out in one call, and of parameters in one list.
pub const MAX_WRITTEN_ARGUMENTS: usize = 255;

/// Added to the argument count by a tail call: the position of the call is in [`Context::tail_site`].
pub const TAIL_CALL_FLAG: i64 = 0x4000_0000;

/// Shared by the runtime and native code. Offsets are part of the image's ABI stamp.
#[repr(C)]
pub struct Context {
    /// Next free byte of the heap's current hole.
    pub allocation_pointer: usize,
    /// End of the hole; 0 in stress mode, so that every allocation takes the slow path.
    pub allocation_limit: usize,
    /// A function whose frame would lie below this address calls `Helper::StackOverflow`: `stack_floor`, or above
    /// everything while an interrupt waits.
    pub stack_limit: usize,
    /// Not zero: the next loop turn or call must call `Helper::Poll`.
    pub interrupt: Word,
    /// The error on its way, while [`crate::abi::FAILURE`] is returned.
    pub failure: Value,
    /// With `TAIL_REQUEST`: the entry to jump to.
    pub tail_entry: usize,
    /// With `TAIL_REQUEST`: the callee's value. The arguments are in the argument area.
    pub tail_callee: Value,
    /// With `TAIL_REQUEST`: the number of arguments.
    pub tail_count: i64,
    /// Position of the last native tail call, as a packed position; valid for a callee that is passed
    /// [`TAIL_CALL_FLAG`].
    pub tail_site: Word,
    /// The argument area: word `i` is argument `i`. Only arguments past the target's registers need be stored.
    pub arguments: *mut Value,
    /// How many words of the argument area the collector must trace.
    pub arguments_used: usize,
    /// The language's runtime that this context belongs to; refreshed on each entry into native code.
    pub runtime: *mut c_void,
    /// Remaining fuel: calls of functions and loop turns. Counted by the interpreter and by metered code.
    pub fuel: i64,
    /// How much deeper calls of functions may nest. Counted by the interpreter and by metered code.
    pub depth: i64,
    /// Addresses of the runtime's helpers, indexed by [`crate::abi::Helper`].
    pub helpers: [usize; Context::HELPERS],
    /// The address below which no frame may lie.
    pub stack_floor: usize,
}

impl Context {
    /// Room for helpers.
    pub const HELPERS: usize = 96;
    /// Offset of the entry of helper `number`.
    pub const fn helper_offset(number: usize) -> i32 {
        (std::mem::offset_of!(Context, helpers) + number * 8) as i32
    }
}
