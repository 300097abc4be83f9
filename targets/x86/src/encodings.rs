//! Tests of encodings: `encodings.txt` holds a line for each instruction that samples of all opcodes give, with the
//! bytes that GNU `as` makes of the text. `BLESS=1` writes it anew (needs `as` and `objcopy` for x86). The assembler picks
//! short forms by itself; of jumps it is told which have none, because a jump ahead is given its form before it is known
//! exactly how far it goes.
//!
//! Three witnesses for each line: our bytes, the other assembler's, and, where it is installed, what LLVM's disassembler
//! reads in them.

use crate::abi;
use crate::assemble::{self, arithmetic, condition, shift, unary, DISTANCE, DISTANCE_2, FROM_HERE, SHORT};
use crate::encode::{Opcode, FLOAT_ARITHMETIC, INDEXED};
use crate::X86;
use maru_core::codegen::{CodeBuffer, FixupKind, FixupTarget, Frame, ListingLine, MachInst, RegisterMachine, System};
use maru_core::ir::{Convention, FunctionId};
use regalloc2::{Allocation, PReg, RegClass, SpillSlot};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/encodings.txt");

/// All that are allocatable.
const WORDS: [usize; 6] = [0, 3, 6, 1, 7, 2];
const DOUBLES: [usize; 5] = [0, 3, 7, 4, 1];
const SLOTS: [usize; 5] = [0, 15, 16, 1000, 100_000];
const OFFSETS: [i32; 10] = [0, 1, -1, 127, 128, -128, -129, 4096, 0x7fff_ffff, i32::MIN];
const IMMEDIATES: [i64; 9] = [0, 1, -1, 127, 128, -128, -129, 0x7fff_ffff, -0x8000_0000];
const COUNTS: [i64; 4] = [1, 2, 30, 31];

/// The class of each operand: `w` a word, `d` a double, `a` eax, `c` ecx.
type Kinds = &'static str;

