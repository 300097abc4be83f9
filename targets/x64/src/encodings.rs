//! Tests of encodings: `encodings.txt` holds a line for each instruction that samples of all opcodes give, with the
//! bytes that GNU `as` makes of the text. `BLESS=1` writes it anew (needs `as`).
//!
//! Three witnesses for each line: our bytes, the other assembler's, and an independent disassembler's text.

use crate::encode::Opcode;
use crate::{abi, X64};
use maru_core::codegen::{CodeBuffer, FixupTarget, Frame, ListingLine, MachInst, RegisterMachine, System};
use maru_core::ir::{Convention, FunctionId};
use regalloc2::{Allocation, PReg, RegClass, SpillSlot};
use std::collections::BTreeMap;
use std::process::Command;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/encodings.txt");

/// What an operand of a sample may be.
#[derive(Clone, Copy)]
enum Kind {
    /// A general register.
    Word,
    /// A general register or spill slot.
    WordAnywhere,
    /// An SSE register.
    Double,
    /// An SSE register or spill slot.
    DoubleAnywhere,
    /// The same as operand 0.
    Same,
    /// rax, rcx, rdx.
    Fixed(usize),
}
use Kind::*;

/// General registers of all encoding classes: low and high, and those that mean something special as a base or as a
/// byte register.
const WORDS: [usize; 11] = [0, 1, 3, 5, 6, 7, 8, 11, 12, 13, 14];
const DOUBLES: [usize; 5] = [0, 1, 7, 8, 15];
/// Displacements of no, one and four bytes.
const SLOTS: [usize; 4] = [0, 1, 15, 16];
const DISPLACEMENTS: [i32; 8] = [0, 1, 127, 128, -128, -129, 0x7fff_ffff, i32::MIN];
const IMMEDIATES: [i64; 8] = [0, 1, -1, 127, 128, -128, -129, 0x7fff_ffff];
const CONSTANTS: [i64; 9] = [0, 1, -1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, -0x8000_0000, 0x1_0000_0000, i64::MIN];
const CONDITIONS: [i64; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15];

fn word(choice: usize) -> Allocation {
    Allocation::reg(PReg::new(WORDS[choice % WORDS.len()], RegClass::Int))
}

fn double(choice: usize) -> Allocation {
    Allocation::reg(PReg::new(DOUBLES[choice % DOUBLES.len()], RegClass::Float))
}

fn slot(choice: usize) -> Allocation {
    Allocation::stack(SpillSlot::new(SLOTS[choice % SLOTS.len()]))
}

/// Allocations for an instruction's operands, different for each turn.
fn allocations(kinds: &[Kind], turn: usize) -> Vec<Allocation> {
    let mut all = Vec::new();
    for (place, kind) in kinds.iter().enumerate() {
        let choice = turn * (2 * place + 1) + 3 * place;
        let anywhere = turn % 3 == 2;
        all.push(match kind {
            Word => word(choice),
            WordAnywhere if !anywhere => word(choice),
            Double => double(choice),
            DoubleAnywhere if !anywhere => double(choice),
            WordAnywhere | DoubleAnywhere => slot(turn / 3),
            Same => all[0],
            Fixed(number) => Allocation::reg(PReg::new(*number, RegClass::Int)),
        });
    }
    all
}

