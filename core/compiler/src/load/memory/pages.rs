//! Pages that are written first and executed then, by the system's means.
//!
//! Most systems let a page's protection be changed. Where a CPU refuses that (its pages for code are made writable and
//! executable, and each *thread* then sees them as one or the other), there are calls for it.

use std::io;
use std::ops::Range;

const NOTHING: i32 = libc::PROT_NONE;
const WRITABLE: i32 = libc::PROT_READ | libc::PROT_WRITE;
const EXECUTABLE: i32 = libc::PROT_READ | libc::PROT_EXEC;

/// Bytes of a page.
pub(super) fn size() -> usize {
    // SAFETY: the function only reads.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(1 << 16)
}

/// Reserve two halves of so many bytes: nothing of the first can be accessed yet, the second can be written.
pub(super) fn reserve(half: usize) -> Result<usize, String> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE;
    // SAFETY: without MAP_FIXED the system picks a range that nobody uses.
    let start = unsafe { libc::mmap(std::ptr::null_mut(), 2 * half, NOTHING, flags, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(out_of_memory(2 * half));
    }
    let start = start.expose_provenance();
    by_thread::prepare(start, half)?;
    protect(&(start + half..start + 2 * half), WRITABLE)?;
    Ok(start)
}

/// Write parts of a range of pages that nobody can access, each at its address, and make the range executable.
pub(super) fn write(range: &Range<usize>, parts: &[(usize, &[u8])]) -> Result<(), String> {
    make_writable(range)?;
    for (at, bytes) in parts {
        assert!(*at >= range.start && at + bytes.len() <= range.end);
        // SAFETY: the part lies in the range, which is the caller's alone and writable.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), std::ptr::with_exposed_provenance_mut(*at), bytes.len())
        };
    }
    make_executable(range)
}

fn make_writable(range: &Range<usize>) -> Result<(), String> {
    match by_thread::is_used() {
        true => by_thread::write_protect(false),
        false => protect(range, WRITABLE)?,
    }
    Ok(())
}

fn make_executable(range: &Range<usize>) -> Result<(), String> {
    match by_thread::is_used() {
        true => by_thread::write_protect(true),
        false => protect(range, EXECUTABLE)?,
    }
    forget_instructions(range);
    Ok(())
}

/// Fill writable memory with zeros.
pub(super) fn clear(range: &Range<usize>) {
    // SAFETY: the range belongs to the caller alone, and the upper half of an area is writable.
    unsafe { std::ptr::write_bytes(std::ptr::with_exposed_provenance_mut::<u8>(range.start), 0, range.len()) };
}

/// Take pages back that nothing runs in any more; whether the system agreed. They get new memory when they are used again,
/// so that no CPU takes what it remembers of them for their contents.
pub(super) fn give_back(range: &Range<usize>) -> bool {
    if by_thread::is_used() {
        return true;
    }
    let start = std::ptr::with_exposed_provenance_mut::<libc::c_void>(range.start);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_NORESERVE | libc::MAP_FIXED;
    // SAFETY: the range is a part of an area that nobody uses; a reservation without memory takes its place.
    unsafe { libc::mmap(start, range.len(), NOTHING, flags, -1, 0) != libc::MAP_FAILED }
}

fn protect(range: &Range<usize>, protection: i32) -> Result<(), String> {
    let start = std::ptr::with_exposed_provenance_mut(range.start);
    // SAFETY: the range is a part of an area, used by the caller alone.
    match unsafe { libc::mprotect(start, range.len(), protection) } {
        0 => Ok(()),
        _ => Err(format!("{} of memory cannot be protected: {}", range.len(), io::Error::last_os_error())),
    }
}

fn out_of_memory(bytes: usize) -> String {
    format!("the system reserves no {bytes} bytes for code: {}", io::Error::last_os_error())
}

/// What a CPU remembers of instructions at these addresses is no longer true.
fn forget_instructions(range: &Range<usize>) {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        extern "C" {
            // Of the compiler's own library, for every CPU; its documentation is that of GCC's `__builtin___clear_cache`.
            fn __clear_cache(start: *mut libc::c_void, end: *mut libc::c_void);
        }
        let [start, end] = [range.start, range.end].map(std::ptr::with_exposed_provenance_mut);
        // SAFETY: the range is readable.
        unsafe { __clear_cache(start, end) };
    }
    #[cfg(target_vendor = "apple")]
    {
        extern "C" {
            // <libkern/OSCacheControl.h>
            fn sys_icache_invalidate(start: *mut libc::c_void, size: usize);
        }
        // SAFETY: the range is readable.
        unsafe { sys_icache_invalidate(std::ptr::with_exposed_provenance_mut(range.start), range.len()) };
    }
    // Elsewhere the system does it when a page that has new memory becomes executable.
    #[cfg(not(any(all(target_os = "linux", target_env = "gnu"), target_vendor = "apple")))]
    let _ = range;
}

