//! Cranelift as a target of Maru's, once without its optimiser and once with it. Only for 64-bit x86.

use crate::translate::{self, ARGUMENT_REGISTERS, translate};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::ExternalName;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_codegen::{Context, FinalizedRelocTarget};
use cranelift_frontend::FunctionBuilderContext;
use maru_core::abi::{fingerprint, Fact};
use maru_core::ir::{Function, FunctionId};
use maru_core::codegen::{Architecture, CompileError, CompiledFunction, Fixup, FixupKind, FixupTarget, ListingLine, MachineIdentity, OutOfRange};
use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::Instant;

/// Maru's target for the same CPU.
pub const OWN: &str = "x64";

/// Cranelift with a level of optimisation.
pub struct Cranelift {
    name: &'static str,
    level: &'static str,
    isa: OnceLock<Result<OwnedTargetIsa, String>>,
}

/// With the optimiser.
pub static SPEED: Cranelift = Cranelift { name: "cranelift-speed", level: "speed", isa: OnceLock::new() };
/// Without it.
pub static NONE: Cranelift = Cranelift { name: "cranelift-none", level: "none", isa: OnceLock::new() };

maru_core::register_architecture!(SPEED);
maru_core::register_architecture!(NONE);

thread_local! {
    /// What is used again for the next function, as Cranelift recommends.
    static MEMORY: RefCell<(Context, FunctionBuilderContext)> =
        RefCell::new((Context::new(), FunctionBuilderContext::new()));
}

impl Cranelift {
    fn isa(&self) -> Result<&OwnedTargetIsa, String> {
        self.isa.get_or_init(|| make_isa(self.level)).as_ref().map_err(Clone::clone)
    }

    fn try_compile(&self, function: &Function) -> Result<CompiledFunction, String> {
        let isa = self.isa()?;
        MEMORY.with_borrow_mut(|(context, memory)| {
            context.clear();
            let start = Instant::now();
            translate(function, &mut context.func, memory, isa.frontend_config())?;
            let translated = Instant::now();
            let mut plane = ControlPlane::default();
            context.compile(&**isa, &mut plane).map_err(|error| format!("{:?}", error.inner))?;
            let compiled = Instant::now();
            let code = context.compiled_code().ok_or("nothing was compiled")?;
            let nanoseconds = |time: std::time::Duration| time.as_nanos() as u64;
            Ok(CompiledFunction {
                bytes: code.code_buffer().to_vec(),
                fixups: fixups(context)?,
                unwind: Vec::new(),
                lines: Vec::new(),
                nanoseconds: [nanoseconds(translated - start), 0, nanoseconds(compiled - translated)],
            })
        })
    }
}

fn make_isa(level: &str) -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    let settings = [
        ("opt_level", level),
        ("enable_pinned_reg", "true"),
        // With it, even symbols of the same image are reached through a table. Without, they are by their distance.
        ("is_pic", "false"),
        // Cranelift's tail calls need them.
        ("preserve_frame_pointers", "true"),
        ("use_colocated_libcalls", "true"),
        ("enable_verifier", "false"),
        ("enable_probestack", "false"),
        ("unwind_info", "false"),
    ];
    for (name, value) in settings {
        flags.set(name, value).map_err(|error| format!("{name}: {error}"))?;
    }
    let builder = cranelift_native::builder()?;
    builder.finish(settings::Flags::new(flags)).map_err(|error| error.to_string())
}

/// The places that depend on addresses: all are distances of 32 bits.
fn fixups(context: &Context) -> Result<Vec<Fixup>, String> {
    let code = context.compiled_code().ok_or("nothing was compiled")?;
    let names = context.func.params.user_named_funcs();
    let fixup = |reloc: &cranelift_codegen::FinalizedMachReloc| {
        if !matches!(reloc.kind, Reloc::X86PCRel4 | Reloc::X86CallPCRel4) {
            return Err(format!("a relocation of another kind: {:?}", reloc.kind));
        }
        let FinalizedRelocTarget::ExternalName(ExternalName::User(name)) = &reloc.target else {
            return Err(format!("a relocation to something else: {:?}", reloc.target));
        };
        let name = &names[*name];
        let target = match name.namespace {
            translate::FUNCTIONS => FixupTarget::Function(FunctionId(name.index)),
            _ => FixupTarget::Data(name.index),
        };
        Ok(Fixup { offset: reloc.offset, kind: FixupKind(0), target, addend: reloc.addend })
    };
    code.buffer.relocs().iter().map(fixup).collect()
}

impl Architecture for Cranelift {
    fn name(&self) -> &'static str {
        self.name
    }
    fn is_host(&self) -> bool {
        cfg!(all(target_arch = "x86_64", unix))
    }
    fn argument_registers(&self) -> usize {
        ARGUMENT_REGISTERS
    }
    fn convention_facts(&self) -> Vec<Fact> {
        // Where words travel is Cranelift's own affair; images of its versions do not outlive the process.
        vec![Fact::new("target.name", fingerprint(self.name.as_bytes())[0])]
    }
    fn trap(&self) -> &'static [u8] {
        &[0xcc]
    }
    fn identity(&self, format: &str) -> Option<&MachineIdentity> {
        maru_core::registry::find_architecture(OWN, "").ok()?.identity(format)
    }
    fn compile(&self, function: &Function) -> Result<CompiledFunction, CompileError> {
        let failed = |message| CompileError { function: function.name.clone(), message };
        self.try_compile(function).map_err(failed)
    }
    fn patch(&self, _kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
        let value = to.wrapping_sub(from) as i64;
        let distance = i32::try_from(value).map_err(|_| OutOfRange { value, bits: 32 })?;
        site[..4].copy_from_slice(&distance.to_le_bytes());
        Ok(())
    }
    fn listing(&self, function: &Function) -> Result<Vec<ListingLine>, CompileError> {
        let bytes = self.compile(function)?.bytes;
        Ok(vec![ListingLine { offset: 0, bytes, text: "machine code by Cranelift".into() }])
    }
}
