//! By which convention C functions are called on this host's CPU: by that of this process, or of another system.

use maru_core::codegen::System;

/// A convention that this host's compiler knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostConvention {
    /// This process's own.
    Own,
    /// That of Windows.
    #[cfg(target_arch = "x86_64")]
    Windows,
}

impl HostConvention {
    /// The convention of a system of this CPU's target, by the target's number.
    pub fn of(system: System) -> Option<HostConvention> {
        match system.0 {
            0 => Some(HostConvention::Own),
            #[cfg(target_arch = "x86_64")]
            1 => Some(HostConvention::Windows),
            _ => None,
        }
    }

    /// Call a function with six words, of which it takes as many as it has parameters.
    ///
    /// # Safety
    /// At `entry` there is a function of this convention, and the caller vouches for what it does.
    pub unsafe fn call(self, entry: usize, [a, b, c, d, e, f]: [u64; 6]) -> u64 {
        match self {
            HostConvention::Own => {
                type Function = extern "C" fn(u64, u64, u64, u64, u64, u64) -> u64;
                // SAFETY: the caller vouches for the function; one with fewer parameters ignores the other words.
                unsafe { std::mem::transmute::<usize, Function>(entry)(a, b, c, d, e, f) }
            }
            #[cfg(target_arch = "x86_64")]
            HostConvention::Windows => {
                type Function = extern "win64" fn(u64, u64, u64, u64, u64, u64) -> u64;
                // SAFETY: as above.
                unsafe { std::mem::transmute::<usize, Function>(entry)(a, b, c, d, e, f) }
            }
        }
    }
}

/// An array of a generic function, `function::<0>` first: one for each number that a helper may have.
#[macro_export]
macro_rules! numbered {
    ($function:ident) => {
        $crate::numbered!($function: 0 1 2 3 4 5 6 7 8 9 10 11)
    };
    ($function:ident: $($eight:literal)*) => {
        [$($function::<{ 8 * $eight }>, $function::<{ 8 * $eight + 1 }>, $function::<{ 8 * $eight + 2 }>,
           $function::<{ 8 * $eight + 3 }>, $function::<{ 8 * $eight + 4 }>, $function::<{ 8 * $eight + 5 }>,
           $function::<{ 8 * $eight + 6 }>, $function::<{ 8 * $eight + 7 }>,)*]
    };
}