/// Operands of an opcode's samples, its variants, immediates and displacements. An opcode that is missing here does
/// not compile.
fn samples(opcode: Opcode) -> (Vec<Kind>, Vec<i64>, Vec<i64>, Vec<i32>) {
    use Opcode::*;
    let (none, any) = (|| vec![0], || IMMEDIATES.to_vec());
    let plain = |kinds: &[Kind]| (kinds.to_vec(), vec![0], vec![0], vec![0]);
    let variants = |kinds: &[Kind], list: &[i64]| (kinds.to_vec(), list.to_vec(), vec![0], vec![0]);
    let memory = |kinds: &[Kind], list: &[i64]| (kinds.to_vec(), list.to_vec(), vec![0], DISPLACEMENTS.to_vec());
    match opcode {
        Constant => (vec![Word], none(), CONSTANTS.to_vec(), vec![0]),
        Alu => variants(&[Word, WordAnywhere, Same], &[0, 1, 4, 5, 6]),
        AluImmediate => (vec![Word, Same], vec![0, 1, 4, 5, 6], any(), vec![0]),
        Compare => plain(&[Word, WordAnywhere]),
        CompareImmediate => (vec![WordAnywhere], none(), any(), vec![0]),
        CompareMemory => (vec![Word], none(), any(), DISPLACEMENTS.to_vec()),
        CompareWithData => plain(&[Word]),
        CompareContext => (vec![], none(), any(), vec![16, 500]),
        TestSelf => plain(&[Word]),
        TestByte => (vec![Word], none(), vec![7, 127], vec![0]),
        BitTest => plain(&[Word, Word]),
        LeaSum => plain(&[Word, Word, Word]),
        LeaOffset | LeaOffset32 => {
            // Without displacement `LeaOffset` is a move; `LeaOffset32` never is without.
            let displacements = DISPLACEMENTS[usize::from(opcode == LeaOffset32)..].to_vec();
            (vec![Word, Word], none(), none(), displacements)
        }
        Multiply => plain(&[Word, WordAnywhere, Same]),
        MultiplyImmediate => (vec![WordAnywhere, Word], none(), any(), vec![0]),
        MultiplyHigh | Divide => plain(&[Fixed(0), WordAnywhere, Fixed(0), Fixed(2)]),
        Negate | Not => plain(&[Word, Same]),
        Shift => (vec![Word, Same], vec![0, 4, 5, 7], vec![1, 2, 63], vec![0]),
        ShiftByCl => variants(&[Word, Fixed(1), Same], &[0, 4, 5, 7]),
        SetIf => variants(&[Word], &CONDITIONS),
        SetFloatEqual => variants(&[Word, Word], &[0, 1]),
        JumpIf => variants(&[], &CONDITIONS),
        JumpFloatEqual => variants(&[], &[0, 1]),
        Jump | Call | TailCall | Return | Trap => plain(&[]),
        Load => memory(&[Word, Word], &[0, 1, 2]),
        LoadIndexed => memory(&[Word, Word, Word], &[0, 1, 2]),
        Store => memory(&[Word, Word], &[0, 1, 2]),
        StoreIndexed => memory(&[Word, Word, Word], &[0, 1, 2]),
        StoreImmediate => (vec![Word], vec![0, 1, 2], vec![0, 100], DISPLACEMENTS.to_vec()),
        StoreImmediateIndexed => (vec![Word, Word], vec![0, 1, 2], vec![0, 100], DISPLACEMENTS.to_vec()),
        LoadContext => memory(&[Word], &[0]),
        StoreContext => memory(&[Word], &[0]),
        StoreContextImmediate => (vec![], vec![2], any(), vec![16, 500]),
        LoadData | FunctionAddress => plain(&[Word]),
        CallAddress | TailCallAddress => plain(&[Word]),
        CallHelper => memory(&[], &[0]),
        FloatZero => plain(&[Double]),
        FloatArithmetic => variants(&[Double, DoubleAnywhere, Same], &[0x58, 0x59, 0x5c, 0x5e]),
        FloatBitwise => variants(&[Double, Double, Same], &[0, 1]),
        FloatSqrt => plain(&[DoubleAnywhere, Double]),
        FloatCompare => plain(&[Double, DoubleAnywhere]),
        IntToFloat => plain(&[WordAnywhere, Double]),
        FloatToInt => plain(&[DoubleAnywhere, Word]),
        FloatBits => plain(&[Double, Word]),
        FloatFromBits => plain(&[Word, Double]),
        StackOverflow => (vec![], vec![0, 1], vec![8, 24, 4096], vec![376]),
    }
}

/// Widths of memory access to SSE registers are sampled apart.
const DOUBLE_ACCESS: [(Opcode, &[Kind]); 4] = [
    (Opcode::Load, &[Word, Double]),
    (Opcode::LoadIndexed, &[Word, Word, Double]),
    (Opcode::Store, &[Double, Word]),
    (Opcode::StoreIndexed, &[Double, Word, Word]),
];

fn encode(inst: MachInst, operands: &[Allocation], code: &mut CodeBuffer) {
    X64.encode(&inst, operands, code);
}

/// A fixup's target, for those that need one.
fn with_target(opcode: Opcode, inst: MachInst) -> MachInst {
    match opcode {
        Opcode::LoadData | Opcode::CompareWithData => inst.target(FixupTarget::Data(5)),
        _ => inst.target(FixupTarget::Function(FunctionId(3))),
    }
}

