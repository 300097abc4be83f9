//! The one list of target plugins linked into Maru. A plugin crate that nobody names is not linked.

#[cfg(feature = "arm64")]
use maru_arm64 as _;
#[cfg(feature = "c")]
use maru_c as _;
#[cfg(feature = "riscv64")]
use maru_riscv64 as _;
#[cfg(feature = "s390x")]
use maru_s390x as _;
#[cfg(feature = "wasm")]
use maru_wasm as _;
#[cfg(feature = "x64")]
use maru_x64 as _;
