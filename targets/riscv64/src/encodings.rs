//! Tests of encodings: `encodings.txt` holds a line for each instruction that samples of all opcodes give, with the
//! bytes that GNU `as` makes of the text. `BLESS=1` writes it anew (needs `riscv64-linux-gnu-as`). The assembler picks
//! short forms by itself, so that where one is possible it must be taken here, too. Of jumps it is told which have none,
//! because a jump ahead is given its form before it is known exactly how far it goes.
//!
//! Three witnesses for each line: our bytes, the other assembler's, and, where it is installed, what LLVM's disassembler
//! reads in them.

use crate::assemble::{self, ADDRESS, BRANCH, CALL, JUMP, SHORT_BRANCH, SHORT_JUMP};
use crate::encode::{Opcode, ARITHMETIC, ARITHMETIC_IMMEDIATE, UNARY};
use crate::{abi, Riscv64};
use maru_core::codegen::{CodeBuffer, FixupKind, FixupTarget, Frame, ListingLine, MachInst, RegisterMachine, System};
use maru_core::ir::{Convention, FunctionId};
use regalloc2::{Allocation, PReg, RegClass, SpillSlot};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/encodings.txt");

/// Registers with different bits, some of those that short forms name.
const WORDS: [usize; 8] = [10, 5, 15, 8, 17, 18, 31, 26];
const DOUBLES: [usize; 5] = [10, 0, 8, 17, 31];
/// Slots that are reached directly, and not.
const SLOTS: [usize; 8] = [0, 1, 62, 63, 254, 255, 256, 100_000];
const OFFSETS: [i32; 20] =
    [0, 1, -1, 4, 8, 120, 128, 248, 255, 256, -8, -256, 2040, 2047, 2048, -2048, -2049, 65528, 0x7fff_ffff, i32::MIN];
const IMMEDIATES: [i64; 10] = [1, 2, 31, 32, -1, -32, -33, 1000, 2047, -2048];
const COUNTS: [i64; 5] = [1, 2, 31, 32, 63];
const CONSTANTS: [i64; 26] = [
    0,
    1,
    -1,
    31,
    32,
    2047,
    2048,
    -2048,
    -2049,
    0x1f000,
    0x20000,
    -0x20000,
    -0x21000,
    0x1_0000_0000,
    0x12345,
    -0x12346,
    0x7fff_ffff,
    0x7fff_f800,
    -0x8000_0000,
    0xffff_ffff,
    0x5555_5555_5555_5555,
    0x1234_5678_9abc_def0,
    0x1234_ffff_ffff_ffff,
    i64::MIN,
    i64::MAX,
    0x0fff_ffff_ffff_f800,
];

/// The class of each operand: `w` a word, `d` a double.
type Kinds = &'static str;

/// Registers of operands. The first four turns repeat the first operand as the last, as short forms want it, or the
/// second.
fn allocations(kinds: Kinds, turn: usize) -> Vec<Allocation> {
    let pick = |(place, kind)| {
        let choice = turn * (2 * place + 1) + 3 * place;
        match kind {
            'w' => Allocation::reg(PReg::new(WORDS[choice % WORDS.len()], RegClass::Int)),
            _ => Allocation::reg(PReg::new(DOUBLES[choice % DOUBLES.len()], RegClass::Float)),
        }
    };
    let mut all: Vec<Allocation> = kinds.chars().enumerate().map(pick).collect();
    if let (0..4, Some(last), true) = (turn, all.len().checked_sub(1), uniform(kinds)) {
        all[last] = all[turn % last.max(1)];
    }
    all
}

fn uniform(kinds: Kinds) -> bool {
    kinds.chars().all(|kind| kinds.starts_with(kind))
}

/// Kinds of operands, and the numbers of a sample's instruction in the order that `samples` says.
type Sample = (Kinds, Vec<i64>, Vec<i64>, Vec<i32>);

