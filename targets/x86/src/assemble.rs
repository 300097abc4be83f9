//! Instruction forms of the CPU: bytes and text of each, together.
//!
//! The manual: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2.

use maru_core::codegen::{CodeBuffer, FixupKind, FixupTarget, Label, OutOfRange};

pub const EAX: u8 = 0;
pub const ECX: u8 = 1;
pub const EDX: u8 = 2;
pub const EBX: u8 = 3;
pub const ESP: u8 = 4;
pub const EBP: u8 = 5;
pub const ESI: u8 = 6;
pub const EDI: u8 = 7;
const NAMES: [&str; 8] = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"];

/// A distance of 8 bits, of which the instruction consists but for one byte before.
pub const SHORT: FixupKind = FixupKind(0);
/// A distance of 32 bits after one byte.
pub const DISTANCE: FixupKind = FixupKind(1);
/// The same after two bytes.
pub const DISTANCE_2: FixupKind = FixupKind(2);
/// A distance of 32 bits in the third of three instructions, counted from the second.
pub const FROM_HERE: FixupKind = FixupKind(3);
/// Bytes up to the second, and up to the field.
const HERE: u64 = 5;
const FIELD: usize = 8;

/// Condition codes. The lowest bit negates.
pub mod condition {
    pub const OVERFLOW: u8 = 0;
    pub const BELOW: u8 = 2;
    pub const AT_LEAST: u8 = 3;
    pub const EQUAL: u8 = 4;
    pub const NOT_EQUAL: u8 = 5;
    pub const ABOVE: u8 = 7;
    pub const PARITY: u8 = 10;
    pub const LESS: u8 = 12;
    pub const GREATER_EQUAL: u8 = 13;
    pub const LESS_EQUAL: u8 = 14;
    pub const GREATER: u8 = 15;
    /// Of doubles: equal and ordered, which is two conditions of the CPU.
    pub const SAME: u8 = 16;
    pub const NOT_SAME: u8 = 17;
}
const CONDITIONS: [&str; 16] = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];

/// A place in memory.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    pub base: u8,
    pub index: Option<u8>,
    pub offset: i64,
}

impl Memory {
    pub fn at(base: u8, offset: i64) -> Memory {
        Memory { base, index: None, offset }
    }

    fn text(&self) -> String {
        let index = self.index.map_or(String::new(), |index| format!("+{}*1", NAMES[index as usize]));
        let offset = match self.offset {
            0 => String::new(),
            offset => format!("{offset:+}"),
        };
        format!("[{}{index}{offset}]", NAMES[self.base as usize])
    }

    /// The operand's bytes, with three bits of another operand.
    fn put(&self, code: &mut CodeBuffer, other: u8) {
        let offset = self.offset as i32;
        let (mode, size) = match offset {
            0 if self.base != EBP => (0, 0),
            -128..=127 => (0x40, 1),
            _ => (0x80, 4),
        };
        match self.index {
            None if self.base != ESP => code.byte(mode | other << 3 | self.base),
            index => {
                code.byte(mode | other << 3 | ESP);
                code.byte(index.unwrap_or(ESP) << 3 | self.base);
            }
        }
        code.put(&offset.to_le_bytes()[..size]);
    }
}

fn name(register: u8) -> &'static str {
    NAMES[register as usize]
}

/// An instruction of some bytes and two registers, of which the second may be memory elsewhere.
fn two(code: &mut CodeBuffer, bytes: &[u8], other: u8, register: u8) {
    code.put(bytes);
    code.byte(0xc0 | other << 3 | register);
}

/// Operations of two operands, by their numbers.
pub mod arithmetic {
    pub const ADD: u8 = 0;
    pub const OR: u8 = 1;
    pub const ADC: u8 = 2;
    pub const SBB: u8 = 3;
    pub const AND: u8 = 4;
    pub const SUB: u8 = 5;
    pub const XOR: u8 = 6;
    pub const CMP: u8 = 7;
}
const ARITHMETIC: [&str; 8] = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"];

pub fn arithmetic(code: &mut CodeBuffer, operation: u8, to: u8, from: u8) {
    code.note(|| format!("{} {}, {}", ARITHMETIC[operation as usize], name(to), name(from)));
    two(code, &[operation << 3 | 1], from, to);
}

pub fn arithmetic_number(code: &mut CodeBuffer, operation: u8, to: u8, number: i32) {
    code.note(|| format!("{} {}, {number}", ARITHMETIC[operation as usize], name(to)));
    match i8::try_from(number) {
        Ok(number) => {
            two(code, &[0x83], operation, to);
            code.byte(number as u8);
        }
        Err(_) if to == EAX => {
            code.byte(operation << 3 | 5);
            code.put(&number.to_le_bytes());
        }
        Err(_) => {
            two(code, &[0x81], operation, to);
            code.put(&number.to_le_bytes());
        }
    }
}

