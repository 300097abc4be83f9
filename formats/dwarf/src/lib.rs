//! Unwind entries and line tables of images, in DWARF: the part of a library that is the same in every object format
//! whose systems' debuggers read DWARF. No plugin: the formats use it.
//!
//! A format says where things lie and gives the parts their places and names. Numbers have the
//! byte order of the machine, addresses its size; they are relative to the library's base.

mod bytes;
pub mod debug;
pub mod unwind;

pub use bytes::{ByteOrder, Bytes, Numbers};