/// Samples of an opcode: operands, variants, immediates, displacements. An opcode that is missing here does not compile.
fn samples(opcode: Opcode) -> Vec<Sample> {
    use Opcode::*;
    let zero = || vec![0];
    let plain = |kinds| vec![(kinds, vec![0], vec![0], vec![0])];
    let conditions = |kinds, count| vec![(kinds, (0..count).collect(), vec![0], vec![0])];
    match opcode {
        Constant => vec![("w", zero(), CONSTANTS.to_vec(), vec![0])],
        Arithmetic => {
            assert_eq!(ARITHMETIC.len(), 21);
            let part = |kinds, range: std::ops::Range<i64>| (kinds, range.collect(), zero(), vec![0]);
            vec![part("www", 0..14), part("ddd", 14..18), part("ddw", 18..21)]
        }
        ArithmeticImmediate => {
            assert_eq!(ARITHMETIC_IMMEDIATE.len(), 9);
            let numbers = ("ww", vec![0, 1, 2, 3, 4, 5], IMMEDIATES.to_vec(), vec![0]);
            vec![numbers, ("ww", vec![6, 7, 8], COUNTS.to_vec(), vec![0])]
        }
        Unary => {
            let kinds = ["ww", "ww", "ww", "ww", "ww", "ww", "dd", "dd", "dd", "dw", "wd", "wd", "dw"];
            assert_eq!(UNARY.len(), kinds.len());
            kinds.iter().enumerate().map(|(n, kinds)| (*kinds, vec![n as i64], zero(), vec![0])).collect()
        }
        JumpIf => conditions("ww", 6),
        JumpZero => conditions("w", 4),
        JumpFromZero => vec![("w", vec![2, 3], zero(), vec![0])],
        Jump | Call | TailCall | Return | Trap => plain(""),
        Load => vec![("ww", vec![0, 1, 2], zero(), OFFSETS.to_vec()), ("wd", vec![3], zero(), OFFSETS.to_vec())],
        Store => vec![("ww", vec![0, 1, 2], zero(), OFFSETS.to_vec()), ("dw", vec![3], zero(), OFFSETS.to_vec())],
        StoreZero => vec![("w", vec![0, 1, 2], zero(), OFFSETS.to_vec())],
        LoadContext | StoreContext => vec![("w", zero(), zero(), OFFSETS.to_vec())],
        StoreZeroContext => vec![("", zero(), zero(), OFFSETS.to_vec())],
        LoadData | FunctionAddress | CallAddress | TailCallAddress => plain("w"),
        CallHelper => vec![("", zero(), zero(), vec![16, 500 * 8])],
        FloatZero => plain("d"),
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
                    for turn in (0..8).filter(|turn| busy <= 21 || (turn + v + i + d) % 2 == 0) {
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
    use Opcode::{Jump, JumpFromZero, JumpIf, JumpZero};
    if !matches!(opcode, Jump | JumpIf | JumpZero | JumpFromZero) {
        let mut code = CodeBuffer::new(true);
        Riscv64.encode(&inst, operands, &mut code);
        return code.listing();
    }
    // Both sides of the limits of all forms.
    let limits = [0x100, 0x800, 0x1000, 0x10_0000];
    let gaps = limits.into_iter().flat_map(|limit| (0..8).map(move |step| limit - 12 + 2 * step)).chain([0, 100]);
    let jumps = gaps.flat_map(|gap| [(gap, false), (gap, true)]);
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
        Riscv64.encode(&inst, operands, &mut code);
        length = (code.offset() - start) as usize;
        if ahead {
            fill(&mut code);
            code.bind(inst.label);
        }
    }
    code.resolve(assemble::patch).unwrap();
    let mut lines = code.listing();
    let start = lines[0].offset;
    for line in &mut lines {
        let (name, to) = line.text.rsplit_once(' ').unwrap();
        let to = i64::from_str_radix(to.trim_start_matches("0x"), 16).unwrap();
        let distance = to - i64::from(line.offset);
        // The last line of a listing reaches to the end of the buffer.
        line.bytes.truncate(length - (line.offset - start) as usize);
        line.text = format!("{name} . {} {}", if distance < 0 { '-' } else { '+' }, distance.abs());
    }
    lines
}

/// Moves, prologues and epilogues.
fn frame_lines() -> Vec<ListingLine> {
    let mut lines = Vec::new();
    let slot = |turn: usize| Allocation::stack(SpillSlot::new(SLOTS[turn % SLOTS.len()]));
    for (turn, kinds) in (0..8).flat_map(|turn| [(turn, "ww"), (turn, "dd")]) {
        let registers = allocations(kinds, turn + 8);
        for (from, to) in [(registers[0], registers[1]), (registers[0], slot(turn)), (slot(turn), registers[1])] {
            let mut code = CodeBuffer::new(true);
            Riscv64.copy(from, to, &mut code);
            lines.extend(code.listing());
        }
    }
    for convention in [Convention::Maru, Convention::Entry] {
        for spill_slots in [0, 3, 59, 61, 63, 253, 255, 510, 1000, 100_000, 3_000_000] {
            for calls in [false, true] {
                let frame = Frame { convention, spill_slots, calls, has_callee: true, system: System(0) };
                let mut code = CodeBuffer::new(true);
                abi::enter(&frame, &mut code);
                abi::leave(&frame, &mut code);
                while let Some((label, _)) = code.next_out_of_line() {
                    code.bind(label);
                }
                // Jumps are sampled apart.
                let is_jump = |line: &ListingLine| line.text.starts_with('b') || line.text.starts_with("tail");
                lines.extend(code.listing().into_iter().filter(|line| !is_jump(line)));
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
        let path = std::env::temp_dir().join(format!("maru-riscv64-{name}-{}", std::process::id()));
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

/// The instructions that a text stands for: what refers to the image is two, before it is linked.
fn source(text: &str, length: usize) -> String {
    let parts: Vec<&str> = text.split([' ', ',']).filter(|part| !part.is_empty()).collect();
    match parts[..] {
        ["call", "f3"] => "auipc ra, 0\n.option norvc\njalr ra\n.option rvc".into(),
        ["tail", "f3"] => "auipc t1, 0\n.option norvc\njr t1\n.option rvc".into(),
        ["lla", to, "f3"] => format!("auipc {to}, 0\n.option norvc\naddi {to}, {to}, 0\n.option rvc"),
        ["ld", to, "data5"] => format!("auipc {to}, 0\n.option norvc\nld {to}, 0({to})\n.option rvc"),
        // The assembler has the text for any distance, but makes absolute addresses of numbers.
        ["tail", ".", sign, number] => {
            let distance: i64 = number.parse().unwrap();
            let distance = if sign == "-" { -distance } else { distance };
            let low = distance << 52 >> 52;
            let high = (distance - low) >> 12 & 0xf_ffff;
            format!("auipc t1, {high}\n.option norvc\njr {low}(t1)\n.option rvc")
        }
        [_, .., ".", _, _] if length == 4 => format!(".option norvc\n{text}\n.option rvc"),
        _ => text.into(),
    }
}

/// What GNU `as` makes of each text.
fn assembled(all: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let scratch = Scratch::new("as");
    let (file, object) = (scratch.0.join("all.s"), scratch.0.join("all.o"));
    // Between two texts lies what no text stands for.
    let source = |(text, bytes): (&String, &Vec<u8>)| format!("{}\n.word 0xffffffff\n", source(text, bytes.len()));
    let lines: String = all.iter().map(source).collect();
    std::fs::write(&file, lines).unwrap();
    let to = object.to_str().unwrap();
    output("riscv64-linux-gnu-as", &["-march=rv64gc", "-mno-relax", "-o", to], &file)
        .expect("blessing needs riscv64-linux-gnu-as");
    let binary = scratch.0.join("all.bin");
    output("riscv64-linux-gnu-objcopy", &["-O", "binary", "-j", ".text", to], &binary)
        .expect("blessing needs riscv64-linux-gnu-objcopy");
    let bytes = std::fs::read(binary).unwrap();
    let mut parts = vec![Vec::new()];
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        // The lowest bits tell how long an instruction is.
        let length = if rest.starts_with(&[0xff; 4]) || rest[0] & 3 == 3 { 4 } else { 2 };
        let (now, later) = rest.split_at(length);
        match now {
            [0xff, 0xff, 0xff, 0xff] => parts.push(Vec::new()),
            _ => parts.last_mut().unwrap().extend_from_slice(now),
        }
        rest = later;
    }
    assert_eq!(parts.pop(), Some(Vec::new()));
    assert_eq!(parts.len(), all.len());
    parts.iter().map(|part| hex(part)).collect()
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
    let short = all.values().filter(|bytes| bytes.len() == 2).count();
    assert!(short > 300, "only {short} samples have a short form");
}

/// A common spelling: no commas, one name for each mnemonic.
fn normal(text: &str) -> String {
    let separate = |c: char| c.is_whitespace() || ",()".contains(c);
    let words: Vec<&str> = text.split(separate).filter(|word| !word.is_empty()).collect();
    match words[..] {
        ["sext.w", to, from] => format!("addiw {to} {from} 0"),
        ["xori", to, from, "-1"] => format!("not {to} {from}"),
        ["sltiu", to, from, "1"] => format!("seqz {to} {from}"),
        ["slt", to, "zero", from] => format!("sgtz {to} {from}"),
        // The short form has the register of the result first.
        [name @ ("add" | "and" | "or" | "xor"), to, a, b] if to == b => format!("{name} {to} {b} {a}"),
        _ => words.join(" "),
    }
}

/// What LLVM's disassembler reads in some bytes: addresses and texts; `None` where it is not installed.
fn disassembled(bytes: &[u8]) -> Option<Vec<(i64, String)>> {
    let scratch = Scratch::new("objdump");
    let (binary, object) = (scratch.0.join("all.bin"), scratch.0.join("all.o"));
    std::fs::write(&binary, bytes).unwrap();
    let section = ".data=.text,contents,alloc,load,readonly,code";
    let from = binary.to_str().unwrap();
    let arguments = ["-I", "binary", "-O", "elf64-littleriscv", "--rename-section", section, from];
    output("riscv64-linux-gnu-objcopy", &arguments, &object)?;
    let output = output("llvm-objdump", &["-d", "--no-show-raw-insn", "--mattr=+m,+a,+f,+d,+c"], &object)?;
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        let (address, text) = line.split_once(":")?;
        Some((i64::from_str_radix(address.trim(), 16).ok()?, text.trim().to_string()))
    };
    Some(text.lines().filter_map(line).collect())
}

/// The text of a disassembled jump, with the distance in place of the address.
fn with_distance(address: i64, text: &str) -> String {
    let plain = text.split(" <").next().unwrap_or(text);
    let Some((before, to)) = plain.rsplit_once("0x") else { return plain.into() };
    let to = u64::from_str_radix(to, 16).unwrap() as i64;
    let distance = to.wrapping_sub(address);
    format!("{before}. {} {}", if distance < 0 { '-' } else { '+' }, distance.abs())
}

#[test]
fn text_is_that_of_an_independent_disassembler() {
    let all = all_lines();
    let Some(theirs) = disassembled(&all.values().flatten().copied().collect::<Vec<u8>>()) else {
        eprintln!("NOT RUN: riscv64-linux-gnu-objcopy or llvm-objdump is not installed");
        return;
    };
    let mut theirs = theirs.into_iter();
    let mut address = 0;
    for (text, bytes) in &all {
        let (start, first) = theirs.next().unwrap();
        assert_eq!(start, address, "{text}");
        let name = text.split(' ').next().unwrap();
        if ["call", "tail", "lla"].contains(&name) || text.contains("data5") {
            // Two instructions.
            let (_, second) = theirs.next().unwrap();
            let register = first.split([' ', '\t', ',']).nth(1).unwrap().to_string();
            assert!(first.starts_with("auipc") && second.contains(&register), "{text}: {first}, {second}");
        } else {
            let first = if text.contains(" . ") { with_distance(address, &first) } else { first };
            assert_eq!(normal(text), normal(&first), "{text} {}", hex(bytes));
        }
        address += bytes.len() as i64;
    }
    assert_eq!(theirs.next(), None);
}

#[test]
fn distances_out_of_range_are_refused() {
    use maru_core::codegen::Architecture;
    let patch = |kind: FixupKind, from: u64, to: u64| crate::TARGET.patch(kind, &mut [0; 8], from, to);
    for (kind, limit) in [(SHORT_BRANCH, 1u64 << 8), (SHORT_JUMP, 1 << 11), (BRANCH, 1 << 12), (JUMP, 1 << 20)] {
        assert!(patch(kind, 0, limit - 2).is_ok(), "{kind:?}");
        assert!(patch(kind, 0, limit).is_err(), "{kind:?}");
        assert!(patch(kind, limit, 0).is_ok(), "{kind:?}");
        assert!(patch(kind, limit + 2, 0).is_err(), "{kind:?}");
        assert!(patch(kind, 0, 7).is_err(), "instructions are aligned");
    }
    for kind in [CALL, ADDRESS] {
        // The low part is from -2 KiB to 2 KiB - 1, and so the pair's reach is moved by 2 KiB.
        assert!(patch(kind, 0, (1 << 31) - 0x801).is_ok());
        assert!(patch(kind, 0, (1 << 31) - 0x800).is_err());
        assert!(patch(kind, (1 << 31) + 0x800, 0).is_ok());
        assert!(patch(kind, (1 << 31) + 0x801, 0).is_err());
    }
}

/// High and low part, put together as the CPU does it.
#[test]
fn addresses_in_two_parts() {
    for (from, to) in [(0x1000u64, 0x1ff8u64), (0x1000, 0x1800), (0x1000, 0x17ff), (0x12_3454, 0x55), (0, 0x7fff_f7ff)]
    {
        let mut site = [0u8; 8];
        assemble::patch(ADDRESS, &mut site, from, to).unwrap();
        let word = |at: usize| i32::from_le_bytes([site[at], site[at + 1], site[at + 2], site[at + 3]]);
        let address = from.wrapping_add_signed(word(0).into()).wrapping_add_signed((word(4) >> 20).into());
        assert_eq!(address, to, "{from:#x}");
    }
}

/// Constants, put together as the CPU does it: each instruction by its text.
#[test]
fn pieces_make_the_constant() {
    let edges =
        (0..64).flat_map(|bit| [-2049i64, -2048, -1, 0, 1, 2047, 2048].map(|near| (1i64 << bit).wrapping_add(near)));
    let mixed = (1..2000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) as i64 >> (n % 50));
    for number in edges.chain(mixed).chain(CONSTANTS) {
        let mut code = CodeBuffer::new(true);
        assemble::constant(&mut code, 10, number);
        let lines = code.listing();
        let value = lines.iter().fold(0, |value: i64, line| {
            let parts: Vec<&str> = line.text.split([' ', ',']).filter(|part| !part.is_empty()).collect();
            let by: i64 = parts.last().unwrap().parse().unwrap();
            match parts[0] {
                "li" => by,
                "lui" => i64::from((by << 12) as i32),
                "addiw" => i64::from(value.wrapping_add(by) as i32),
                "addi" => value.wrapping_add(by),
                "slli" => value << by,
                "srli" => (value as u64 >> by) as i64,
                other => panic!("{other}"),
            }
        });
        assert_eq!(value, number);
        assert!(lines.len() <= 8, "{number:#x} takes {}", lines.len());
    }
}
