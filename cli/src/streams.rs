//! Whether the process was started with a standard output that can be written to.
//!
//! Rust's library opens `/dev/null` in place of a standard stream that is closed, and does not tell: what is written is
//! lost without a word. So the question is asked before the library starts.

use std::sync::atomic::{AtomicBool, Ordering};

static OUTPUT_IS_CLOSED: AtomicBool = AtomicBool::new(false);

/// Whether standard output was closed, or not open for writing, when the process started.
pub fn output_is_closed() -> bool {
    OUTPUT_IS_CLOSED.load(Ordering::Relaxed)
}

/// Looks at standard output. Runs before `main`, when nothing of Rust's library may be used but atomic variables.
extern "C" fn look() {
    // SAFETY: the call only asks for a descriptor's flags, and fails where there is no descriptor.
    let flags = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) };
    // SAFETY: as above.
    let mode = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFL) };
    let is_read_only = mode != -1 && mode & libc::O_ACCMODE == libc::O_RDONLY;
    OUTPUT_IS_CLOSED.store(flags == -1 || is_read_only, Ordering::Relaxed);
}

// The linker keeps a pointer in this section, and the system's loader calls what it points to.
#[used]
#[cfg_attr(target_os = "macos", link_section = "__DATA,__mod_init_func")]
#[cfg_attr(not(target_os = "macos"), link_section = ".init_array")]
static LOOK: extern "C" fn() = look;
