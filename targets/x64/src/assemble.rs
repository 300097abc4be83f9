//! Instruction forms of the CPU: bytes and text of each, from one table row.
//!
//! Written by hand rather than with `dynasm`: that fixes the length of a displacement when it is compiled, so
//! `[base + offset]` with a base known only at run time always takes four bytes for the offset, and there is no
//! text. Here the shortest form is chosen, the same that GNU `as` would choose, and text and bytes come from the
//! same row. The manual: Intel SDM volume 2, chapter 2 (prefixes, ModRM, SIB) and the opcode map.

use maru_core::codegen::{CodeBuffer, FixupKind, FixupTarget, Label};

/// Numbers of the general registers, as encoded.
pub const RAX: u8 = 0;
pub const RCX: u8 = 1;
pub const RDX: u8 = 2;
pub const RBX: u8 = 3;
pub const RSP: u8 = 4;
pub const RBP: u8 = 5;
pub const RSI: u8 = 6;
pub const RDI: u8 = 7;
pub const R8: u8 = 8;
pub const R9: u8 = 9;
pub const R10: u8 = 10;
pub const R11: u8 = 11;
pub const R12: u8 = 12;
pub const R13: u8 = 13;
pub const R14: u8 = 14;
pub const R15: u8 = 15;

/// A one-byte distance after a one-byte opcode.
pub const SHORT: FixupKind = FixupKind(0);

/// A 32-bit distance that follows `prefix` bytes and ends the instruction.
const fn distance32(prefix: u8) -> FixupKind {
    FixupKind(prefix)
}

/// Where a fixup's field starts, and its length.
pub fn field(kind: FixupKind) -> (usize, usize) {
    match kind {
        SHORT => (1, 1),
        FixupKind(prefix) => (prefix as usize, 4),
    }
}

/// What an operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// 64-bit general register or memory.
    Q,
    /// 32-bit.
    D,
    /// 8-bit.
    B,
    /// Low half of an SSE register, or 64-bit memory.
    X,
    /// An SSE register, or 128-bit memory.
    V,
}
use Kind::*;

/// A register or a place in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rm {
    /// A register.
    Reg(u8),
    /// `[base + displacement]`.
    Base(u8, i32),
    /// `[base + index + displacement]`; the index is not rsp.
    Indexed(u8, u8, i32),
    /// A word of the image, relative to the instruction.
    Image(FixupTarget),
}

/// Operands of a form and how they are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// None.
    Plain,
    /// Register, then register or memory.
    RegRm(Kind, Kind),
    /// Register or memory, then register.
    RmReg(Kind, Kind),
    /// Register or memory; the number extends the opcode.
    Rm(Kind, u8),
    /// As `Rm`, shifted by one.
    RmOne(Kind, u8),
    /// As `Rm`, shifted by `cl`.
    RmCl(Kind, u8),
    /// Register or memory, one-byte immediate.
    RmImm8(Kind, u8),
    /// Register or memory, four-byte immediate.
    RmImm32(Kind, u8),
    /// rax, eax or al, and a four-byte immediate (one byte for al).
    RaxImm(Kind),
    /// Register, register or memory, one-byte immediate.
    RegRmImm8(Kind, Kind),
    /// Register, register or memory, four-byte immediate.
    RegRmImm32(Kind, Kind),
    /// Register in the opcode.
    Short(Kind),
    /// Register in the opcode, four-byte immediate.
    ShortImm32(Kind),
    /// Register in the opcode, eight-byte immediate.
    ShortImm64(Kind),
}
use Shape::*;

/// An instruction form.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Mnemonic.
    pub name: &'static str,
    /// Mandatory prefix, or 0.
    prefix: u8,
    /// 64-bit operands need the prefix bit REX.W.
    wide: bool,
    /// Whether the opcode follows 0x0f.
    escaped: bool,
    opcode: u8,
    /// Its operands.
    pub shape: Shape,
}

const fn form(name: &'static str, opcode: u8, shape: Shape) -> Form {
    Form { name, prefix: 0, wide: false, escaped: false, opcode, shape }
}

