//! Faults planted in Maru, to see whether the conformance suite finds them.
//!
//! The sources of the product have no switches. A fault is data, in a file of [`bank/`](../bank): where it is, what
//! stands there, what stands there instead. All of them are planted into a copy of the source tree at once, which is
//! built once; `MARU_FAULT` names the one that a process has.
//!
//! ```text
//! bank      what the files say
//!   ↓
//! place     the one place of each in the tree
//!   ↓
//! plant     the copy with all faults, built
//!   ↓
//! hunt  ⇄ attempt    each fault in turn is looked for, with what finds its kind soonest first
//!   ↓
//! table     who found which
//! ```

mod attempt;
mod bank;
mod hunt;
mod place;
mod plant;
mod process;
mod table;

pub use bank::{Bank, Fault, Form, CATEGORIES};
pub use hunt::{hunt, Found, Hunt};
pub use place::check_places;
pub use plant::{find_root, Planted};
pub use table::Table;
