//! This host's CPU as a processor, so that what tries code on an emulator can try it here in the same way.

use crate::convention::HostConvention;
use crate::numbered;
use crate::processor::{Processor, ProcessorFault, Serve};
use maru_core::abi::Context;
use std::cell::Cell;
use std::ops::Range;

/// How much of this thread's stack a call may use. Threads of tests have two megabytes.
const STACK: usize = 1 << 20;

/// This host. Code that fails ends the process: nothing catches it. C functions, gates as well, are of a convention.
pub struct Host(pub HostConvention);

/// What answers the call that is under way.
type Server = *mut Serve<'static>;

thread_local! {
    static SERVER: Cell<Option<Server>> = const { Cell::new(None) };
}

type Gate = extern "C" fn(u64, u64, u64, u64, u64, u64) -> u64;

/// Gate `N`.
extern "C" fn gate<const N: usize>(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64 {
    let server = SERVER.get().expect("a gate is reached during a call");
    // SAFETY: the call that set the server has not returned, and does not use it while code runs.
    unsafe { (*server)(N, [a, b, c, d, e, f]) }
}

/// These CPUs fetch instructions past what was just written.
#[cfg(all(target_arch = "aarch64", target_vendor = "apple"))]
fn flush(code: Range<usize>) {
    extern "C" {
        fn sys_icache_invalidate(start: *mut u8, size: usize);
    }
    // SAFETY: the addresses are mapped; nothing of them changes.
    unsafe { sys_icache_invalidate(code.start as *mut u8, code.len()) };
}

#[cfg(any(all(target_arch = "aarch64", not(target_vendor = "apple")), target_arch = "riscv64"))]
fn flush(code: Range<usize>) {
    extern "C" {
        fn __clear_cache(start: *mut u8, end: *mut u8);
    }
    // SAFETY: the addresses are mapped; nothing of them changes.
    unsafe { __clear_cache(code.start as *mut u8, code.end as *mut u8) };
}

#[cfg(not(any(target_arch = "aarch64", target_arch = "riscv64")))]
fn flush(_code: Range<usize>) {}

static GATES: [Gate; Context::HELPERS] = numbered!(gate);

/// The gates of another convention.
#[cfg(target_arch = "x86_64")]
mod windows {
    use super::Context;

    type Gate = extern "win64" fn(u64, u64, u64, u64, u64, u64) -> u64;

    extern "win64" fn gate<const N: usize>(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64 {
        super::gate::<N>(a, b, c, d, e, f)
    }

    pub static GATES: [Gate; Context::HELPERS] = crate::numbered!(gate);
}

impl Processor for Host {
    fn gate(&self, number: usize) -> usize {
        match self.0 {
            HostConvention::Own => GATES[number] as usize,
            #[cfg(target_arch = "x86_64")]
            HostConvention::Windows => windows::GATES[number] as usize,
        }
    }

    fn stack(&self) -> Range<usize> {
        let here = 0u8;
        let here = std::ptr::from_ref(&here) as usize;
        here - STACK..here
    }

    fn code_changed(&self, code: Range<usize>) {
        flush(code);
    }

    fn frames(&self) -> Vec<Range<usize>> {
        // It is this thread's stack, which collectors look at anyway.
        Vec::new()
    }

    unsafe fn call(&self, entry: usize, words: &[u64], serve: &mut Serve) -> Result<u64, ProcessorFault> {
        assert!(words.len() <= 6, "too many words for a call");
        let mut six = [0; 6];
        six[..words.len()].copy_from_slice(words);
        // SAFETY: only the lifetime changes; the server is forgotten before the borrow ends.
        let server = unsafe { std::mem::transmute::<*mut Serve<'_>, Server>(std::ptr::from_mut(serve)) };
        let outer = SERVER.replace(Some(server));
        // SAFETY: the caller vouches for the function.
        let result = unsafe { self.0.call(entry, six) };
        SERVER.set(outer);
        Ok(result)
    }
}
