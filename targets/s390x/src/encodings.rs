//! Tests of encodings: `encodings.txt` holds a line for each instruction that samples of all opcodes give, with the bytes
//! that GNU `as` makes of the text. `BLESS=1` writes it anew (needs `s390x-linux-gnu-as`).
//!
//! Three witnesses for each line: our bytes, the other assembler's, and, where it is installed, what GNU `objdump` reads in
//! them.

use crate::encode::{Opcode, ARITHMETIC, COMPARES, IMMEDIATE_COMPARES, IN_PLACE, SHIFTS, TWO, UNARY};
use crate::instruction::{self, DISTANCE, SHORT_DISTANCE};
use crate::{abi, S390x};
use maru_core::codegen::{CodeBuffer, FixupTarget, Frame, ListingLine, MachInst, RegisterMachine, System};
use maru_core::ir::{Convention, FunctionId};
use regalloc2::{Allocation, PReg, RegClass, SpillSlot};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/encodings.txt");

/// Registers with different bits.
const WORDS: [usize; 5] = [2, 5, 8, 10, 12];
const DOUBLES: [usize; 5] = [0, 4, 7, 10, 15];
/// Slots that are reached directly, in both forms, and not.
const SLOTS: [usize; 8] = [0, 1, 20, 510, 511, 512, 65_535, 100_000];
const OFFSETS: [i32; 12] = [0, 1, -1, 8, 4095, 4096, -4096, 0x7_ffff, 0x8_0000, -0x8_0000, -0x8_0001, i32::MIN];
const NEAR: [i32; 8] = [0, 1, -1, 4095, 4096, 0x7_ffff, -0x8_0000, 376];
const SHORT: [i64; 6] = [0, 1, -1, 1000, 0x7fff, -0x8000];
const LONG: [i64; 6] = [0, 1, 0x8000, 0x1234_5678, 0x7fff_ffff, 0x5a5a];
const CONSTANTS: [i64; 16] = [
    0,
    -1,
    0x7fff,
    -0x8000,
    0x8000,
    -0x8001,
    0x7fff_ffff,
    -0x8000_0000,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    -0x8000_0001,
    0x1234_5678_9abc_def0,
    i64::MIN,
    i64::MAX,
    0x1234_5678_8000_0000,
];
/// First and last bits.
const RUNS: [i64; 5] = [61 | 63 << 8, 60 << 8, 62 << 8 | 3, 5 << 8 | 5, 40 | 7 << 8];

/// The class of each operand: `w` a word, `d` a double.
type Kinds = &'static str;

fn allocations(kinds: Kinds, turn: usize) -> Vec<Allocation> {
    let pick = |(place, kind)| {
        let choice = turn * (2 * place + 1) + 3 * place;
        match kind {
            'w' => Allocation::reg(PReg::new(WORDS[choice % WORDS.len()], RegClass::Int)),
            _ => Allocation::reg(PReg::new(DOUBLES[choice % DOUBLES.len()], RegClass::Float)),
        }
    };
    kinds.chars().enumerate().map(pick).collect()
}

/// Kinds of operands, and the numbers of a sample's instruction: variants, immediates, displacements.
type Sample = (Kinds, Vec<i64>, Vec<i64>, Vec<i32>);