/// Everything that samples of one opcode give.
fn lines_of(opcode: Opcode) -> Vec<ListingLine> {
    let mut lines = Vec::new();
    let (kinds, variants, immediates, displacements) = samples(opcode);
    let turns = if kinds.is_empty() { 1 } else { 12 };
    for (v, variant) in variants.iter().enumerate() {
        for (i, immediate) in immediates.iter().enumerate() {
            for (d, displacement) in displacements.iter().enumerate() {
                let busy = variants.len() * immediates.len() * displacements.len();
                for turn in (0..turns).filter(|turn| busy <= 4 || (turn + v + i + d) % 4 == 0) {
                    let inst = opcode.inst().variant(*variant as u8).immediate(*immediate);
                    let inst = with_target(opcode, inst.displacement(*displacement));
                    lines.extend(sample(inst, &allocations(&kinds, turn)));
                }
            }
        }
    }
    for (_, kinds) in DOUBLE_ACCESS.iter().filter(|(access, _)| *access == opcode) {
        for (turn, displacement) in DISPLACEMENTS.iter().enumerate() {
            let inst = opcode.inst().variant(3).displacement(*displacement);
            lines.extend(sample(inst, &allocations(kinds, turn)));
        }
    }
    lines
}

/// One instruction; its label, if it is a jump, is bound at several distances behind and ahead.
fn sample(inst: MachInst, operands: &[Allocation]) -> Vec<ListingLine> {
    let is_jump = [Opcode::Jump, Opcode::JumpIf, Opcode::JumpFloatEqual].iter().any(|o| *o as u16 == inst.opcode);
    if !is_jump {
        let mut code = CodeBuffer::new(true);
        encode(inst, operands, &mut code);
        return code.listing();
    }
    let ahead = [0, 100, 127, 128, 1000].map(|gap| jump(inst, gap, true));
    let behind = [0, 100, 120, 126, 127, 1000].map(|gap| jump(inst, gap, false));
    ahead.into_iter().chain(behind).flatten().collect()
}

/// A jump over `gap` bytes.
fn jump(inst: MachInst, gap: usize, ahead: bool) -> Vec<ListingLine> {
    let mut code = CodeBuffer::new(true);
    for _ in 0..2 {
        code.start_second_pass();
        let label = code.label();
        let mut inst = inst;
        inst.label = label;
        if ahead {
            encode(inst, &[], &mut code);
            code.put(&vec![0x90; gap]);
            code.bind(label);
        } else {
            code.bind(label);
            code.put(&vec![0x90; gap]);
            encode(inst, &[], &mut code);
        }
    }
    code.resolve(crate::encode::patch).unwrap();
    let mut lines = code.listing();
    for line in &mut lines {
        let (name, to) = line.text.split_once(' ').unwrap();
        let to = i64::from_str_radix(to.trim_start_matches("0x"), 16).unwrap();
        let distance = to - i64::from(line.offset);
        let length = if name == "jmp" { [2, 5] } else { [2, 6] };
        let short = i8::try_from(distance - 2).is_ok();
        // The last line of a listing reaches to the end of the buffer.
        line.bytes.truncate(length[usize::from(!short)]);
        line.text = format!("{name} . {} {}", if distance < 0 { '-' } else { '+' }, distance.abs());
    }
    lines
}

/// A prologue and an epilogue. Its jump out of line is sampled as a jump.
fn lines_of_frame(frame: &Frame) -> Vec<ListingLine> {
    let mut code = CodeBuffer::new(true);
    abi::enter(frame, &mut code);
    abi::leave(frame, &mut code);
    while let Some((label, _)) = code.next_out_of_line() {
        code.bind(label);
    }
    let jump = |line: &ListingLine| line.text.starts_with('j');
    code.listing().into_iter().filter(|line| !jump(line)).collect()
}

