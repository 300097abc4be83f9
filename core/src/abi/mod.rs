//! What compiled code knows of the runtime: the layout of values, of the context and of cells, how functions are called,
//! the helpers that they call, the words in which they name places, and inline caches.
//!
//! Lowering, targets, runtime and loader share these facts; nobody else writes one of their numbers. A change of any of
//! them changes the [`abi_stamp`] of images.
//!
//! Memory that code and runtime share consists of words of 64 bits on every target, in the target's own order of bytes.
//! Parts of a word (an object's kind in its header, the count in a cache's place) are found by shifting the word, or, if
//! code loads nothing but that part, at an offset that depends on the order: see [`layout::offset_of_kind`]. Offsets are
//! computed from numbers of words, never from what Rust's compiler does on this host.

mod cache;
mod call;
mod cell;
pub mod context;
mod data;
mod fact;
mod fingerprint;
mod helper;
mod interrupt;
pub mod layout;
mod position;
mod stamp;
mod table;

pub use cache::{
    cache_place, split_cache_place, LookupHash, CACHE_COUNT_SHIFT, EMPTY_CACHE, ENTRIES_SHIFT, ENTRY_CALLEE,
    ENTRY_FOUND, ENTRY_KEY, ENTRY_SECOND_KEY, ENTRY_SHIFT, ENTRY_WORDS, KIND_KEY, METHOD_CACHE_KEYS,
    METHOD_CACHE_OTHERS, MOST_KEYS, TRUE_KEY_SHIFT, TWO_KEYS,
};
pub use call::{
    argument_offset, split_count, word_offset, CALLEE_PARAMETER, COUNT_PARAMETER, FIRST_ARGUMENT, MAX_ARGUMENTS,
    MAX_WRITTEN_ARGUMENTS, TAIL_CALL_FLAG,
};
pub use cell::{CELL_ENTRY, CELL_VALUE};
pub use context::Context;
pub use data::{DATA_FIRST, DATA_IMAGE, DATA_INTACT};
pub use fact::{abi_facts, Fact};
pub use fingerprint::fingerprint;
pub use helper::{number_bits, Helper, HELPER_WORDS};
pub use interrupt::{announce_compiled, request_interrupt, INTERRUPT_COMPILED, INTERRUPT_MEMORY, INTERRUPT_REQUESTED};
pub use layout::*;
pub use position::{image_number, image_word, Position, IMAGE_FLAG, SOURCE_SHIFT};
pub use stamp::{abi_stamp, stamp_of};
pub use table::*;