/// Samples of an opcode. An opcode that is missing here does not compile.
fn samples(opcode: Opcode) -> Vec<Sample> {
    use Opcode::*;
    let plain = |kinds| vec![(kinds, vec![0], vec![0], vec![0])];
    let all = |kinds, table: usize| vec![(kinds, (0..table as i64).collect(), vec![0], vec![0])];
    let one =
        |kinds, variants: std::ops::Range<i64>, numbers: &[i64]| (kinds, variants.collect(), numbers.to_vec(), vec![0]);
    match opcode {
        Constant => vec![one("w", 0..1, &CONSTANTS)],
        DoubleZero => plain("d"),
        Jump | Call | TailCall | Return | Trap => plain(""),
        JumpIf => vec![one("", 1..15, &[0])],
        SetIf => vec![one("w", 1..15, &[0])],
        Arithmetic => all("www", ARITHMETIC.len()),
        AddImmediate => vec![one("ww", 0..1, &SHORT)],
        AddDisplacement => vec![("ww", vec![0], vec![0], NEAR.to_vec())],
        InPlace => {
            assert_eq!(IN_PLACE.len(), 4);
            vec![one("ww", 0..2, &LONG), one("ww", 2..3, &SHORT), one("ww", 3..4, &LONG)]
        }
        Bits => vec![one("ww", 0..1, &RUNS)],
        ShiftImmediate => vec![one("ww", 0..SHIFTS.len() as i64, &[0, 1, 31, 32, 63])],
        Shift => all("www", SHIFTS.len()),
        Two => {
            assert_eq!(TWO.len(), 5);
            vec![one("www", 0..1, &[0]), one("ddd", 1..5, &[0])]
        }
        MultiplyChecked | Divide => all("www", 1 + usize::from(opcode == Divide)),
        Compare => {
            assert_eq!(COMPARES.len(), 3);
            vec![one("ww", 0..2, &[0]), one("dd", 2..3, &[0])]
        }
        CompareImmediate => {
            assert_eq!(IMMEDIATE_COMPARES.len(), 3);
            vec![one("w", 0..1, &SHORT), one("w", 1..2, &[-1, -0x8000_0000, 0x7fff_ffff]), one("w", 2..3, &LONG)]
        }
        Test => vec![one("w", 0..1, &[1, 2, 3, 4, 5, 6, 7])],
        TestTag => vec![one("w", 0..1, &[0b1001_0110, 0b0110])],
        Unary => {
            let kinds = ["ww", "dd", "dd", "dd", "wd", "dw", "dw", "wd"];
            assert_eq!(UNARY.len(), kinds.len());
            (0..).zip(kinds).map(|(n, kinds)| one(kinds, n..n + 1, &[0])).collect()
        }
        Load => widths(["ww", "www", "wd", "wwd"]),
        Store => widths(["ww", "www", "dw", "dww"]),
        LoadContext | StoreContext => vec![("w", vec![0], vec![0], NEAR.to_vec())],
        LoadData | FunctionAddress | CallAddress | TailCallAddress => plain("w"),
        CallHelper => vec![("", vec![0], vec![0], vec![16, 4000])],
        StackOverflow => vec![("", vec![0, 1], vec![0], vec![376])],
    }
}

/// Accesses of all widths: words without and with an index, and doubles.
fn widths([word, indexed, double, indexed_double]: [Kinds; 4]) -> Vec<Sample> {
    let sample = |kinds, variants: &[i64]| (kinds, variants.to_vec(), vec![0], OFFSETS.to_vec());
    vec![sample(word, &[0, 1, 2]), sample(indexed, &[0, 1, 2]), sample(double, &[3]), sample(indexed_double, &[3])]
}

fn lines_of(opcode: Opcode) -> Vec<ListingLine> {
    let mut lines = Vec::new();
    for (kinds, variants, immediates, displacements) in samples(opcode) {
        let mut turn = 0;
        for variant in &variants {
            for immediate in &immediates {
                for displacement in &displacements {
                    for _ in 0..3 {
                        turn += 1;
                        let inst = opcode.inst().variant(*variant as u8).immediate(*immediate);
                        let target = match opcode {
                            Opcode::LoadData => FixupTarget::Data(5),
                            _ => FixupTarget::Function(FunctionId(3)),
                        };
                        let inst = inst.displacement(*displacement).target(target);
                        lines.extend(sample(opcode, inst, &allocations(kinds, turn)));
                    }
                }
            }
        }
    }
    lines
}

/// One instruction; its label, if it is a jump, is bound at several distances behind and ahead.
fn sample(opcode: Opcode, inst: MachInst, operands: &[Allocation]) -> Vec<ListingLine> {
    if !matches!(opcode, Opcode::Jump | Opcode::JumpIf) {
        let mut code = CodeBuffer::new(true);
        S390x.encode(&inst, operands, &mut code);
        return code.listing();
    }
    // Both sides of the limit.
    let gaps = [0, 100, 0xfff8, 0xfffa, 0xfffc, 0xfffe, 0x1_0000, 0x1_0002];
    let jumps = gaps.into_iter().flat_map(|gap| [(gap, false), (gap, true)]);
    jumps.flat_map(|(gap, ahead)| jump_over(inst, operands, gap, ahead)).collect()
}

