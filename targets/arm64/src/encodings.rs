//! Tests of encodings: `encodings.txt` holds a line for each instruction that samples of all opcodes give, with the
//! bytes that GNU `as` makes of the text. `BLESS=1` writes it anew (needs `aarch64-linux-gnu-as`).
//!
//! Three witnesses for each line: our bytes, the other assembler's, and, where it is installed, what GNU `objdump`
//! reads in them.

use crate::assemble::{self, DISTANCE_14, DISTANCE_19, DISTANCE_26, IN_PAGE, IN_PAGE_WORD, PAGE};
use crate::encode::{Opcode, ARITHMETIC, ARITHMETIC_IMMEDIATE, UNARY};
use crate::{abi, Arm64};
use maru_core::codegen::{CodeBuffer, FixupKind, FixupTarget, Frame, ListingLine, MachInst, RegisterMachine, System};
use maru_core::ir::{Convention, FunctionId};
use regalloc2::{Allocation, PReg, RegClass, SpillSlot};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/encodings.txt");

/// Registers with different bits.
const WORDS: [usize; 8] = [0, 1, 7, 8, 15, 19, 22, 27];
const DOUBLES: [usize; 5] = [0, 1, 7, 16, 31];
/// Slots that are reached directly, and not.
const SLOTS: [usize; 6] = [0, 1, 100, 4093, 4094, 100_000];
const OFFSETS: [i32; 16] =
    [0, 1, -1, 4, 8, 255, 256, -256, -257, 4095, 4096, 16380, 16384, 32760, 0x7fff_ffff, i32::MIN];