/// Moves, prologues and epilogues.
fn frame_lines() -> Vec<ListingLine> {
    let mut lines = Vec::new();
    let mut copy = |from, to| {
        let mut code = CodeBuffer::new(true);
        X64.copy(from, to, &mut code);
        lines.extend(code.listing());
    };
    for turn in 0..12 {
        copy(word(turn), word(3 * turn + 1));
        copy(word(turn), slot(turn));
        copy(slot(turn), word(turn));
        copy(double(turn), double(3 * turn + 1));
        copy(double(turn), slot(turn));
        copy(slot(turn), double(turn));
    }
    for system in [System(0), abi::WINDOWS] {
        for convention in [Convention::Maru, Convention::Entry] {
            for spill_slots in [0, 3, 20, 1000] {
                for calls in [false, true] {
                    lines.extend(lines_of_frame(&Frame { convention, spill_slots, calls, has_callee: true, system }));
                }
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

/// What GNU `as` makes of each text.
fn assembled(texts: &[&String]) -> Vec<String> {
    let directory = std::env::temp_dir().join(format!("maru-encodings-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let source = directory.join("all.s");
    let lines: String = texts.iter().map(|text| format!("{text}\n")).collect();
    std::fs::write(&source, format!(".intel_syntax noprefix\n{lines}")).unwrap();
    let output = Command::new("as")
        .args(["--64", "-aln", "--listing-lhs-width=4", "-o", "/dev/null"])
        .arg(&source)
        .output()
        .expect("blessing needs GNU as");
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let listing = String::from_utf8(output.stdout).unwrap();
    // Number of the line, offset, bytes in groups of four, text.
    let mut bytes = vec![String::new(); texts.len()];
    for line in listing.lines() {
        let mut fields = line.split_whitespace();
        let Some(number) = fields.next().and_then(|number| number.parse::<usize>().ok()) else { continue };
        if number < 2 {
            continue;
        }
        fields.next();
        let is_hex =
            |field: &&str| field.len().is_multiple_of(2) && field.bytes().all(|b| b"0123456789ABCDEF".contains(&b));
        for field in fields.take_while(is_hex) {
            bytes[number - 2] += &field.to_lowercase();
        }
    }
    bytes
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

/// Mnemonics that have two names.
const SYNONYMS: [(&str, &str); 9] = [
    ("jz", "je"),
    ("jnz", "jne"),
    ("jnb", "jae"),
    ("jna", "jbe"),
    ("setz", "sete"),
    ("setnz", "setne"),
    ("setnb", "setae"),
    ("setna", "setbe"),
    ("movabs", "mov"),
];

/// A common spelling for both disassembler and listing: no sizes, decimal numbers, one name for each mnemonic.
fn normal(text: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut token = String::new();
    let flush = |token: &mut String, words: &mut Vec<String>| {
        let plain = std::mem::take(token);
        let number = match plain.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => plain.parse(),
        };
        match (plain.as_str(), number) {
            ("" | "ptr" | "qword" | "dword" | "byte" | "word", _) => {}
            // The disassembler takes immediates of 32-bit instructions for signed.
            (_, Ok(number @ 0x8000_0000..=0xffff_ffff)) if words.last().is_none_or(|last| last != "-") => {
                words.extend(["-".into(), ((1 << 32) - number).to_string()]);
            }
            (_, Ok(number)) => words.push(number.to_string()),
            _ => words.push(plain),
        }
    };
    for c in text.chars() {
        if c.is_alphanumeric() || c == '_' {
            token.push(c);
        } else {
            flush(&mut token, &mut words);
            if !c.is_whitespace() {
                words.push(c.into());
            }
        }
    }
    flush(&mut token, &mut words);
    if let Some((_, name)) = SYNONYMS.iter().find(|(synonym, _)| words[0] == *synonym) {
        words[0] = (*name).into();
    }
    words.join(" ").replace(" * 1 ", " ")
}

#[test]
fn text_is_that_of_an_independent_disassembler() {
    let decoder = yaxpeax_x86::amd64::InstDecoder::default();
    for (text, bytes) in all_lines() {
        let decoded = decoder.decode_slice(&bytes).unwrap_or_else(|error| panic!("{text} {}: {error}", hex(&bytes)));
        let (ours, theirs) = (normal(&text), normal(&decoded.to_string()));
        let refers = text.contains(". ") || text.contains("rip") || text.contains(" f3");
        if refers {
            assert_eq!(ours.split(' ').next(), theirs.split(' ').next(), "{text}");
        } else {
            assert_eq!(ours, theirs, "{text} {}", hex(&bytes));
        }
    }
}

#[test]
fn distances_out_of_range_are_refused() {
    use maru_core::codegen::{Architecture, FixupKind};
    let patch = |kind, from, to| crate::TARGET.patch(FixupKind(kind), &mut [0; 8], from, to);
    assert!(patch(1, 0, 5 + 0x7fff_ffff).is_ok());
    assert!(patch(1, 0, 6 + 0x7fff_ffff).is_err());
    assert!(patch(1, 0x8000_0000, 5).is_ok());
    assert!(patch(1, 0x8000_0000, 4).is_err());
    assert!(patch(0, 0, 129).is_ok());
    assert!(patch(0, 0, 130).is_err());
}