impl Form {
    const fn wide(self) -> Form {
        Form { wide: true, ..self }
    }
    const fn escaped(self) -> Form {
        Form { escaped: true, ..self }
    }
    const fn prefix(self, prefix: u8) -> Form {
        Form { prefix, ..self }
    }
}

pub const MOV_FROM: Form = form("mov", 0x8b, RegRm(Q, Q)).wide();
pub const MOV_TO: Form = form("mov", 0x89, RmReg(Q, Q)).wide();
pub const MOV_FROM_32: Form = form("mov", 0x8b, RegRm(D, D));
pub const MOV_TO_32: Form = form("mov", 0x89, RmReg(D, D));
pub const MOV_TO_8: Form = form("mov", 0x88, RmReg(B, B));
pub const MOVZX: Form = form("movzx", 0xb6, RegRm(D, B)).escaped();
pub const MOV_IMM: Form = form("mov", 0xc7, RmImm32(Q, 0)).wide();
pub const MOV_IMM_32: Form = form("mov", 0xc7, RmImm32(D, 0));
pub const MOV_IMM_8: Form = form("mov", 0xc6, RmImm8(B, 0));
pub const LOAD_32: Form = form("mov", 0xb8, ShortImm32(D));
pub const LOAD_64: Form = form("movabs", 0xb8, ShortImm64(Q)).wide();
pub const LEA: Form = form("lea", 0x8d, RegRm(Q, Q)).wide();
pub const LEA_32: Form = form("lea", 0x8d, RegRm(D, D));
pub const TEST: Form = form("test", 0x85, RmReg(Q, Q)).wide();
pub const TEST_IMM_8: Form = form("test", 0xf6, RmImm8(B, 0));
pub const TEST_AL: Form = form("test", 0xa8, RaxImm(B));
pub const IMUL: Form = form("imul", 0xaf, RegRm(Q, Q)).escaped().wide();
pub const IMUL_IMM8: Form = form("imul", 0x6b, RegRmImm8(Q, Q)).wide();
pub const IMUL_IMM32: Form = form("imul", 0x69, RegRmImm32(Q, Q)).wide();
pub const IMUL_HIGH: Form = form("imul", 0xf7, Rm(Q, 5)).wide();
pub const IDIV: Form = form("idiv", 0xf7, Rm(Q, 7)).wide();
pub const CQO: Form = form("cqo", 0x99, Plain).wide();
pub const NOT: Form = form("not", 0xf7, Rm(Q, 2)).wide();
pub const NEG: Form = form("neg", 0xf7, Rm(Q, 3)).wide();
pub const BT: Form = form("bt", 0xa3, RmReg(D, D)).escaped();
pub const AND_8: Form = form("and", 0x20, RmReg(B, B));
pub const OR_8: Form = form("or", 0x08, RmReg(B, B));
pub const XOR_32: Form = form("xor", 0x31, RmReg(D, D));
pub const CALL: Form = form("call", 0xff, Rm(Q, 2));
pub const JMP: Form = form("jmp", 0xff, Rm(Q, 4));
pub const PUSH: Form = form("push", 0x50, Short(Q));
pub const POP: Form = form("pop", 0x58, Short(Q));
pub const RET: Form = form("ret", 0xc3, Plain);
pub const UD2: Form = form("ud2", 0x0b, Plain).escaped();