const SUMS: [i64; 6] = [0, 1, 0xfff, 0x1000, 0x5000, 0xff_f000];
const BITMASKS: [u64; 12] = [
    1,
    7,
    0xff,
    !7,
    0x8000_0000_0000_0000,
    0x8000_0000_0000_0001,
    0x5555_5555_5555_5555,
    0x9999_9999_9999_9999,
    0x0303_0303_0303_0303,
    0xc007_c007_c007_c007,
    0x0001_fffe_0001_fffe,
    0xffff_ffff_0000_0000,
];
const CONSTANTS: [i64; 18] = [
    0,
    1,
    -1,
    0xffff,
    0x10000,
    -0x10000,
    0x1_0000_0000,
    0x12345,
    -0x12346,
    0x7fff_ffff,
    -0x8000_0000,
    0x5555_5555_5555_5555,
    0x1234_5678_9abc_def0,
    0x1234_ffff_ffff_ffff,
    0x1234_ffff_5678_ffff,
    i64::MIN,
    i64::MAX,
    0x0707_0707_0707_0707,
];
const CONDITIONS: [i64; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

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

/// Kinds of operands, and the numbers of a sample's instruction in the order that `samples` says.
type Sample = (Kinds, Vec<i64>, Vec<i64>, Vec<i32>);

/// Samples of an opcode: operands, variants, immediates, displacements. An opcode that is missing here does not compile.
fn samples(opcode: Opcode) -> Vec<Sample> {
    use Opcode::*;
    let zero = || vec![0];
    let plain = |kinds| vec![(kinds, vec![0], vec![0], vec![0])];
    let variants = |kinds, list: Vec<i64>| vec![(kinds, list, vec![0], vec![0])];
    let numbers = |kinds, list: Vec<i64>| vec![(kinds, vec![0], list, vec![0])];
    let memory = |words, doubles, items: Vec<i64>| {
        let narrow = (words, vec![0], vec![0], OFFSETS.to_vec());
        vec![narrow, (words, vec![1, 2], items.clone(), OFFSETS.to_vec()), (doubles, vec![3], items, OFFSETS.to_vec())]
    };
    let bits = || BITMASKS.iter().map(|bits| *bits as i64).collect::<Vec<_>>();
    match opcode {
        Constant => numbers("w", CONSTANTS.to_vec()),
        Arithmetic => {
            let doubles = (ARITHMETIC.len() - 4) as i64;
            let all = ARITHMETIC.len() as i64;
            let part = |kinds, range: std::ops::Range<i64>| (kinds, range.collect(), zero(), vec![0]);
            vec![part("www", 0..doubles), part("ddd", doubles..all)]
        }
        ArithmeticImmediate => {
            assert_eq!(ARITHMETIC_IMMEDIATE.len(), 11);
            let sums = ("ww", vec![0, 1, 2, 3], SUMS.to_vec(), vec![0]);
            vec![
                sums,
                ("ww", vec![4, 5, 6], bits(), vec![0]),
                ("ww", vec![7, 8, 9, 10], vec![1, 2, 31, 32, 63], vec![0]),
            ]
        }
        AddShifted => numbers("www", vec![1, 3, 63]),
        MultiplyAdd => variants("wwww", vec![0, 1]),
        Unary => {
            let kinds = ["ww", "ww", "ww", "dd", "dd", "dd", "dw", "wd", "wd", "dw"];
            assert_eq!(UNARY.len(), kinds.len());
            kinds.iter().enumerate().map(|(n, kinds)| (*kinds, vec![n as i64], zero(), vec![0])).collect()
        }
        Compare | CompareSign | Test => plain("ww"),
        CompareImmediate => vec![("w", vec![0, 1], SUMS.to_vec(), vec![0])],
        TestImmediate => numbers("w", bits()),
        SetIf => variants("w", CONDITIONS.to_vec()),
        Bit => numbers("ww", vec![0, 1, 31, 32, 63]),
        JumpIf => variants("", CONDITIONS.to_vec()),
        JumpZero => variants("w", vec![0, 1]),
        JumpBit => vec![("w", vec![0, 1], vec![0, 3, 31, 32, 63], vec![0])],
        Jump | Call | TailCall | Return | Trap => plain(""),
        Load => memory("ww", "wd", zero()),
        LoadIndexed => memory("www", "wwd", vec![0, 1]),
        Store => memory("ww", "dw", zero()),
        StoreIndexed => memory("www", "dww", vec![0, 1]),
        StoreZero => vec![("w", vec![0, 1, 2], zero(), OFFSETS.to_vec())],
        StoreZeroIndexed => vec![("ww", vec![1, 2], vec![0, 1], OFFSETS.to_vec())],
        LoadContext | StoreContext => vec![("w", zero(), zero(), OFFSETS.to_vec())],
        StoreZeroContext => vec![("", zero(), zero(), OFFSETS.to_vec())],
        LoadData | FunctionAddress | CallAddress | TailCallAddress => plain("w"),
        CallHelper => vec![("", zero(), zero(), vec![16, 500 * 8])],
        FloatZero => plain("d"),
        FloatImmediate => numbers("d", (0..256).collect()),
        FloatCompare => plain("dd"),
        StackOverflow => vec![("", vec![0, 1], zero(), vec![376])],
    }
}

fn lines_of(opcode: Opcode) -> Vec<ListingLine> {
    let mut lines = Vec::new();
    for (kinds, variants, immediates, displacements) in samples(opcode) {
        let busy = variants.len() * immediates.len() * displacements.len();
        for (v, variant) in variants.iter().enumerate() {
            for (i, immediate) in immediates.iter().enumerate() {
                for (d, displacement) in displacements.iter().enumerate() {
                    for turn in (0..8).filter(|turn| busy <= 4 || (turn + v + i + d) % 4 == 0) {
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
    use Opcode::{Jump, JumpBit, JumpIf, JumpZero};
    if !matches!(opcode, Jump | JumpBit | JumpIf | JumpZero) {
        let mut code = CodeBuffer::new(true);
        Arm64.encode(&inst, operands, &mut code);
        return code.listing();
    }
    // Both sides of the limit of bit tests, and of that of conditions.
    let gaps = [0, 100, 0x7ff8, 0x7ffc, 0x8000, 0xf_fff8, 0xf_fffc, 0x10_0000];
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
        Arm64.encode(&inst, operands, &mut code);
        length = (code.offset() - start) as usize;
        if ahead {
            fill(&mut code);
            code.bind(inst.label);
        }
    }
    code.resolve(assemble::patch).unwrap();
    let mut lines = code.listing();
    assert_eq!(4 * lines.len(), length);
    for line in &mut lines {
        let (name, to) = line.text.rsplit_once(' ').unwrap();
        let to = i64::from_str_radix(to.trim_start_matches("0x"), 16).unwrap();
        let distance = to - i64::from(line.offset);
        // The last line of a listing reaches to the end of the buffer.
        line.bytes.truncate(4);
        line.text = format!("{name} . {} {}", if distance < 0 { '-' } else { '+' }, distance.abs());
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
            Arm64.copy(from, to, &mut code);
            lines.extend(code.listing());
        }
    }
    for convention in [Convention::Maru, Convention::Entry] {
        for spill_slots in [0, 3, 60, 61, 1000, 510, 100_000, 3_000_000] {
            for calls in [false, true] {
                let frame = Frame { convention, spill_slots, calls, has_callee: true, system: System(0) };
                let mut code = CodeBuffer::new(true);
                abi::enter(&frame, &mut code);
                abi::leave(&frame, &mut code);
                while let Some((label, _)) = code.next_out_of_line() {
                    code.bind(label);
                }
                // Jumps are sampled apart.
                lines.extend(code.listing().into_iter().filter(|line| !line.text.starts_with('b')));
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
        assert_eq!(bytes.len(), 4, "{}", line.text);
    }
    all
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("maru-arm64-{name}-{}", std::process::id()));
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
fn assembled(texts: &[&String]) -> Vec<String> {
    let scratch = Scratch::new("as");
    let (source, object) = (scratch.0.join("all.s"), scratch.0.join("all.o"));
    let lines: String = texts.iter().map(|text| format!("{text}\n")).collect();
    std::fs::write(&source, lines).unwrap();
    let to = object.to_str().unwrap();
    output("aarch64-linux-gnu-as", &["-o", to], &source).expect("blessing needs aarch64-linux-gnu-as");
    let binary = scratch.0.join("all.bin");
    let arguments = ["-O", "binary", "-j", ".text", to];
    output("aarch64-linux-gnu-objcopy", &arguments, &binary).expect("blessing needs aarch64-linux-gnu-objcopy");
    let bytes = std::fs::read(binary).unwrap();
    assert_eq!(bytes.len(), 4 * texts.len());
    bytes.chunks(4).map(hex).collect()
}

#[test]
fn encodings_are_those_of_another_assembler() {
    let all = all_lines();
    if std::env::var_os("BLESS").is_some() {
        let texts: Vec<&String> = all.keys().collect();
        let lines = texts.iter().zip(assembled(&texts)).map(|(text, bytes)| format!("{text} | {bytes}\n"));
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

/// A common spelling: decimal numbers, no comments, one name for each mnemonic.
fn normal(text: &str) -> String {
    let text = text.split("//").next().unwrap_or_default();
    let separate = |c: char| c.is_whitespace() || ",[]".contains(c);
    let mut words: Vec<String> = Vec::new();
    for token in text.split(separate).filter(|token| !token.is_empty()) {
        let plain = token.trim_start_matches('#');
        let number = match plain.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            None => plain.parse::<i64>().ok().map(|number| number as u64),
        };
        let double = || plain.parse::<f64>().ok().filter(|_| plain.contains('.')).map(|number| number.to_string());
        words.push(number.map(|number| (number as i64).to_string()).or_else(double).unwrap_or(plain.into()));
    }
    // Shifted immediates are written out, and an extract of the highest bit is a shift.
    if let [name, registers @ .., number, shift, by] = words.as_slice() {
        let numbers = (number.parse::<i64>(), by.parse::<u32>());
        if let ("add" | "adds" | "sub" | "subs" | "cmp" | "cmn", "lsl", (Ok(number), Ok(by))) =
            (name.as_str(), shift.as_str(), numbers)
        {
            return [std::slice::from_ref(name), registers, &[(number << by).to_string()]].concat().join(" ");
        }
    }
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ubfx", to, from, "63", "1"] => format!("lsr {to} {from} 63"),
        ["b.cs", rest @ ..] => format!("b.hs {}", rest.join(" ")),
        ["b.cc", rest @ ..] => format!("b.lo {}", rest.join(" ")),
        ["cset", to, "cs"] => format!("cset {to} hs"),
        ["cset", to, "cc"] => format!("cset {to} lo"),
        words => words.join(" "),
    }
}

#[test]
fn text_is_that_of_an_independent_disassembler() {
    let all = all_lines();
    let scratch = Scratch::new("objdump");
    let file = scratch.0.join("all.bin");
    std::fs::write(&file, all.values().flatten().copied().collect::<Vec<u8>>()).unwrap();
    let arguments = ["-D", "-b", "binary", "-m", "aarch64", "-z", "--no-show-raw-insn"];
    let Some(output) = output("aarch64-linux-gnu-objdump", &arguments, &file) else {
        eprintln!("NOT RUN: aarch64-linux-gnu-objdump is not installed");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<&str> = text.lines().filter_map(|line| line.split_once(":\t")).map(|(_, text)| text).collect();
    assert_eq!(theirs.len(), all.len());
    for ((text, bytes), theirs) in all.iter().zip(theirs) {
        let (ours, theirs) = (normal(text), normal(theirs));
        let refers = text.contains(" . ") || text.contains("data5") || text.contains("f3");
        if refers {
            assert_eq!(ours.split(' ').next(), theirs.split(' ').next(), "{text}");
        } else {
            assert_eq!(ours, theirs, "{text} {}", hex(bytes));
        }
    }
}

#[test]
fn distances_out_of_range_are_refused() {
    use maru_core::codegen::Architecture;
    let patch = |kind: FixupKind, from: u64, to: u64| crate::TARGET.patch(kind, &mut [0; 4], from, to);
    for (kind, limit) in [(DISTANCE_14, 1 << 15), (DISTANCE_19, 1 << 20), (DISTANCE_26, 1 << 27), (PAGE, 1u64 << 32)] {
        let step = if kind == PAGE { 0x1000 } else { 4 };
        assert!(patch(kind, 0, limit - step).is_ok(), "{kind:?}");
        assert!(patch(kind, 0, limit).is_err(), "{kind:?}");
        assert!(patch(kind, limit, 0).is_ok(), "{kind:?}");
        assert!(patch(kind, limit + step, 0).is_err(), "{kind:?}");
    }
    assert!(patch(DISTANCE_26, 0, 6).is_err(), "instructions are aligned");
    assert!(patch(IN_PAGE, 0, u64::MAX).is_ok());
    assert!(patch(IN_PAGE_WORD, 0, u64::MAX - 7).is_ok());
    assert!(patch(IN_PAGE_WORD, 0, 12).is_err(), "words are aligned");
}

/// Page and rest, put together as the CPU does it.
#[test]
fn addresses_in_two_parts() {
    for (from, to) in [(0x1000u64, 0x1ff8u64), (0x1ffc, 0x2000), (0x12_3454, 0x55), (0x55_0000, 0x7fff_fff8)] {
        let mut sites = [[0u8; 4]; 2];
        assemble::patch(PAGE, &mut sites[0], from, to).unwrap();
        assemble::patch(IN_PAGE, &mut sites[1], from, to).unwrap();
        let [page, rest] = sites.map(u32::from_le_bytes);
        let pages = (page >> 29 & 3 | (page >> 5 & 0x7_ffff) << 2) as i64;
        let pages = pages << 43 >> 43;
        let address = (from & !0xfff).wrapping_add_signed(pages << 12) + u64::from(rest >> 10 & 0xfff);
        assert_eq!(address, to, "{from:#x}");
    }
}

#[test]
fn bitmasks_are_found() {
    // All 5334 of them: run, rotation, repetition.
    let mut all = std::collections::BTreeSet::new();
    for size in [2u32, 4, 8, 16, 32, 64] {
        for (ones, rotation) in (1..size).flat_map(|ones| (0..size).map(move |rotation| (ones, rotation))) {
            let run = u64::MAX >> (64 - ones);
            let element = (run >> rotation | run << ((size - rotation) % 64)) & (u64::MAX >> (64 - size));
            all.insert((0..64 / size).fold(0, |word, turn| word | element << (turn * size)));
        }
    }
    assert_eq!(all.len(), 5334);
    assert!(all.iter().all(|word| assemble::bitmask(*word).is_some()));
    let neighbours = all.iter().flat_map(|word| [word.wrapping_add(1), word ^ 0x10, word.wrapping_mul(3)]);
    assert!(neighbours.filter(|word| !all.contains(word)).all(|word| assemble::bitmask(word).is_none()));
}
