//! The suite finds a target that encodes an instruction wrongly: each instruction in turn.

use maru_conformance::engine::Mode;
use maru_conformance::{run, Conform};
use maru_core::codegen::{
    Architecture, CompileError, CompiledFunction, FixupKind, ListingLine, MachineIdentity, OutOfRange,
};
use maru_core::ir::Function;
use maru_template::instruction::{self, *};
use maru_template::TARGET;
use maru_with_template as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// The template's target, but for one instruction, which is encoded as another.
struct Altered {
    wrong: AtomicU16,
    instead: AtomicU16,
}

static ALTERED: Altered = Altered { wrong: AtomicU16::new(u16::MAX), instead: AtomicU16::new(0) };
maru_core::register_architecture!(ALTERED);

impl Architecture for Altered {
    fn name(&self) -> &'static str {
        "altered"
    }
    fn is_host(&self) -> bool {
        false
    }
    fn argument_registers(&self) -> usize {
        TARGET.argument_registers()
    }
    fn convention_facts(&self) -> Vec<maru_core::abi::Fact> {
        TARGET.convention_facts()
    }
    fn trap(&self) -> &'static [u8] {
        TARGET.trap()
    }
    fn identity(&self, format: &str) -> Option<&MachineIdentity> {
        TARGET.identity(format)
    }
    fn compile(&self, function: &Function) -> Result<CompiledFunction, CompileError> {
        let mut compiled = TARGET.compile(function)?;
        for instruction in compiled.bytes.chunks_mut(instruction::SIZE) {
            if u16::from(instruction[0]) == self.wrong.load(Ordering::Relaxed) {
                instruction[0] = self.instead.load(Ordering::Relaxed) as u8;
            }
        }
        Ok(compiled)
    }
    fn patch(&self, kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
        TARGET.patch(kind, site, from, to)
    }
    fn listing(&self, function: &Function) -> Result<Vec<ListingLine>, CompileError> {
        TARGET.listing(function)
    }
}

/// Whether the suite finds that `wrong` is encoded as `instead`: by generated programs, or by the case files. What it
/// said.
fn found(wrong: u16, instead: u16) -> Result<String, String> {
    try_to_find(wrong, instead, false).or_else(|_| try_to_find(wrong, instead, true))
}

fn try_to_find(wrong: u16, instead: u16, files: bool) -> Result<String, String> {
    ALTERED.wrong.store(wrong, Ordering::Relaxed);
    ALTERED.instead.store(instead, Ordering::Relaxed);
    let conform = Conform {
        target: Some("altered".into()),
        format: Some("elf".into()),
        modes: vec![Mode::Native],
        cases: if files { 0 } else { 1000 },
        jobs: 1,
        progress: false,
        files,
        shrink: false,
        fail_fast: true,
        limit: Duration::from_secs(4),
        bundles: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("altered"),
        ..Conform::default()
    };
    let report = run(&conform).expect("a run");
    let failure = report.failures.iter().find(|failure| failure.engine.starts_with("native altered elf"));
    failure.map(|failure| failure.what.clone()).ok_or_else(|| report.text())
}

#[test]
fn an_instruction_encoded_as_another_is_found() {
    // Each as its neighbour, whose operands are alike.
    let pairs = [
        (ADD, SUB),
        (ADD_IMM, AND_IMM),
        (AND, OR),
        (SHL, LSHR),
        (ASHR, LSHR),
        (ADD_OVERFLOWS, SUB_OVERFLOWS),
        (MUL_OVERFLOWS, ADD_OVERFLOWS),
        (EQ, NE),
        (LT, LE),
        (GT, GE),
        (BELOW, LT),
        (TAG, AND_IMM),
        (FADD, FSUB),
        (FMUL, FDIV),
        (FLT, FLE),
        (TO_DOUBLE, FROM_BITS),
        (HIGH, CONST),
        (LOAD, LOAD_FOUR),
        (STORE, STORE_FOUR),
        (GO_IF, GO_UNLESS),
        (CALL, GO),
        (FETCH, ADDRESS),
        (RETURN, TRAP),
    ];
    let missed: Vec<String> = pairs
        .into_iter()
        .filter_map(|(wrong, instead)| {
            let missed = found(wrong, instead).err()?;
            Some(format!("{:?} encoded as {:?}:\n{missed}", TABLE[wrong as usize], TABLE[instead as usize]))
        })
        .collect();
    assert!(missed.is_empty(), "not found:\n{}", missed.join("\n"));
    // The machinery must be able to miss: without a fault, there is nothing to find.
    assert!(found(u16::MAX, 0).is_err(), "found where there is nothing");
}
