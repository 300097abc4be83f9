//! The one list of object format plugins linked into Maru. A plugin crate that nobody names is not linked.

#[cfg(feature = "elf")]
use maru_elf as _;
#[cfg(feature = "macho")]
use maru_macho as _;
#[cfg(feature = "pe")]
use maru_pe as _;
#[cfg(feature = "wasm")]
use maru_wasm_format as _;