fn allocations(kinds: Kinds, turn: usize) -> Vec<Allocation> {
    let pick = |(place, kind)| {
        let choice = turn * (2 * place + 1) + 3 * place;
        match kind {
            'w' => Allocation::reg(PReg::new(WORDS[choice % WORDS.len()], RegClass::Int)),
            'a' => Allocation::reg(PReg::new(0, RegClass::Int)),
            'c' => Allocation::reg(PReg::new(1, RegClass::Int)),
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
    let variants = |kinds, list: &[u8]| vec![(kinds, list.iter().map(|n| i64::from(*n)).collect(), vec![0], vec![0])];
    let numbers =
        |kinds, variants: std::ops::Range<i64>| vec![(kinds, variants.collect(), IMMEDIATES.to_vec(), vec![0])];
    let shifts = || [shift::SHL, shift::SHR, shift::SAR].map(i64::from).to_vec();
    let conditions: Vec<u8> = (0..=condition::NOT_SAME).collect();
    let offsets = |kinds, variant: u8| (kinds, vec![i64::from(variant)], vec![0], OFFSETS.to_vec());
    match opcode {
        Constant => numbers("w", 0..1),
        Move => plain("ww"),
        Arithmetic => variants("www", &(0..=arithmetic::XOR).collect::<Vec<_>>()),
        ArithmeticImmediate => numbers("ww", 0..i64::from(arithmetic::CMP)),
        Multiply => plain("www"),
        MultiplyWide => variants("aw", &[unary::MUL, unary::IMUL]),
        Shift => vec![("wcw", shifts(), zero(), vec![0])],
        ShiftImmediate => vec![("ww", shifts(), COUNTS.to_vec(), vec![0])],
        Unary => variants("ww", &[unary::NOT, unary::NEG]),
        Compare | Test | BitTest => plain("ww"),
        CompareImmediate | TestImmediate => numbers("w", 0..1),
        SetIf => variants("w", &conditions),
        JumpIf => variants("", &conditions),
        Jump | Call | TailCall | Return | Trap => plain(""),
        Load => vec![
            offsets("ww", 0),
            offsets("ww", 1),
            offsets("wd", 2),
            offsets("www", INDEXED),
            offsets("www", 1 + INDEXED),
            offsets("wwd", 2 + INDEXED),
        ],
        Store => vec![
            offsets("aw", 0),
            offsets("ww", 1),
            offsets("dw", 2),
            offsets("aww", INDEXED),
            offsets("www", 1 + INDEXED),
            offsets("dww", 2 + INDEXED),
        ],
        StoreImmediate => {
            let values = |kinds, variants: Vec<i64>| (kinds, variants, vec![0, 200, -5], vec![0, 5, 1000]);
            vec![values("w", vec![0, 1]), values("ww", [INDEXED, 1 + INDEXED].map(i64::from).to_vec())]
        }
        LoadContext | StoreContext | PassWord => vec![("w", zero(), zero(), vec![4, 127, 128])],
        StoreContextImmediate | PassImmediate => vec![("", zero(), IMMEDIATES.to_vec(), vec![4, 128])],
        LoadData => vec![("w", zero(), vec![0, 4], vec![0])],
        FunctionAddress | CallAddress | TailCallAddress => plain("w"),
        CallHelper | StackOverflow => vec![("", vec![0, 1], zero(), vec![16, 376])],
        FloatArithmetic => variants("ddd", &(0..FLOAT_ARITHMETIC.len() as u8).collect::<Vec<_>>()),
        FloatCompare | FloatRoot | UpperHalf => plain("dd"),
        FloatSign => variants("ddd", &[0, 1]),
        FloatZero => plain("d"),
        LowerHalfToWord | DoubleToWord => plain("dw"),
        WordToLowerHalf | WordToDouble => plain("wd"),
        JoinHalves => plain("ddd"),
    }
}

fn lines_of(opcode: Opcode) -> Vec<ListingLine> {
    let mut lines = Vec::new();
    for (kinds, variants, immediates, displacements) in samples(opcode) {
        for variant in &variants {
            for immediate in &immediates {
                for displacement in &displacements {
                    for turn in 0..6 {
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
    if !matches!(opcode, Opcode::Jump | Opcode::JumpIf | Opcode::SetIf) {
        return listing(|code| X86.encode(&inst, operands, code));
    }
    // Both sides of the limits of short forms.
    let gaps = (110..140).chain([0, 1000]);
    gaps.flat_map(|gap| [(gap, false), (gap, true)])
        .flat_map(|(gap, ahead)| jump_over(inst, operands, gap, ahead))
        .collect()
}

/// The lines of what is encoded twice, as the driver does it.
fn listing(mut encode: impl FnMut(&mut CodeBuffer)) -> Vec<ListingLine> {
    let mut code = CodeBuffer::new(true);
    for _ in 0..2 {
        code.start_second_pass();
        encode(&mut code);
    }
    code.resolve(assemble::patch).unwrap();
    code.listing()
}

fn jump_over(mut inst: MachInst, operands: &[Allocation], gap: usize, ahead: bool) -> Vec<ListingLine> {
    let mut length = 0;
    let mut start = 0;
    let mut lines = listing(|code| {
        inst.label = code.label();
        let fill = |code: &mut CodeBuffer| code.put(&vec![0; gap]);
        if !ahead {
            code.bind(inst.label);
            fill(code);
        }
        start = code.offset();
        X86.encode(&inst, operands, code);
        length = code.offset() - start;
        if ahead {
            fill(code);
            code.bind(inst.label);
        }
    });
    for line in &mut lines {
        // The last line of a listing reaches to the end of the buffer.
        line.bytes.truncate((length + start - line.offset) as usize);
        if !line.text.starts_with('j') {
            continue;
        }
        let (name, to) = line.text.rsplit_once(' ').unwrap();
        let to = i64::from_str_radix(to.trim_start_matches("0x"), 16).unwrap();
        let distance = to - i64::from(line.offset);
        line.text = format!("{name} . {} {}", if distance < 0 { '-' } else { '+' }, distance.abs());
    }
    lines
}

/// Moves, prologues and epilogues.
fn frame_lines() -> Vec<ListingLine> {
    let mut lines = Vec::new();
    let slot = |turn: usize| Allocation::stack(SpillSlot::new(SLOTS[turn % SLOTS.len()]));
    for (turn, kinds) in (0..6).flat_map(|turn| [(turn, "ww"), (turn, "dd")]) {
        let registers = allocations(kinds, turn);
        for (from, to) in [(registers[0], registers[1]), (registers[0], slot(turn)), (slot(turn), registers[1])] {
            lines.extend(listing(|code| X86.copy(from, to, code)));
        }
    }
    for convention in [Convention::Maru, Convention::Entry] {
        for spill_slots in [0, 3, 16, 1000, 3_000_000] {
            for calls in [false, true] {
                let frame = Frame { convention, spill_slots, calls, has_callee: true, system: System(0) };
                let of_frame = listing(|code| {
                    abi::enter(&frame, code);
                    abi::arrive(3, 1, &frame, code);
                    abi::leave(&frame, code);
                    while let Some((label, _)) = code.next_out_of_line() {
                        code.bind(label);
                    }
                });
                // Jumps are sampled apart.
                lines.extend(of_frame.into_iter().filter(|line| !line.text.starts_with('j')));
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
        let path = std::env::temp_dir().join(format!("maru-x86-{name}-{}", std::process::id()));
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

/// Between two texts lies what no text stands for.
const BETWEEN: &[u8] = b"BETWEEN TWO TEXTS";

/// What the assembler is told for a text: addresses that are not known yet are zero, in four bytes.
fn source(text: &str, length: usize) -> String {
    match text {
        "call 0x5" | "call f3" => "call .+5".into(),
        "jmp f3" => "{disp32} jmp .+5".into(),
        // The name of what the distance leads to, and what is added, are no part of the instruction.
        _ if text.contains("+data5") || text.contains("+f3") => {
            let place = text.split_once("+data5").or(text.split_once("+f3")).unwrap().0;
            format!("{{disp32}} {place}]")
        }
        _ if text.starts_with('j') && text.contains(" . ") && length > 2 => format!("{{disp32}} {text}"),
        _ => text.into(),
    }
}

/// What GNU `as` makes of each text.
fn assembled(all: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let scratch = Scratch::new("as");
    let (file, object) = (scratch.0.join("all.s"), scratch.0.join("all.o"));
    let between = std::str::from_utf8(BETWEEN).unwrap();
    let line = |(text, bytes): (&String, &Vec<u8>)| format!("{}\n.ascii \"{between}\"\n", source(text, bytes.len()));
    let lines: String = all.iter().map(line).collect();
    std::fs::write(&file, format!(".intel_syntax noprefix\n{lines}")).unwrap();
    let to = object.to_str().unwrap();
    output("as", &["--32", "-o", to], &file).expect("blessing needs GNU as");
    let binary = scratch.0.join("all.bin");
    output("objcopy", &["-O", "binary", "-j", ".text", to], &binary).expect("blessing needs GNU objcopy");
    let bytes = std::fs::read(binary).unwrap();
    let mut parts = Vec::new();
    let mut start = 0;
    while let Some(length) = bytes[start..].windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        parts.push(hex(&bytes[start..start + length]));
        start += length + BETWEEN.len();
    }
    assert_eq!(parts.len(), all.len());
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

/// A common spelling: numbers of 32 bits without a sign, an index without its factor of one.
fn normal(text: &str) -> String {
    let text = text.replace("*1", "").replace('+', " + ").replace('-', " - ");
    let separate = |c: char| c.is_whitespace() || ",[]".contains(c);
    let mut negative = false;
    let mut words = Vec::new();
    for word in text.split(separate).filter(|word| !word.is_empty()) {
        let number = match word.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).ok(),
            None => word.parse::<i64>().ok(),
        };
        match (word, number) {
            ("-", _) => negative = true,
            ("+", _) => {}
            (_, Some(number)) => {
                words.push(((if negative { -number } else { number }) as u32).to_string());
                negative = false;
            }
            _ => words.push(word.to_string()),
        }
    }
    // A shift by one has a form of its own, which is shown without its count.
    if words.len() == 2 && ["shl", "shr", "sar"].contains(&words[0].as_str()) {
        words.push("1".into());
    }
    words.join(" ")
}

/// What LLVM's disassembler reads in some bytes: addresses and texts; `None` where it is not installed.
fn disassembled(bytes: &[u8]) -> Option<Vec<(i64, String)>> {
    let scratch = Scratch::new("objdump");
    let (binary, object) = (scratch.0.join("all.bin"), scratch.0.join("all.o"));
    std::fs::write(&binary, bytes).unwrap();
    let section = ".data=.text,contents,alloc,load,readonly,code";
    let from = binary.to_str().unwrap();
    output("objcopy", &["-I", "binary", "-O", "elf32-i386", "--rename-section", section, from], &object)?;
    let output = output("llvm-objdump", &["-d", "--no-show-raw-insn", "--x86-asm-syntax=intel"], &object)?;
    let text = String::from_utf8(output.stdout).unwrap();
    let line = |line: &str| {
        let (address, text) = line.split_once(":")?;
        let text = text.split('#').next().unwrap_or(text);
        Some((i64::from_str_radix(address.trim(), 16).ok()?, text.trim().to_string()))
    };
    Some(text.lines().filter_map(line).collect())
}

/// The text of a disassembled jump, with the distance in place of the address.
fn with_distance(address: i64, text: &str) -> String {
    let plain = text.split(" <").next().unwrap_or(text);
    let Some((before, to)) = plain.rsplit_once("0x") else { return plain.into() };
    let to = u64::from_str_radix(to, 16).unwrap() as i64;
    let distance = i64::from(to.wrapping_sub(address) as i32);
    format!("{before}. {} {}", if distance < 0 { '-' } else { '+' }, distance.abs())
}

#[test]
fn text_is_that_of_an_independent_disassembler() {
    let all = all_lines();
    let Some(theirs) = disassembled(&all.values().flatten().copied().collect::<Vec<u8>>()) else {
        eprintln!("NOT RUN: objcopy or llvm-objdump is not installed");
        return;
    };
    let mut theirs = theirs.into_iter();
    let mut address = 0;
    for (text, bytes) in &all {
        let (start, found) = theirs.next().unwrap();
        assert_eq!(start, address, "{text}");
        let refers = text.ends_with("f3") || text.contains("data5") || text.contains("+f3") || text == "call 0x5";
        if refers {
            assert_eq!(text.split(' ').next(), found.split_whitespace().next(), "{text}");
        } else {
            let found = if text.contains(" . ") { with_distance(address, &found) } else { found };
            assert_eq!(normal(text), normal(&found), "{text} {}", hex(bytes));
        }
        address += bytes.len() as i64;
    }
    assert_eq!(theirs.next(), None);
}

#[test]
fn distances_out_of_range_are_refused() {
    use maru_core::codegen::Architecture;
    let patch = |kind: FixupKind, from: u64, to: u64| crate::TARGET.patch(kind, &mut [0; 12], from, to);
    assert!(patch(SHORT, 0, 2 + 127).is_ok());
    assert!(patch(SHORT, 0, 2 + 128).is_err());
    assert!(patch(SHORT, 126, 0).is_ok());
    assert!(patch(SHORT, 127, 0).is_err());
    for (kind, origin) in [(DISTANCE, 5), (DISTANCE_2, 6), (FROM_HERE, 5)] {
        assert!(patch(kind, 0, origin + 0x7fff_ffff).is_ok());
        assert!(patch(kind, 0, origin + 0x8000_0000).is_err());
        assert!(patch(kind, 0x8000_0000 - origin, 0).is_ok());
        assert!(patch(kind, 0x8000_0001 - origin, 0).is_err());
    }
}
