//! The machine `unicorn`: code of any CPU in the table, on the emulator.

use crate::{maps, Foreign};
use maru_compiler::machine::{Ability, Machine, MachineKind};
use maru_compiler::register_machine;
use maru_core::codegen::Architecture;
use maru_core::format::{self, ObjectFormat};
use maru_processor::{cpu, Emulator};
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
        if row(architecture, format).is_none() || !maps(architecture, format) {
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
    fn start(&self, architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Result<Rc<dyn Machine>, String> {
        let cpu = row(architecture, format)
            .ok_or_else(|| format!("the emulator's table has no row for {}", architecture.name()))?;
        Ok(Rc::new(Foreign::new(self.name(), Emulator::new(cpu)?)?))
    }
}

/// The emulator's row for a CPU and the system that the format is of.
fn row(architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Option<&'static cpu::Cpu> {
    cpu::find(architecture.name(), format::identity(architecture, format)?.system)
}
