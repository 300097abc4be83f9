//! What this program has besides what Maru comes with: the target, and a machine that runs its code.
//!
//! The machine is a plugin, too. [`Foreign`] makes one of the CPU made of software: it maps libraries, serves the
//! runtime's helpers and turns faults into errors. [`MachineKind`] tells for which targets and formats there is such a
//! machine. A CPU that is this host's, or that the emulator knows, needs none of this: then nothing stays here but the
//! line that names the target.

use maru_compiler::machine::{Ability, Machine, MachineKind};
use maru_compiler::register_machine;
use maru_core::codegen::Architecture;
use maru_core::format::ObjectFormat;
use maru_machines::{maps, Foreign};
use maru_template::MACHINE;
use maru_template_cpu::Cpu;
use std::rc::Rc;

/// The kind of machine.
struct Kind;

static KIND: Kind = Kind;
register_machine!(KIND);

impl MachineKind for Kind {
    fn name(&self) -> &'static str {
        "template-cpu"
    }
    fn ability(&self, architecture: &dyn Architecture, format: &dyn ObjectFormat) -> Ability {
        // By the number in the file: whoever makes files for this CPU can have them run.
        match architecture.identity(format.name()) {
            Some(identity) if identity.machine == MACHINE && maps(architecture, format) => {
                Ability::Ready("the template's CPU".into())
            }
            _ => Ability::Unsupported,
        }
    }
    fn is_emulator(&self) -> bool {
        true
    }
    fn start(&self, _architecture: &dyn Architecture, _format: &dyn ObjectFormat) -> Result<Rc<dyn Machine>, String> {
        Ok(Rc::new(Foreign::new(self.name(), Cpu::default())?))
    }
}
