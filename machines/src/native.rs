//! The machine `mapped`: code of this CPU in libraries that the system's loader does not open.

use crate::mapping;
use maru_compiler::load::{LoadError, LoadedImage};
use maru_compiler::machine::{Ability, Machine, MachineKind};
use maru_compiler::register_machine;
use maru_core::abi::layout::{Value, Word};
use maru_core::abi::Context;
use maru_core::codegen::Architecture;
use maru_core::format::{self, ObjectFormat};
use maru_language::interp::helpers;
use maru_processor::HostConvention;
use std::path::Path;
use std::rc::Rc;

/// The kind.
struct Native;

static NATIVE: Native = Native;
register_machine!(NATIVE);

impl MachineKind for Native {
    fn name(&self) -> &'static str {
        "mapped"
    }
    fn ability(&self, architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Ability {
        let known = convention(architecture, format).is_some();
        match known && architecture.is_host() && mapping::maps(architecture, format) {
            // Where pages become executable only by other means than a change of protection, there is the loader.
            true if cfg!(target_os = "linux") => Ability::Ready("this CPU, with a loader of Maru's own".into()),
            _ => Ability::Unsupported,
        }
    }
    fn is_emulator(&self) -> bool {
        false
    }
    fn start(&self, architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Result<Rc<dyn Machine>, String> {
        let convention = convention(architecture, format).ok_or("this host cannot call functions of that system")?;
        Ok(Rc::new(Mapped(convention)))
    }
}

/// How C functions are called where libraries of the format come from.
fn convention(architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Option<HostConvention> {
    HostConvention::of(format::identity(architecture, format)?.system)
}

/// A machine of the kind, for code that calls C functions by a convention.
struct Mapped(HostConvention);

impl Machine for Mapped {
    fn name(&self) -> &str {
        "mapped"
    }

    fn helpers(&self) -> [usize; Context::HELPERS] {
        match self.0 {
            HostConvention::Own => helpers::addresses(),
            #[cfg(target_arch = "x86_64")]
            HostConvention::Windows => windows::HELPERS.map(|helper| helper as usize),
        }
    }

    fn load(&self, file: &[u8], path: &Path) -> Option<Result<LoadedImage, LoadError>> {
        let mapped = mapping::map(file, None).map_err(|problem| LoadError::refused(path, problem));
        Some(mapped.and_then(|mapped| LoadedImage::from_mapping(Box::new(mapped), path)))
    }

    unsafe fn run(&self, enter: usize, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word {
        // SAFETY: the caller vouches for all of them.
        unsafe { self.0.call(enter, [context as u64, entry as u64, callee.0, count as u64, 0, 0]) }
    }
}

/// The helpers as functions of Windows: what calls them has words where that system wants them.
#[cfg(target_arch = "x86_64")]
mod windows {
    use super::{helpers, Context, Word};
    use maru_core::ir::Helper;

    type Function = unsafe extern "win64" fn(*mut Context, Word, Word, Word, Word, Word) -> Word;

    unsafe extern "win64" fn helper<const N: usize>(
        context: *mut Context,
        a: Word,
        b: Word,
        c: Word,
        d: Word,
        e: Word,
    ) -> Word {
        match Helper::ALL.get(N) {
            // SAFETY: the code was compiled for this runtime and passes what the helper asks for; words that it does not
            // pass are read from its frames and left alone.
            Some(helper) => unsafe { helpers::call(*helper, context, &[a, b, c, d, e][..helper.parameters()]) },
            // SAFETY: as above.
            None => unsafe { helpers::machine_fault(context, &format!("a call of helper {N}, which is none")) },
        }
    }

    pub static HELPERS: [Function; Context::HELPERS] = maru_processor::numbered!(helper);
}
