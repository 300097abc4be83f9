//! The machine `mapped`: code of this CPU in libraries that the system's loader does not open.

use crate::mapping;
use maru_compiler::load::{LoadError, LoadedImage};
use maru_compiler::machine::{Ability, Machine, MachineKind};
use maru_compiler::register_machine;
use maru_core::abi::layout::{Value, Word};
use maru_core::abi::Context;
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
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
        match architecture.is_host() && mapping::maps(architecture, format) {
            // Where pages become executable only by other means than a change of protection, there is the loader.
            true if cfg!(target_os = "linux") => Ability::Ready("this CPU, with a loader of Maru's own".into()),
            _ => Ability::Unsupported,
        }
    }
    fn is_emulator(&self) -> bool {
        false
    }
    fn start(&self, _architecture: &dyn Architecture) -> Result<Rc<dyn Machine>, String> {
        Ok(Rc::new(Mapped))
    }
}

/// A machine of the kind.
struct Mapped;

impl Machine for Mapped {
    fn name(&self) -> &str {
        "mapped"
    }

    fn load(&self, file: &[u8], path: &Path) -> Option<Result<LoadedImage, LoadError>> {
        let mapped = mapping::map(file, None).map_err(|problem| LoadError::refused(path, problem));
        Some(mapped.and_then(|mapped| LoadedImage::from_mapping(Box::new(mapped), path)))
    }

    unsafe fn run(&self, enter: usize, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word {
        // SAFETY: the caller vouches for all of them.
        unsafe { maru_compiler::machine::call_enter(enter, context, entry, callee, count) }
    }
}