/// Add a number to a register. Flags change.
pub fn add_number(code: &mut CodeBuffer, to: u8, number: i64) {
    let (operation, number) = if number < 0 { (arithmetic::SUB, -number) } else { (arithmetic::ADD, number) };
    arithmetic_number(code, operation, to, number as i32);
}

pub fn compare_with(code: &mut CodeBuffer, register: u8, memory: &Memory) {
    code.note(|| format!("cmp {}, dword ptr {}", name(register), memory.text()));
    code.byte(0x3b);
    memory.put(code, register);
}

pub fn test(code: &mut CodeBuffer, a: u8, b: u8) {
    code.note(|| format!("test {}, {}", name(a), name(b)));
    two(code, &[0x85], b, a);
}

pub fn test_number(code: &mut CodeBuffer, a: u8, number: i32) {
    code.note(|| format!("test {}, {number}", name(a)));
    match a {
        EAX => code.byte(0xa9),
        _ => two(code, &[0xf7], 0, a),
    }
    code.put(&number.to_le_bytes());
}

/// The bit of `word` that the low five bits of `number` say, as the flag of "below".
pub fn bit_test(code: &mut CodeBuffer, word: u8, number: u8) {
    code.note(|| format!("bt {}, {}", name(word), name(number)));
    two(code, &[0x0f, 0xa3], number, word);
}

/// A move. No flags change.
pub fn mov(code: &mut CodeBuffer, to: u8, from: u8) {
    code.note(|| format!("mov {}, {}", name(to), name(from)));
    two(code, &[0x89], from, to);
}

/// A constant. No flags change.
pub fn constant(code: &mut CodeBuffer, to: u8, number: i32) {
    code.note(|| format!("mov {}, {number}", name(to)));
    code.byte(0xb8 | to);
    code.put(&number.to_le_bytes());
}

pub fn lea(code: &mut CodeBuffer, to: u8, memory: &Memory) {
    code.note(|| format!("lea {}, {}", name(to), memory.text()));
    code.byte(0x8d);
    memory.put(code, to);
}

pub fn load(code: &mut CodeBuffer, to: u8, memory: &Memory) {
    code.note(|| format!("mov {}, dword ptr {}", name(to), memory.text()));
    code.byte(0x8b);
    memory.put(code, to);
}

pub fn load_byte(code: &mut CodeBuffer, to: u8, memory: &Memory) {
    code.note(|| format!("movzx {}, byte ptr {}", name(to), memory.text()));
    code.put(&[0x0f, 0xb6]);
    memory.put(code, to);
}

pub fn store(code: &mut CodeBuffer, memory: &Memory, from: u8) {
    code.note(|| format!("mov dword ptr {}, {}", memory.text(), name(from)));
    code.byte(0x89);
    memory.put(code, from);
}

/// Store the lowest byte of eax.
pub fn store_byte(code: &mut CodeBuffer, memory: &Memory) {
    code.note(|| format!("mov byte ptr {}, al", memory.text()));
    code.byte(0x88);
    memory.put(code, EAX);
}

pub fn store_number(code: &mut CodeBuffer, memory: &Memory, number: i32) {
    code.note(|| format!("mov dword ptr {}, {number}", memory.text()));
    code.byte(0xc7);
    memory.put(code, 0);
    code.put(&number.to_le_bytes());
}

pub fn store_byte_number(code: &mut CodeBuffer, memory: &Memory, number: u8) {
    code.note(|| format!("mov byte ptr {}, {}", memory.text(), number as i8));
    code.byte(0xc6);
    memory.put(code, 0);
    code.byte(number);
}

pub fn multiply(code: &mut CodeBuffer, to: u8, from: u8) {
    code.note(|| format!("imul {}, {}", name(to), name(from)));
    two(code, &[0x0f, 0xaf], to, from);
}

/// Operations of one operand, by their numbers.
pub mod unary {
    pub const NOT: u8 = 2;
    pub const NEG: u8 = 3;
    /// edx:eax is eax times the operand.
    pub const MUL: u8 = 4;
    pub const IMUL: u8 = 5;
}

pub fn unary(code: &mut CodeBuffer, operation: u8, register: u8) {
    code.note(|| format!("{} {}", ["", "", "not", "neg", "mul", "imul"][operation as usize], name(register)));
    two(code, &[0xf7], operation, register);
}

