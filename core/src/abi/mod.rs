//! What compiled code knows of the runtime: the layout of values, of the context and of cells, the helpers that it calls,
//! the words in which it names places, and inline caches.
//!
//! Lowering, targets, runtime and loader share these facts; nobody else writes one of their numbers. A change of any of
//! them changes the stamp ([`abi_stamp`]) of images.

mod cache;
mod cell;
mod context;
mod fingerprint;
mod helper;
mod interrupt;
pub mod layout;
mod position;
mod stamp;
mod table;

pub use cache::{
    cache_place, LookupHash, EMPTY_CACHE, ENTRIES_SHIFT, ENTRY_SHIFT, KIND_KEY, MOST_KEYS, TRUE_KEY_SHIFT, TWO_KEYS,
};
pub use cell::{CELL_ENTRY, CELL_VALUE};
pub use context::*;
pub use fingerprint::fingerprint;
pub use helper::{number_bits, Helper};
pub use interrupt::{announce_compiled, request_interrupt, INTERRUPT_COMPILED, INTERRUPT_MEMORY, INTERRUPT_REQUESTED};
pub use layout::*;
pub use position::{Position, IMAGE_FLAG};
pub use stamp::abi_stamp;
pub use table::*;