pub const MOVSD_FROM: Form = form("movsd", 0x10, RegRm(X, X)).escaped().prefix(0xf2);
pub const MOVSD_TO: Form = form("movsd", 0x11, RmReg(X, X)).escaped().prefix(0xf2);
pub const MOVAPS: Form = form("movaps", 0x28, RegRm(V, V)).escaped();
pub const MOVAPS_TO: Form = form("movaps", 0x29, RmReg(V, V)).escaped();
pub const MOVQ_FROM: Form = form("movq", 0x6e, RegRm(X, Q)).escaped().wide().prefix(0x66);
pub const MOVQ_TO: Form = form("movq", 0x7e, RmReg(Q, X)).escaped().wide().prefix(0x66);
pub const SQRTSD: Form = form("sqrtsd", 0x51, RegRm(X, X)).escaped().prefix(0xf2);
pub const UCOMISD: Form = form("ucomisd", 0x2e, RegRm(X, X)).escaped().prefix(0x66);
pub const CVTSI2SD: Form = form("cvtsi2sd", 0x2a, RegRm(X, Q)).escaped().wide().prefix(0xf2);
pub const CVTTSD2SI: Form = form("cvttsd2si", 0x2c, RegRm(Q, X)).escaped().wide().prefix(0xf2);
pub const XORPS: Form = form("xorps", 0x57, RegRm(X, X)).escaped();
pub const ANDPS: Form = form("andps", 0x54, RegRm(X, X)).escaped();

/// Arithmetic by the number that the manual gives it: add 0, or 1, and 4, sub 5, xor 6, cmp 7.
pub mod alu {
    pub const ADD: u8 = 0;
    pub const OR: u8 = 1;
    pub const AND: u8 = 4;
    pub const SUB: u8 = 5;
    pub const XOR: u8 = 6;
    pub const CMP: u8 = 7;
}
const ALU: [&str; 8] = ["add", "or", "adc", "sbb", "and", "sub", "xor", "cmp"];

/// Shifts by the number that the manual gives them.
pub mod shift {
    pub const ROL: u8 = 0;
    pub const SHL: u8 = 4;
    pub const SHR: u8 = 5;
    pub const SAR: u8 = 7;
}
const SHIFT: [&str; 8] = ["rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar"];

/// Arithmetic on doubles by opcode.
pub mod sse {
    pub const ADD: u8 = 0x58;
    pub const MUL: u8 = 0x59;
    pub const SUB: u8 = 0x5c;
    pub const DIV: u8 = 0x5e;
}

fn sse_form(opcode: u8) -> Form {
    let name = match opcode {
        sse::ADD => "addsd",
        sse::MUL => "mulsd",
        sse::SUB => "subsd",
        _ => "divsd",
    };
    form(name, opcode, RegRm(X, X)).escaped().prefix(0xf2)
}

/// Condition codes. The lowest bit negates.
pub mod condition {
    pub const OVERFLOW: u8 = 0;
    pub const BELOW: u8 = 2;
    pub const ABOVE_EQUAL: u8 = 3;
    pub const EQUAL: u8 = 4;
    pub const NOT_EQUAL: u8 = 5;
    pub const BELOW_EQUAL: u8 = 6;
    pub const ABOVE: u8 = 7;
    pub const PARITY: u8 = 10;
    pub const NO_PARITY: u8 = 11;
    pub const LESS: u8 = 12;
    pub const GREATER_EQUAL: u8 = 13;
    pub const LESS_EQUAL: u8 = 14;
    pub const GREATER: u8 = 15;
}
const CONDITION: [&str; 16] = ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];
const SET: [&str; 16] = [
    "seto", "setno", "setb", "setae", "sete", "setne", "setbe", "seta", "sets", "setns", "setp", "setnp", "setl",
    "setge", "setle", "setg",
];

const QWORDS: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
const DWORDS: [&str; 16] = [
    "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d",
    "r15d",
];
const BYTES: [&str; 16] =
    ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"];

fn register_name(kind: Kind, number: u8) -> String {
    match kind {
        Q => QWORDS[number as usize].into(),
        D => DWORDS[number as usize].into(),
        B => BYTES[number as usize].into(),
        X | V => format!("xmm{number}"),
    }
}

fn signed(displacement: i32) -> String {
    match displacement {
        0 => String::new(),
        1.. => format!(" + {displacement}"),
        _ => format!(" - {}", displacement.unsigned_abs()),
    }
}