/// Systems where each thread sees pages for code as writable or as executable (<pthread.h> of macOS 11).
#[cfg(target_vendor = "apple")]
mod by_thread {
    extern "C" {
        fn pthread_jit_write_protect_supported_np() -> libc::c_int;
        fn pthread_jit_write_protect_np(enabled: libc::c_int);
    }

    /// Whether this CPU does it so.
    pub(super) fn is_used() -> bool {
        // SAFETY: the function only reads.
        unsafe { pthread_jit_write_protect_supported_np() != 0 }
    }

    /// Whether this thread sees all pages for code as executable, or else as writable.
    pub(super) fn write_protect(enabled: bool) {
        // SAFETY: the thread executes nothing of those pages while they are writable to it.
        unsafe { pthread_jit_write_protect_np(enabled.into()) };
    }

    /// Make reserved addresses pages for code.
    pub(super) fn prepare(start: usize, size: usize) -> Result<(), String> {
        if !is_used() {
            return Ok(());
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_JIT;
        let protection = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
        let place = std::ptr::with_exposed_provenance_mut::<libc::c_void>(start);
        // MAP_JIT refuses MAP_FIXED, so the reservation gives way first.
        // SAFETY: the range was reserved a moment ago and holds nothing.
        let made = unsafe {
            libc::munmap(place, size);
            libc::mmap(place, size, protection, flags, -1, 0)
        };
        match made == place {
            true => Ok(()),
            false => Err(format!("no pages for code to be had at {start:#x}: {}", std::io::Error::last_os_error())),
        }
    }
}

/// No system of this kind.
#[cfg(not(target_vendor = "apple"))]
mod by_thread {
    pub(super) fn is_used() -> bool {
        false
    }
    pub(super) fn write_protect(_: bool) {}
    pub(super) fn prepare(_: usize, _: usize) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The protections of this process's mappings that hold some of a range, as the system tells them.
    fn protections(range: &Range<usize>) -> Vec<String> {
        let text = std::fs::read_to_string("/proc/self/maps").expect("maps");
        let all: Vec<(Range<usize>, String)> = text
            .lines()
            .map(|line| {
                let (addresses, rest) = line.split_once(' ').expect("a line of maps");
                let (start, end) = addresses.split_once('-').expect("addresses");
                let number = |text| usize::from_str_radix(text, 16).expect("an address");
                (number(start)..number(end), rest[..4].to_string())
            })
            .collect();
        let both = all.iter().find(|(_, protection)| protection.contains('w') && protection.contains('x'));
        assert!(both.is_none(), "writable and executable: {both:x?}");
        let touches = |other: &Range<usize>| other.start < range.end && range.start < other.end;
        all.into_iter().filter(|(other, _)| touches(other)).map(|(_, protection)| protection).collect()
    }

    #[test]
    fn no_page_is_ever_writable_and_executable() {
        let half = 16 * size();
        let start = reserve(half).expect("reserved");
        let range = start + 2 * size()..start + 5 * size();
        assert_eq!(protections(&range), ["---p"]);
        assert_eq!(protections(&(start + half..start + 2 * half)), ["rw-p"]);
        make_writable(&range).expect("writable");
        assert_eq!(protections(&range), ["rw-p"]);
        make_executable(&range).expect("executable");
        assert_eq!(protections(&range), ["r-xp"]);
        // A neighbour is written while this one stays executable.
        let next = range.end..range.end + size();
        make_writable(&next).expect("writable");
        assert_eq!((protections(&range), protections(&next)), (vec!["r-xp".to_string()], vec!["rw-p".to_string()]));
        write(&next, &[(next.start + 8, b"written")]).expect("written");
        assert_eq!(protections(&(range.start..next.end)), ["r-xp"]);
        assert!(give_back(&range));
        assert_eq!(protections(&range), ["---p"]);
        write(&range, &[]).expect("used again");
        // SAFETY: the page is readable, and stays.
        let first = unsafe { *std::ptr::with_exposed_provenance::<u64>(range.start) };
        assert_eq!(first, 0, "a page that was given back has new memory");
        assert_eq!(protections(&(range.start..next.end)), ["r-xp"]);
    }
}