fn jump_over(mut inst: MachInst, operands: &[Allocation], gap: usize, ahead: bool) -> Vec<ListingLine> {
    let mut code = CodeBuffer::new(true);
    let mut length = 0;
    for _ in 0..2 {
        code.start_second_pass();
        inst.label = code.label();
        let fill = |code: &mut CodeBuffer| code.put(&vec![0; gap]);
        if !ahead {
            code.bind(inst.label);
            fill(&mut code);
        }
        let start = code.offset();
        S390x.encode(&inst, operands, &mut code);
        length = (code.offset() - start) as usize;
        if ahead {
            fill(&mut code);
            code.bind(inst.label);
        }
    }
    code.resolve(instruction::patch).unwrap();
    let mut lines = code.listing();
    for line in &mut lines {
        let (name, to) = line.text.rsplit_once(' ').unwrap();
        let to = i64::from_str_radix(to.trim_start_matches("0x"), 16).unwrap();
        // The last line of a listing reaches to the end of the buffer.
        line.bytes.truncate(length);
        line.text = format!("{name} .{:+}", to - i64::from(line.offset));
    }
    lines
}

/// Moves, prologues and epilogues.
fn frame_lines() -> Vec<ListingLine> {
    let mut lines = Vec::new();
    let slot = |turn: usize| Allocation::stack(SpillSlot::new(SLOTS[turn % SLOTS.len()]));
    for (turn, kinds) in (0..8).flat_map(|turn| [(turn, "ww"), (turn, "dd")]) {
        let registers = allocations(kinds, turn);
        for (from, to) in [(registers[0], registers[1]), (registers[0], slot(turn)), (slot(turn), registers[1])] {
            let mut code = CodeBuffer::new(true);
            S390x.copy(from, to, &mut code);
            lines.extend(code.listing());
        }
    }
    for convention in [Convention::Maru, Convention::Entry] {
        for spill_slots in [0, 3, 20, 60, 511, 512, 1000, 100_000, 3_000_000] {
            for calls in [false, true] {
                let frame = Frame { convention, spill_slots, calls, has_callee: true, system: System(0) };
                let mut code = CodeBuffer::new(true);
                abi::enter(&frame, &mut code);
                abi::leave(&frame, &mut code);
                while let Some((label, _)) = code.next_out_of_line() {
                    code.bind(label);
                }
                // Jumps are sampled apart.
                lines.extend(code.listing().into_iter().filter(|line| !line.text.starts_with('j')));
            }
        }
    }
    lines
}

/// Text and bytes of all samples.
fn all_lines() -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for line in Opcode::ALL.iter().flat_map(|opcode| lines_of(*opcode)).chain(frame_lines()) {
        let bytes = all.entry(line.text.clone()).or_insert_with(|| line.bytes.clone());
        assert_eq!(*bytes, line.bytes, "one text, two encodings: {}", line.text);
        assert_eq!(bytes.len(), length_of(bytes[0]), "{}", line.text);
    }
    all
}

/// How long an instruction is that starts so.
fn length_of(first: u8) -> usize {
    [2, 4, 4, 6][usize::from(first >> 6)]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("maru-s390x-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind is in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn output(tool: &str, arguments: &[&str], file: &Path) -> Option<Output> {
    let output = Command::new(tool).args(arguments).arg(file).output().ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output)
}

/// What GNU `as` makes of each text.
fn assembled(all: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let scratch = Scratch::new("as");
    let (file, object) = (scratch.0.join("all.s"), scratch.0.join("all.o"));
    // What could be a register's name becomes a symbol.
    let lines: String = all.keys().map(|text| format!("{}\n", text.replace("f3", "function3"))).collect();
    let lines = lines.replace("%function3", "%f3");
    std::fs::write(&file, lines).unwrap();
    let to = object.to_str().unwrap();
    output("s390x-linux-gnu-as", &["-march=z196", "-o", to], &file).expect("blessing needs s390x-linux-gnu-as");
    let binary = scratch.0.join("all.bin");
    output("s390x-linux-gnu-objcopy", &["-O", "binary", "-j", ".text", to], &binary)
        .expect("blessing needs s390x-linux-gnu-objcopy");
    let bytes = std::fs::read(binary).unwrap();
    let mut rest = bytes.as_slice();
    let mut parts = Vec::new();
    // The section may end in filling.
    while parts.len() < all.len() {
        let (now, later) = rest.split_at(length_of(rest[0]));
        parts.push(hex(now));
        rest = later;
    }
    assert!(rest.len() < 8, "{} bytes too many", rest.len());
    parts
}