impl Rm {
    fn text(self, kind: Kind, sized: bool) -> String {
        let size = match kind {
            _ if !sized => "",
            Q | X => "qword ptr ",
            V => "xmmword ptr ",
            D => "dword ptr ",
            B => "byte ptr ",
        };
        match self {
            Rm::Reg(number) => register_name(kind, number),
            Rm::Base(base, by) => format!("{size}[{}{}]", QWORDS[base as usize], signed(by)),
            Rm::Indexed(base, index, by) => {
                format!("{size}[{} + {}{}]", QWORDS[base as usize], QWORDS[index as usize], signed(by))
            }
            Rm::Image(target) => format!("{size}[rip + {target}]"),
        }
    }

    fn is_byte_register_with_rex(self) -> bool {
        matches!(self, Rm::Reg(RSP..=RDI))
    }
}

/// Operands of an instruction: what of them a form has no use for is ignored.
#[derive(Clone, Copy, Debug)]
pub struct Operands {
    pub reg: u8,
    pub rm: Rm,
    pub immediate: i64,
}

impl Form {
    /// The instruction as text.
    fn text(&self, operands: Operands) -> String {
        let Operands { reg, rm, immediate } = operands;
        // A bare `lea` operand names no access, so it has no size.
        let memory = |kind| rm.text(kind, !matches!(self.name, "lea"));
        let list = match self.shape {
            Plain => return self.name.into(),
            RegRm(a, b) => format!("{}, {}", register_name(a, reg), memory(b)),
            RmReg(a, b) => format!("{}, {}", memory(a), register_name(b, reg)),
            Rm(a, _) => memory(a),
            RmOne(a, _) => format!("{}, 1", memory(a)),
            RmCl(a, _) => format!("{}, cl", memory(a)),
            RmImm8(a, _) | RmImm32(a, _) => format!("{}, {immediate}", memory(a)),
            RaxImm(a) => format!("{}, {immediate}", register_name(a, RAX)),
            RegRmImm8(a, b) | RegRmImm32(a, b) => format!("{}, {}, {immediate}", register_name(a, reg), memory(b)),
            Short(a) => register_name(a, reg),
            ShortImm32(a) | ShortImm64(a) => format!("{}, {immediate}", register_name(a, reg)),
        };
        format!("{} {list}", self.name)
    }

    /// Whether an operand is a byte register that without a REX prefix would name another.
    fn needs_rex(&self, operands: Operands) -> bool {
        let reg = matches!(operands.reg, RSP..=RDI);
        match self.shape {
            RegRm(_, B) => operands.rm.is_byte_register_with_rex(),
            RmReg(B, B) => reg || operands.rm.is_byte_register_with_rex(),
            Rm(B, _) | RmImm8(B, _) => operands.rm.is_byte_register_with_rex(),
            _ => false,
        }
    }

    /// Append the instruction.
    pub fn put(&self, code: &mut CodeBuffer, operands: Operands) {
        code.note(|| self.text(operands));
        let Operands { reg, rm, immediate } = operands;
        let mut bytes = Bytes::default();
        if self.prefix != 0 {
            bytes.push(self.prefix);
        }
        match self.shape {
            Plain => self.opcode(&mut bytes, 0, Rm::Reg(0), false),
            Short(_) | ShortImm32(_) | ShortImm64(_) => {
                self.opcode(&mut bytes, 0, Rm::Reg(reg), false);
                bytes.last(reg & 7);
            }
            RaxImm(_) => self.opcode(&mut bytes, 0, Rm::Reg(0), false),
            RegRm(..) | RmReg(..) | RegRmImm8(..) | RegRmImm32(..) => {
                self.opcode(&mut bytes, reg, rm, self.needs_rex(operands));
                bytes.address(reg, rm);
            }
            Rm(_, digit) | RmOne(_, digit) | RmCl(_, digit) | RmImm8(_, digit) | RmImm32(_, digit) => {
                self.opcode(&mut bytes, 0, rm, self.needs_rex(operands));
                bytes.address(digit, rm);
            }
        }
        if let Rm::Image(target) = rm {
            if matches!(self.shape, RegRm(..)) {
                code.fixup(distance32(bytes.length as u8 - 4), target, 0);
            }
        }
        match self.shape {
            RmImm8(..) | RegRmImm8(..) | RaxImm(B) => bytes.push(immediate as u8),
            RmImm32(..) | RegRmImm32(..) | ShortImm32(_) | RaxImm(_) => bytes.extend(&(immediate as i32).to_le_bytes()),
            ShortImm64(_) => bytes.extend(&immediate.to_le_bytes()),
            _ => {}
        }
        code.put(&bytes.bytes[..bytes.length]);
    }

