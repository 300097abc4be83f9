//! C as a target: the text of a unit, which the system's compiler makes machine code of.
//!
//! It is a code generator that shares nothing with those of other targets but the IR, so that each can be compared with the
//! other. The text is C11 that gcc, clang and tcc compile without a warning: words are unsigned, so that nothing overflows;
//! doubles become words through a union; memory is accessed through types that may alias anything, where a compiler would
//! care. Nothing of a library is called.
//!
//! **Calls.** All functions have one type: context, then five words, which are the callee's value, the argument count and
//! three arguments ([`ARGUMENT_REGISTERS`]). Words past them are in the argument area at their own index, as everywhere, and
//! doubles behind the words; a double is returned as its bits. An entry has the type that the runtime calls it by.
//!
//! **Tail calls.** No compiler promises them for C, and tcc makes none. So a function that ends in a call stores all arguments
//! in the argument area, callee's value and argument count in two words of the context that are for this
//! ([`context::PASSING`](maru_core::abi::context::PASSING)), and in a third one whom to call; then it returns. Whoever called
//! it finds that word not zero, and calls on, in a loop.
//!
//! **The stack.** A function compares its frame's address with the context's limit. What its frame takes below that is the
//! compiler's secret; as many words as the function has values alive at once are assumed.
//!
//! ```text
//! prelude.h       what the language lacks: copied to the start of every text
//! prototypes      of all functions, since any may call any
//! data table      volatile: the runtime writes it when the library is loaded
//! functions       blocks are labels, values are variables; all static, found by their symbols
//! maru_image      header and manifest
//! ```

mod function;
mod operation;
mod pressure;
mod unit;

use maru_core::abi::{fingerprint, Fact};
use maru_core::codegen::{
    source_symbols, Architecture, CompileError, CompiledFunction, FixupKind, ListingLine, MachineIdentity, OutOfRange,
    Relocations, SourceTarget, SourceUnit, System, UnwindConvention, UnwindStyle,
};
use maru_core::ir::Function;
use maru_core::tool::Tool;

/// How many arguments are passed as parameters, callee and argument count not included: with these and the context as many
/// words as the usual conventions pass in registers.
pub const ARGUMENT_REGISTERS: usize = 3;
/// How many doubles a call may have: as on other targets.
const MOST_DOUBLES: usize = 8;

/// The target.
pub struct C;

/// The one that is registered.
pub static TARGET: C = C;
maru_core::register_architecture!(TARGET);

/// What the system's own container calls the CPU that its compiler compiles for: this process's. `None` for a system or CPU
/// whose numbers are not here.
fn host_identity() -> Option<(&'static str, &'static MachineIdentity)> {
    const fn identity(machine: u32, tool_name: &'static str, flags: u32, page_size: u64) -> MachineIdentity {
        MachineIdentity {
            machine,
            subtype: 0,
            flags,
            pointer_size: size_of::<usize>() as u8,
            little_endian: cfg!(target_endian = "little"),
            page_size,
            tool_name,
            relocations: Relocations::NONE,
            system: System(0),
            unwind: UnwindConvention {
                code_alignment: 1,
                data_alignment: -8,
                return_address: 0,
                stack_pointer: 0,
                entry_cfa_offset: 0,
                entry_return_address: None,
                style: UnwindStyle::Dwarf,
            },
        }
    }
    static X86_64: MachineIdentity = identity(62, "x86_64", 0, 0x1000);
    static AARCH64: MachineIdentity = identity(183, "aarch64", 0, 0x10000);
    static RISCV64: MachineIdentity = identity(243, "riscv64", 5, 0x1000);
    if !cfg!(target_os = "linux") {
        return None;
    }
    let machine = match std::env::consts::ARCH {
        "x86_64" => &X86_64,
        "aarch64" => &AARCH64,
        "riscv64" => &RISCV64,
        _ => return None,
    };
    Some(("elf", machine))
}

impl Architecture for C {
    fn name(&self) -> &'static str {
        "c"
    }
    fn synonyms(&self) -> &'static [&'static str] {
        &["c11"]
    }
    fn is_host(&self) -> bool {
        host_identity().is_some()
    }
    fn argument_registers(&self) -> usize {
        ARGUMENT_REGISTERS
    }
    fn convention_facts(&self) -> Vec<Fact> {
        let number = |name: &'static str, value: usize| Fact::new(name, value as u64);
        vec![
            Fact::new("target.name", fingerprint(self.name().as_bytes())[0]),
            Fact::new("target.host", fingerprint(std::env::consts::ARCH.as_bytes())[0]),
            number("target.argument_registers", ARGUMENT_REGISTERS),
            number("target.words", function::WORDS),
            number("target.pending", function::PENDING as usize),
            number("target.first_double", function::double_slot(0, 0)),
        ]
    }
    fn trap(&self) -> &'static [u8] {
        b""
    }
    fn identity(&self, format: &str) -> Option<&MachineIdentity> {
        host_identity().filter(|(container, _)| *container == format).map(|(_, identity)| identity)
    }
    fn source(&self) -> Option<&dyn SourceTarget> {
        Some(self)
    }
    fn compile(&self, function: &Function) -> Result<CompiledFunction, CompileError> {
        let functions = std::slice::from_ref(function);
        let text = function::definition(function, &|id| format!("f{}", id.0), &source_symbols(functions)[0])?;
        Ok(CompiledFunction { bytes: text.into_bytes(), ..CompiledFunction::default() })
    }
    fn patch(&self, _: FixupKind, _: &mut [u8], _: u64, to: u64) -> Result<(), OutOfRange> {
        // A text has no fixups.
        Err(OutOfRange { value: to as i64, bits: 0 })
    }
    fn listing(&self, function: &Function) -> Result<Vec<ListingLine>, CompileError> {
        let text = String::from_utf8(self.compile(function)?.bytes).unwrap_or_default();
        let mut offset = 0;
        let line = |text: &str| {
            let line = ListingLine { offset, bytes: Vec::new(), text: text.trim_end().into(), jump: None };
            offset += text.len() as u32;
            line
        };
        Ok(text.split_inclusive('\n').map(line).collect())
    }
}

impl SourceTarget for C {
    fn language(&self) -> &'static str {
        "C"
    }
    fn extension(&self) -> &'static str {
        "c"
    }
    fn text(&self, unit: &SourceUnit) -> Result<String, CompileError> {
        unit::text(unit)
    }
    fn compilers(&self) -> Vec<Tool> {
        // Contraction would round once where the language rounds twice; no library is there for errno, or to be called.
        let arguments = "-std=c11 -O2 -fPIC -fno-builtin -ffp-contract=off -fno-math-errno -fno-stack-protector \
                         -fasynchronous-unwind-tables -c";
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let packages = [("cc", "a C compiler (gcc, clang or tcc)"), ("gcc", "gcc"), ("clang", "clang"), ("tcc", "tcc")];
        packages.map(|(program, package)| Tool::new(program, &arguments, package)).into()
    }
}