#[test]
fn encodings_are_those_of_another_assembler() {
    let all = all_lines();
    if std::env::var_os("BLESS").is_some() {
        let lines = all.keys().zip(assembled(&all)).map(|(text, bytes)| format!("{text} | {bytes}\n"));
        std::fs::write(PATH, lines.collect::<String>()).unwrap();
    }
    let file = std::fs::read_to_string(PATH).expect("encodings.txt; BLESS=1 writes it");
    let known: BTreeMap<&str, &str> = file.lines().filter_map(|line| line.split_once(" | ")).collect();
    for (text, bytes) in &all {
        let expected = known.get(text.as_str());
        let expected = expected.unwrap_or_else(|| panic!("`{text}` is not in encodings.txt; BLESS=1 adds it"));
        assert_eq!(hex(bytes), *expected, "{text}");
    }
    assert_eq!(known.len(), all.len(), "encodings.txt has lines that no sample gives; BLESS=1 removes them");
}

#[test]
fn text_is_that_of_an_independent_disassembler() {
    let mut all = all_lines();
    // What is no instruction has no name, and no length.
    all.remove(".short 0").expect("the trap");
    let scratch = Scratch::new("objdump");
    let file = scratch.0.join("all.bin");
    std::fs::write(&file, all.values().flatten().copied().collect::<Vec<u8>>()).unwrap();
    let arguments = ["-D", "-b", "binary", "-m", "s390:64-bit", "-EB", "-z", "--no-show-raw-insn"];
    let Some(output) = output("s390x-linux-gnu-objdump", &arguments, &file) else {
        eprintln!("NOT RUN: s390x-linux-gnu-objdump is not installed");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<&str> = text.lines().filter_map(|line| line.split_once(":\t")).map(|(_, text)| text).collect();
    assert_eq!(theirs.len(), all.len());
    for ((ours, bytes), theirs) in all.iter().zip(theirs) {
        let theirs = theirs.replace('\t', " ");
        let name = |text: &str| text.split(' ').next().map(str::to_string);
        let refers = [" .", ",f3", " f3", "data5"].iter().any(|place| ours.contains(place));
        if refers {
            assert_eq!(name(ours), name(&theirs), "{ours}");
        } else {
            assert_eq!(*ours, theirs.trim(), "{}", hex(bytes));
        }
    }
}

#[test]
fn distances_out_of_range_are_refused() {
    use maru_core::codegen::Architecture;
    for (kind, limit) in [(SHORT_DISTANCE, 1u64 << 16), (DISTANCE, 1 << 32)] {
        let patch = |from: u64, to: u64| crate::TARGET.patch(kind, &mut [0; 6], from, to);
        assert!(patch(0, limit - 2).is_ok(), "{kind:?}");
        assert!(patch(0, limit).is_err(), "{kind:?}");
        assert!(patch(limit, 0).is_ok(), "{kind:?}");
        assert!(patch(limit + 2, 0).is_err(), "{kind:?}");
        assert!(patch(0, 7).is_err(), "instructions are at even addresses");
    }
}

/// Runs of bits are found, all that there are and no others.
#[test]
fn runs_of_bits_are_found() {
    let mask = |first: u32, last: u32| {
        let bit = |number: u32| 1u64 << (63 - number);
        let inside = |number: &u32| match first <= last {
            true => (first..=last).contains(number),
            false => *number >= first || *number <= last,
        };
        (0..64).filter(inside).fold(0, |bits, number| bits | bit(number))
    };
    let mut all = std::collections::BTreeSet::new();
    for (first, last) in (0..64).flat_map(|first| (0..64).map(move |last| (first, last))) {
        let bits = mask(first, last);
        let found = crate::select::run_of_bits(bits as i64).expect("a run");
        assert_eq!(mask(found[0].into(), found[1].into()), bits, "{first} {last}");
        all.insert(bits);
    }
    let neighbours = all.iter().flat_map(|bits| [bits.wrapping_add(1), bits ^ 0x10, bits.wrapping_mul(3), 0]);
    assert!(neighbours
        .filter(|bits| !all.contains(bits))
        .all(|bits| crate::select::run_of_bits(bits as i64).is_none()));
}