    /// REX prefix if needed, and the opcode.
    fn opcode(&self, bytes: &mut Bytes, reg: u8, rm: Rm, force: bool) {
        let (base, index) = match rm {
            Rm::Reg(number) => (number, 0),
            Rm::Base(base, _) => (base, 0),
            Rm::Indexed(base, index, _) => (base, index),
            Rm::Image(_) => (0, 0),
        };
        let rex = (self.wide as u8) << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
        if rex != 0 || force {
            bytes.push(0x40 | rex);
        }
        if self.escaped {
            bytes.push(0x0f);
        }
        bytes.push(self.opcode);
    }
}

/// One instruction's bytes.
#[derive(Default)]
struct Bytes {
    bytes: [u8; 16],
    length: usize,
}

impl Bytes {
    fn push(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }
    fn extend(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
    /// Add to the last byte.
    fn last(&mut self, bits: u8) {
        self.bytes[self.length - 1] |= bits;
    }

    /// ModRM, SIB and displacement.
    fn address(&mut self, reg: u8, rm: Rm) {
        let reg = (reg & 7) << 3;
        let (base, displacement) = match rm {
            Rm::Reg(number) => return self.push(0xc0 | reg | number & 7),
            Rm::Image(_) => {
                self.push(reg | RBP);
                return self.extend(&[0; 4]);
            }
            Rm::Base(base, by) | Rm::Indexed(base, _, by) => (base & 7, by),
        };
        // Base rbp or r13 without displacement would mean something else: it takes a zero byte.
        let mode = match displacement {
            0 if base != RBP => 0x00,
            -128..=127 => 0x40,
            _ => 0x80,
        };
        match rm {
            Rm::Indexed(_, index, _) => {
                self.push(mode | reg | RSP);
                self.push((index & 7) << 3 | base);
            }
            // rsp and r12 as base need a SIB byte that names no index.
            _ if base == RSP => {
                self.push(mode | reg | RSP);
                self.push(0x24);
            }
            _ => self.push(mode | reg | base),
        }
        match mode {
            0x40 => self.push(displacement as u8),
            0x80 => self.extend(&displacement.to_le_bytes()),
            _ => {}
        }
    }
}

/// Instructions with a choice of forms, and jumps.
pub trait Assembler {
    /// One form, register and register or memory.
    fn op(&mut self, form: Form, reg: u8, rm: Rm);
    /// One form, register or memory and immediate.
    fn op_immediate(&mut self, form: Form, rm: Rm, immediate: i64);
    /// A form without operands.
    fn plain(&mut self, form: Form);
    /// Arithmetic into a register, or `cmp`.
    fn alu(&mut self, operation: u8, to: u8, from: Rm);
    /// Arithmetic with an immediate of at most 32 bits.
    fn alu_immediate(&mut self, operation: u8, to: Rm, immediate: i32);
    /// Shift by a constant.
    fn shift(&mut self, operation: u8, to: u8, count: u8);
    /// Shift by `cl`.
    fn shift_by_cl(&mut self, operation: u8, to: u8);
    /// Arithmetic on doubles.
    fn sse(&mut self, opcode: u8, to: u8, from: Rm);
    /// A constant. Zero changes flags.
    fn constant(&mut self, to: u8, constant: i64);
    /// One byte, 1 if the condition holds, else 0.
    fn set(&mut self, condition: u8, to: u8);
    /// Jump, to a label.
    fn jump(&mut self, label: Label);
    /// Jump to a label if the condition holds.
    fn jump_if(&mut self, condition: u8, label: Label);
    /// Call or jump to a function of the unit.
    fn reach(&mut self, call: bool, target: FixupTarget);
}

impl Assembler for CodeBuffer {
    fn op(&mut self, form: Form, reg: u8, rm: Rm) {
        form.put(self, Operands { reg, rm, immediate: 0 });
    }
    fn op_immediate(&mut self, form: Form, rm: Rm, immediate: i64) {
        form.put(self, Operands { reg: 0, rm, immediate });
    }
    fn plain(&mut self, form: Form) {
        self.op(form, 0, Rm::Reg(0));
    }
    fn alu(&mut self, operation: u8, to: u8, from: Rm) {
        let name = ALU[operation as usize];
        match from {
            Rm::Reg(from) => self.op(form(name, operation << 3 | 1, RmReg(Q, Q)).wide(), from, Rm::Reg(to)),
            from => self.op(form(name, operation << 3 | 3, RegRm(Q, Q)).wide(), to, from),
        }
    }
    fn alu_immediate(&mut self, operation: u8, to: Rm, immediate: i32) {
        let name = ALU[operation as usize];
        let chosen = match (i8::try_from(immediate), to) {
            (Ok(_), _) => form(name, 0x83, RmImm8(Q, operation)),
            (_, Rm::Reg(RAX)) => form(name, operation << 3 | 5, RaxImm(Q)),
            _ => form(name, 0x81, RmImm32(Q, operation)),
        };
        self.op_immediate(chosen.wide(), to, immediate.into());
    }
    fn shift(&mut self, operation: u8, to: u8, count: u8) {
        let name = SHIFT[operation as usize];
        match count {
            1 => self.op(form(name, 0xd1, RmOne(Q, operation)).wide(), 0, Rm::Reg(to)),
            _ => self.op_immediate(form(name, 0xc1, RmImm8(Q, operation)).wide(), Rm::Reg(to), count.into()),
        }
    }
    fn shift_by_cl(&mut self, operation: u8, to: u8) {
        self.op(form(SHIFT[operation as usize], 0xd3, RmCl(Q, operation)).wide(), 0, Rm::Reg(to));
    }
    fn sse(&mut self, opcode: u8, to: u8, from: Rm) {
        self.op(sse_form(opcode), to, from);
    }
    fn constant(&mut self, to: u8, constant: i64) {
        let operands = Operands { reg: to, rm: Rm::Reg(to), immediate: constant };
        match constant {
            0 => self.op(XOR_32, to, Rm::Reg(to)),
            _ if u32::try_from(constant).is_ok() => LOAD_32.put(self, operands),
            _ if i32::try_from(constant).is_ok() => MOV_IMM.put(self, operands),
            _ => LOAD_64.put(self, operands),
        }
    }
    fn set(&mut self, condition: u8, to: u8) {
        self.op(form(SET[condition as usize], 0x90 | condition, Rm(B, 0)).escaped(), 0, Rm::Reg(to));
    }
    fn jump(&mut self, label: Label) {
        self.note_jump(label, || "jmp".into());
        if is_short(self.distance(label), 2) {
            self.refer(SHORT, label);
            self.put(&[0xeb, 0]);
        } else {
            self.refer(distance32(1), label);
            self.put(&[0xe9, 0, 0, 0, 0]);
        }
    }
    fn jump_if(&mut self, condition: u8, label: Label) {
        self.note_jump(label, || format!("j{}", CONDITION[condition as usize]));
        if is_short(self.distance(label), 2) {
            self.refer(SHORT, label);
            self.put(&[0x70 | condition, 0]);
        } else {
            self.refer(distance32(2), label);
            self.put(&[0x0f, 0x80 | condition, 0, 0, 0, 0]);
        }
    }
    fn reach(&mut self, call: bool, target: FixupTarget) {
        self.note(|| format!("{} {target}", if call { "call" } else { "jmp" }));
        self.fixup(distance32(1), target, 0);
        self.put(&[if call { 0xe8 } else { 0xe9 }, 0, 0, 0, 0]);
    }
}

/// Whether a distance from the start of an instruction of `length` bytes fits one byte when measured from its end.
fn is_short(distance: Option<i64>, length: i64) -> bool {
    distance.is_some_and(|distance| i8::try_from(distance - length).is_ok())
}