/// Shifts, by their numbers.
pub mod shift {
    pub const SHL: u8 = 4;
    pub const SHR: u8 = 5;
    pub const SAR: u8 = 7;
}
const SHIFTS: [&str; 8] = ["", "", "", "", "shl", "shr", "", "sar"];

/// Shift by cl.
pub fn shift(code: &mut CodeBuffer, operation: u8, register: u8) {
    code.note(|| format!("{} {}, cl", SHIFTS[operation as usize], name(register)));
    two(code, &[0xd3], operation, register);
}

pub fn shift_number(code: &mut CodeBuffer, operation: u8, register: u8, count: u8) {
    code.note(|| format!("{} {}, {count}", SHIFTS[operation as usize], name(register)));
    if count == 1 {
        return two(code, &[0xd1], operation, register);
    }
    two(code, &[0xc1], operation, register);
    code.byte(count);
}

pub fn push(code: &mut CodeBuffer, register: u8) {
    code.note(|| format!("push {}", name(register)));
    code.byte(0x50 | register);
}

pub fn pop(code: &mut CodeBuffer, register: u8) {
    code.note(|| format!("pop {}", name(register)));
    code.byte(0x58 | register);
}

pub fn return_(code: &mut CodeBuffer) {
    code.note(|| "ret".into());
    code.byte(0xc3);
}

pub fn trap(code: &mut CodeBuffer) {
    code.note(|| "ud2".into());
    code.put(&[0x0f, 0x0b]);
}

pub fn call_memory(code: &mut CodeBuffer, memory: &Memory) {
    code.note(|| format!("call dword ptr {}", memory.text()));
    code.byte(0xff);
    memory.put(code, 2);
}

pub fn call_register(code: &mut CodeBuffer, register: u8) {
    code.note(|| format!("call {}", name(register)));
    two(code, &[0xff], 2, register);
}

pub fn jump_register(code: &mut CodeBuffer, register: u8) {
    code.note(|| format!("jmp {}", name(register)));
    two(code, &[0xff], 4, register);
}

/// Instructions of doubles, with their prefix.
#[derive(Clone, Copy, Debug)]
pub struct Double {
    name: &'static str,
    prefix: u8,
    opcode: u8,
}

const fn double(name: &'static str, prefix: u8, opcode: u8) -> Double {
    Double { name, prefix, opcode }
}

pub const ADDSD: Double = double("addsd", 0xf2, 0x58);
pub const MULSD: Double = double("mulsd", 0xf2, 0x59);
pub const SUBSD: Double = double("subsd", 0xf2, 0x5c);
pub const DIVSD: Double = double("divsd", 0xf2, 0x5e);
pub const SQRTSD: Double = double("sqrtsd", 0xf2, 0x51);
pub const UCOMISD: Double = double("ucomisd", 0x66, 0x2e);
pub const XORPD: Double = double("xorpd", 0x66, 0x57);
pub const ANDPD: Double = double("andpd", 0x66, 0x54);
pub const MOVAPD: Double = double("movapd", 0x66, 0x28);
pub const PUNPCKLDQ: Double = double("punpckldq", 0x66, 0x62);
pub const PCMPEQD: Double = double("pcmpeqd", 0x66, 0x76);

/// An instruction of two doubles.
pub fn doubles(code: &mut CodeBuffer, form: Double, to: u8, from: u8) {
    code.note(|| format!("{} xmm{to}, xmm{from}", form.name));
    two(code, &[form.prefix, 0x0f, form.opcode], to, from);
}

/// The upper half of a double, in the lower.
pub fn upper_half(code: &mut CodeBuffer, to: u8, from: u8) {
    code.note(|| format!("pshufd xmm{to}, xmm{from}, 85"));
    two(code, &[0x66, 0x0f, 0x70], to, from);
    code.byte(85);
}

/// Shift a double's bits: to the right (2) or to the left (6).
pub fn shift_double(code: &mut CodeBuffer, operation: u8, register: u8, count: u8) {
    code.note(|| format!("{} xmm{register}, {count}", if operation == 2 { "psrlq" } else { "psllq" }));
    two(code, &[0x66, 0x0f, 0x73], operation, register);
    code.byte(count);
}

pub fn word_to_lower_half(code: &mut CodeBuffer, to: u8, from: u8) {
    code.note(|| format!("movd xmm{to}, {}", name(from)));
    two(code, &[0x66, 0x0f, 0x6e], to, from);
}

pub fn lower_half_to_word(code: &mut CodeBuffer, to: u8, from: u8) {
    code.note(|| format!("movd {}, xmm{from}", name(to)));
    two(code, &[0x66, 0x0f, 0x7e], from, to);
}

