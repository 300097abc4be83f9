//! The machine `unicorn`: code of any CPU in the table, on the emulator.

use crate::cpu;
use crate::emulator::Emulator;
use crate::mapping;
use maru_core::format::ObjectFormat;
use maru_core::ir::Helper;
use maru_core::load::{LoadError, LoadedImage};
use maru_core::register_machine;
use maru_core::runtime::{helpers, Ability, Context, Machine, MachineKind};
use maru_core::target::Architecture;
use maru_core::value::{Value, Word};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

/// The kind.
struct Unicorn;

static UNICORN: Unicorn = Unicorn;
register_machine!(UNICORN);

impl MachineKind for Unicorn {
    fn name(&self) -> &'static str {
        "unicorn"
    }
    fn ability(&self, architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Ability {
        if cpu::find(architecture.name()).is_none() || architecture.identity(format.name()).is_none() {
            return Ability::Unsupported;
        }
        match Emulator::version() {
            Ok(version) => Ability::Ready(version.into()),
            Err(missing) => Ability::Missing(missing),
        }
    }
    fn is_emulator(&self) -> bool {
        true
    }
    fn start(&self, architecture: &dyn Architecture) -> Result<Rc<dyn Machine>, String> {
        let name = architecture.name();
        let cpu = cpu::find(name).ok_or_else(|| format!("the emulator's table has no row for {name}"))?;
        Ok(Rc::new(Emulated { emulator: Emulator::new(cpu)? }))
    }
}

/// A machine of the kind.
struct Emulated {
    emulator: Emulator,
}

impl Machine for Emulated {
    fn name(&self) -> &str {
        "unicorn"
    }

    fn helpers(&self) -> [usize; Context::HELPERS] {
        let mut addresses = [0; Context::HELPERS];
        for helper in Helper::ALL {
            addresses[*helper as usize] = self.emulator.gate(*helper as usize);
        }
        addresses
    }

    fn load(&self, file: &[u8], path: &Path) -> Option<Result<LoadedImage, LoadError>> {
        Some(mapping::map(file, false).map_err(|problem| LoadError::refused(path, problem)).and_then(|mapped| {
            let image = LoadedImage::from_mapping(Box::new(mapped), path)?;
            self.emulator.code_changed(image.code());
            Ok(image)
        }))
    }

    fn frames(&self) -> Vec<Range<usize>> {
        self.emulator.frames()
    }

    unsafe fn run(&self, enter: usize, context: *mut Context, entry: usize, callee: Value, count: i64) -> Word {
        // SAFETY: the context is live by the contract.
        let host_limit = unsafe { (*context).stack_limit };
        let set_limit = |limit| {
            // SAFETY: as above; nothing else uses the context between emulated code and the runtime.
            unsafe { (*context).stack_limit = limit };
        };
        set_limit(self.emulator.stack_limit());
        let mut serve = |number: usize, words: [u64; 6]| {
            // Rust code runs on the host's stack, emulated code on its own.
            set_limit(host_limit);
            let result = match Helper::ALL.get(number) {
                // SAFETY: the code was compiled for this runtime and passes what the helper asks for.
                Some(helper) => unsafe { helpers::call(*helper, context, &words[1..=helper.parameters()]) },
                // SAFETY: as above.
                None => unsafe {
                    helpers::machine_fault(context, &format!("a call of helper {number}, which is none"))
                },
            };
            set_limit(self.emulator.stack_limit());
            result
        };
        let words = [context as u64, entry as u64, callee.0, count as u64];
        // SAFETY: the caller vouches for context, callee and entry.
        let result = unsafe { self.emulator.call(enter, &words, &mut serve) };
        set_limit(host_limit);
        match result {
            Ok(word) => word,
            // SAFETY: the context is live.
            Err(fault) => unsafe { helpers::machine_fault(context, &format!("emulated code failed: {fault}")) },
        }
    }
}
