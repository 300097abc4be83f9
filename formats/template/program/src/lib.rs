//! What this program has besides what Maru comes with: the format, and a machine that loads its libraries.
//!
//! The machine is a plugin, too: [`MachineKind`] tells for which targets and formats there is one. This one runs code of
//! this host's CPU, and is there because no system's loader opens the format. For a format that one opens nothing stays
//! here but the line that names it.

use maru_compiler::load::{LoadError, LoadedImage, MappedLibrary};
use maru_compiler::machine::{call_enter, Ability, Machine, MachineKind};
use maru_compiler::register_machine;
use maru_core::abi::layout::{Value, Word};
use maru_core::abi::Context;
use maru_core::codegen::Architecture;
use maru_core::format::{self, ObjectFormat};
use maru_processor::memory::Block;
use maru_processor::{Host, HostConvention, Processor};
use maru_template::{file, TEMPLATE};
use std::path::Path;
use std::rc::Rc;

/// The kind of machine.
struct Kind;

static KIND: Kind = Kind;
register_machine!(KIND);

impl MachineKind for Kind {
    fn name(&self) -> &'static str {
        "template-loader"
    }
    fn ability(&self, architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Ability {
        let is_ours = format.name() == TEMPLATE.name() && format::identity(architecture, format).is_some();
        match is_ours && architecture.is_host() && cfg!(target_os = "linux") {
            true => Ability::Ready("this CPU, with the template's loader".into()),
            false => Ability::Unsupported,
        }
    }
    fn is_emulator(&self) -> bool {
        false
    }
    fn start(&self, _architecture: &dyn Architecture, _format: &dyn ObjectFormat) -> Result<Rc<dyn Machine>, String> {
        Ok(Rc::new(Loader))
    }
}

/// A machine of the kind.
struct Loader;

impl Machine for Loader {
    fn name(&self) -> &str {
        KIND.name()
    }

    fn load(&self, file: &[u8], path: &Path) -> Option<Result<LoadedImage, LoadError>> {
        let mapped = map(file).map_err(|problem| LoadError::refused(path, problem));
        Some(mapped.and_then(|mapped| LoadedImage::from_mapping(Box::new(mapped), path)))
    }

    unsafe fn run(&self, enter: usize, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word {
        // SAFETY: the caller vouches for all of them.
        unsafe { call_enter(enter, context, entry, callee, count) }
    }
}

/// A library in memory.
struct Mapped {
    block: Block,
    constants: usize,
}

impl MappedLibrary for Mapped {
    fn header(&self) -> *const u8 {
        (self.block.range().start + self.constants) as *const u8
    }
}

/// Map a library: copied while all of it is writable, then each part as it must be.
fn map(file: &[u8]) -> Result<Mapped, String> {
    let parts = file::read(file)?;
    let size = parts.data.end.max(parts.data.start + 1).next_multiple_of(parts.page);
    let block = Block::new(size, true)?;
    let base = block.range().start;
    // SAFETY: the block is as large as the file at least, writable, and nobody else's.
    unsafe { std::ptr::copy_nonoverlapping(file.as_ptr(), base as *mut u8, file.len()) };
    block.protect(base..base + parts.code.start, libc::PROT_READ)?;
    block.protect(base + parts.code.start..base + parts.data.start, libc::PROT_READ | libc::PROT_EXEC)?;
    Host(HostConvention::Own).code_changed(base + parts.code.start..base + parts.code.end);
    Ok(Mapped { block, constants: parts.constants.start })
}