pub fn word_to_double(code: &mut CodeBuffer, to: u8, from: u8) {
    code.note(|| format!("cvtsi2sd xmm{to}, {}", name(from)));
    two(code, &[0xf2, 0x0f, 0x2a], to, from);
}

pub fn double_to_word(code: &mut CodeBuffer, to: u8, from: u8) {
    code.note(|| format!("cvttsd2si {}, xmm{from}", name(to)));
    two(code, &[0xf2, 0x0f, 0x2c], to, from);
}

pub fn load_double(code: &mut CodeBuffer, to: u8, memory: &Memory) {
    code.note(|| format!("movsd xmm{to}, qword ptr {}", memory.text()));
    code.put(&[0xf2, 0x0f, 0x10]);
    memory.put(code, to);
}

pub fn store_double(code: &mut CodeBuffer, memory: &Memory, from: u8) {
    code.note(|| format!("movsd qword ptr {}, xmm{from}", memory.text()));
    code.put(&[0xf2, 0x0f, 0x11]);
    memory.put(code, from);
}

/// Jump to a label if a condition holds.
pub fn jump_if(code: &mut CodeBuffer, condition: u8, label: Label) {
    match condition {
        // Unordered sets the flag of equality, too: past the jump, then.
        condition::SAME => {
            let past = code.label();
            jump_if(code, condition::PARITY, past);
            jump_if(code, condition::EQUAL, label);
            code.bind(past);
        }
        condition::NOT_SAME => {
            jump_if(code, condition::PARITY, label);
            jump_if(code, condition::NOT_EQUAL, label);
        }
        _ => {
            code.note_jump(label, || format!("j{}", CONDITIONS[condition as usize]));
            if is_near(code, label) {
                code.refer(SHORT, label);
                return code.put(&[0x70 | condition, 0]);
            }
            code.refer(DISTANCE_2, label);
            code.put(&[0x0f, 0x80 | condition, 0, 0, 0, 0]);
        }
    }
}

/// 1 if a condition holds, else 0. No flags change.
pub fn set_if(code: &mut CodeBuffer, condition: u8, to: u8) {
    let past = code.label();
    constant(code, to, 1);
    jump_if(code, condition, past);
    constant(code, to, 0);
    code.bind(past);
}

/// Jump to a label.
pub fn jump(code: &mut CodeBuffer, label: Label) {
    code.note_jump(label, || "jmp".into());
    if is_near(code, label) {
        code.refer(SHORT, label);
        return code.put(&[0xeb, 0]);
    }
    code.refer(DISTANCE, label);
    code.put(&[0xe9, 0, 0, 0, 0]);
}

/// Whether a distance of 8 bits, counted from the end of two bytes, reaches a label.
fn is_near(code: &CodeBuffer, label: Label) -> bool {
    code.distance(label).is_some_and(|distance| (-126..=129).contains(&distance))
}

/// Call or jump to a function of the unit.
pub fn reach(code: &mut CodeBuffer, call: bool, target: FixupTarget) {
    code.note(|| format!("{} {}", if call { "call" } else { "jmp" }, target));
    code.fixup(DISTANCE, target, 0);
    code.put(&[if call { 0xe8 } else { 0xe9 }, 0, 0, 0, 0]);
}

/// The address of something in the image (`load` false), or the word that lies there, so many bytes on.
pub fn image(code: &mut CodeBuffer, to: u8, target: FixupTarget, addend: i64, load: bool) {
    let next = code.offset() + HERE as u32;
    code.note(|| format!("call {next:#x}"));
    code.fixup(FROM_HERE, target, addend);
    code.put(&[0xe8, 0, 0, 0, 0]);
    pop(code, to);
    let opcode = if load { 0x8b } else { 0x8d };
    code.note(|| {
        let name_of = if load { "mov" } else { "lea" };
        format!("{name_of} {}, [{}+{}+{addend}]", name(to), name(to), target)
    });
    code.put(&[opcode, 0x80 | to << 3 | to, 0, 0, 0, 0]);
}

/// Write an address into an instruction.
///
/// # Errors
/// When it does not fit.
pub fn patch(kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
    let (field, origin) = match kind {
        SHORT => (1, 2),
        DISTANCE => (1, 5),
        DISTANCE_2 => (2, 6),
        _ => (FIELD, HERE),
    };
    let value = to.wrapping_sub(from.wrapping_add(origin)) as i64;
    if kind == SHORT {
        site[field] = i8::try_from(value).map_err(|_| OutOfRange { value, bits: 8 })? as u8;
        return Ok(());
    }
    let distance = i32::try_from(value).map_err(|_| OutOfRange { value, bits: 32 })?;
    site[field..field + 4].copy_from_slice(&distance.to_le_bytes());
    Ok(())
}
