//! The context: what native code reaches through its one fixed register.
//!
//! Native code has no imports and no relocations; everything of the runtime that it needs lies at a constant offset
//! from the context. Runtime helpers take (context, words…) and return a word, by the C convention of the target.
//!
//! The context is a table of words of 64 bits on every target. Its fields are numbered here, once: code for any target
//! uses the offsets made of the numbers, and a host on which Rust lays the fields out otherwise does not compile.

use super::fact::facts;
use super::helper::HELPER_WORDS;
use super::{word_offset, Value, Word, WORD_SIZE};
use std::ffi::c_void;
use std::mem::offset_of;

/// From each field's number: the struct, the offsets as facts, and the check that they agree.
macro_rules! context {
    ($($(#[$doc:meta])* $number:literal $constant:ident $field:ident: $type:ty = $words:expr;)*) => {
        /// Shared by the runtime and native code.
        #[repr(C)]
        pub struct Context { $($(#[$doc])* pub $field: $type,)* }

        facts! { "context":
            $(#[doc = concat!("Byte offset of [`Context::", stringify!($field), "`].")]
            pub const $constant: i32 = word_offset($number);)*
            /// Bytes of a context.
            pub const CONTEXT_SIZE: usize = WORD_SIZE * (0 $(+ $words)*);
        }

        const _: () = {
            let mut words = 0;
            $(
                assert!($number == words, concat!("the number of ", stringify!($field), " is not its place"));
                assert!(offset_of!(Context, $field) == $constant as usize && size_of::<$type>() == WORD_SIZE * $words,
                    concat!("this host lays the context out otherwise than code expects: ", stringify!($field)));
                words += $words;
            )*
            assert!(size_of::<Context>() == CONTEXT_SIZE && CONTEXT_SIZE == WORD_SIZE * words);
        };
    };
}

context! {
    /// Next free byte of the heap's current hole.
    0 ALLOCATION_POINTER allocation_pointer: usize = 1;
    /// End of the hole; 0 in stress mode, so that every allocation takes the slow path.
    1 ALLOCATION_LIMIT allocation_limit: usize = 1;
    /// A function whose frame would lie below this address calls `Helper::StackOverflow`: `stack_floor`, or above
    /// everything while an interrupt waits.
    2 STACK_LIMIT stack_limit: usize = 1;
    /// Not zero: the next loop turn or call must call `Helper::Poll`.
    3 INTERRUPT interrupt: Word = 1;
    /// The error on its way, while [`crate::abi::FAILURE`] is returned.
    4 FAILURE failure: Value = 1;
    /// With `TAIL_REQUEST`: the entry to jump to.
    5 TAIL_ENTRY tail_entry: usize = 1;
    /// With `TAIL_REQUEST`: the callee's value. The arguments are in the argument area.
    6 TAIL_CALLEE tail_callee: Value = 1;
    /// With `TAIL_REQUEST`: the number of arguments.
    7 TAIL_COUNT tail_count: i64 = 1;
    /// Position of the last native tail call, as a packed position; valid for a callee that is passed
    /// [`crate::abi::TAIL_CALL_FLAG`].
    8 TAIL_SITE tail_site: Word = 1;
    /// The argument area: word `i` is argument `i`. Only arguments past the target's registers need be stored.
    9 ARGUMENTS arguments: *mut Value = 1;
    /// How many words of the argument area the collector must trace.
    10 ARGUMENTS_USED arguments_used: usize = 1;
    /// The language's runtime that this context belongs to; refreshed on each entry into native code.
    11 RUNTIME runtime: *mut c_void = 1;
    /// Remaining fuel: calls of functions and loop turns. Counted by the interpreter and by metered code.
    12 FUEL fuel: i64 = 1;
    /// How much deeper calls of functions may nest. Counted by the interpreter and by metered code.
    13 DEPTH depth: i64 = 1;
    /// Addresses of the runtime's helpers, indexed by [`crate::abi::Helper`].
    14 HELPERS helpers: [usize; HELPER_WORDS] = HELPER_WORDS;
    /// The address below which no frame may lie.
    110 STACK_FLOOR stack_floor: usize = 1;
    /// For a target's own use on the way from one function of its code to another: zero elsewhere, and never traced.
    111 PASSING passing: [Word; 4] = 4;
}

impl Context {
    /// How many words are addresses of helpers, or free for them.
    pub const HELPERS: usize = HELPER_WORDS;
    /// Byte offset of the entry of helper `number`.
    pub const fn helper_offset(number: usize) -> i32 {
        HELPERS + word_offset(number)
    }
}
