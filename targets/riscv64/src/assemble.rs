//! Instruction forms of the CPU: bytes and text of each, from one table row.
//!
//! A row holds the bits that never change and the fields in the order in which assembly text names them; [`put`] walks
//! over the fields once for the bits and once for the text. Instructions are written in the form of two bytes where they
//! have one ([`crate::compress`]). The manual: The RISC-V Instruction Set Manual, Volume I, its listings of instructions.

use crate::compress::compress;
use maru_core::codegen::{CodeBuffer, FixupKind, FixupTarget, Label, OutOfRange};

/// First scratch register: never allocated, may be destroyed by any opcode and by moves to and from spill slots.
pub const SCRATCH: u8 = 6;
/// Second scratch register.
pub const SCRATCH_2: u8 = 7;
/// The zero register.
pub const ZERO: u8 = 0;
/// The return address.
pub const LINK: u8 = 1;
/// The stack pointer.
pub const SP: u8 = 2;

/// A distance of 13 bits in a branch.
pub const BRANCH: FixupKind = FixupKind(0);
/// A distance of 21 bits in a jump.
pub const JUMP: FixupKind = FixupKind(1);
/// A distance of 32 bits in two instructions that call or jump.
pub const CALL: FixupKind = FixupKind(2);
/// A distance of 32 bits in two instructions that make an address or load from it.
pub const ADDRESS: FixupKind = FixupKind(3);
/// A distance of 9 bits in a branch of two bytes.
pub const SHORT_BRANCH: FixupKind = FixupKind(4);
/// A distance of 12 bits in a jump of two bytes.
pub const SHORT_JUMP: FixupKind = FixupKind(5);

/// What a register operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A word.
    X,
    /// A double.
    D,
}
use Kind::*;

/// A field of an instruction, in the order of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// A register at a bit.
    Reg(Kind, u8),
    /// A double's register that is written into two fields.
    Twice(u8, u8),
    /// 12 bits with sign, the highest ones.
    Immediate,
    /// Six bits from bit 20: a count of a shift.
    Count,
    /// 20 bits, the highest ones.
    Upper,
    /// Two values: offset and base of a load.
    Load,
    /// Two values: offset and base of a store.
    Store,
}
use Field::*;

/// An instruction form.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    name: &'static str,
    bits: u32,
    fields: &'static [Field],
}

const fn form(name: &'static str, bits: u32, fields: &'static [Field]) -> Form {
    Form { name, bits, fields }
}

/// Result, first and second operand.
const DST: &[Field] = &[Reg(X, 7), Reg(X, 15), Reg(X, 20)];
const DS: &[Field] = &[Reg(X, 7), Reg(X, 15)];
const DT: &[Field] = &[Reg(X, 7), Reg(X, 20)];
const DSI: &[Field] = &[Reg(X, 7), Reg(X, 15), Immediate];
const SHIFT: &[Field] = &[Reg(X, 7), Reg(X, 15), Count];
const FLOATS: &[Field] = &[Reg(D, 7), Reg(D, 15), Reg(D, 20)];
/// A sign from the double itself: kept, changed, or combined with itself to none.
const SIGN: &[Field] = &[Reg(D, 7), Twice(15, 20)];
const FLOAT_TEST: &[Field] = &[Reg(X, 7), Reg(D, 15), Reg(D, 20)];

pub const ADD: Form = form("add", 0x0000_0033, DST);
pub const SUB: Form = form("sub", 0x4000_0033, DST);
pub const AND: Form = form("and", 0x0000_7033, DST);
pub const OR: Form = form("or", 0x0000_6033, DST);
pub const XOR: Form = form("xor", 0x0000_4033, DST);
pub const SLL: Form = form("sll", 0x0000_1033, DST);
pub const SRL: Form = form("srl", 0x0000_5033, DST);
pub const SRA: Form = form("sra", 0x4000_5033, DST);
pub const SLT: Form = form("slt", 0x0000_2033, DST);
pub const SLTU: Form = form("sltu", 0x0000_3033, DST);
pub const MUL: Form = form("mul", 0x0200_0033, DST);
pub const MULH: Form = form("mulh", 0x0200_1033, DST);
pub const DIV: Form = form("div", 0x0200_4033, DST);
pub const REM: Form = form("rem", 0x0200_6033, DST);

pub const ADDI: Form = form("addi", 0x0000_0013, DSI);
pub const ADDIW: Form = form("addiw", 0x0000_001b, DSI);
pub const ANDI: Form = form("andi", 0x0000_7013, DSI);
pub const ORI: Form = form("ori", 0x0000_6013, DSI);
pub const XORI: Form = form("xori", 0x0000_4013, DSI);
pub const SLTI: Form = form("slti", 0x0000_2013, DSI);
pub const SLTIU: Form = form("sltiu", 0x0000_3013, DSI);
pub const SLLI: Form = form("slli", 0x0000_1013, SHIFT);
pub const SRLI: Form = form("srli", 0x0000_5013, SHIFT);
pub const SRAI: Form = form("srai", 0x4000_5013, SHIFT);
pub const LI: Form = form("li", 0x0000_0013, &[Reg(X, 7), Immediate]);
pub const LUI: Form = form("lui", 0x0000_0037, &[Reg(X, 7), Upper]);

pub const MV: Form = form("mv", 0x0000_0013, DS);
pub const NOT: Form = form("not", 0xfff0_4013, DS);
pub const SEQZ: Form = form("seqz", 0x0010_3013, DS);
pub const NEG: Form = form("neg", 0x4000_0033, DT);
pub const SNEZ: Form = form("snez", 0x0000_3033, DT);

/// Whether zero is less.
pub const SGTZ: Form = form("sgtz", 0x0000_2033, DT);

pub const JR: Form = form("jr", 0x0000_0067, &[Reg(X, 15)]);
pub const JALR: Form = form("jalr", 0x0000_00e7, &[Reg(X, 15)]);
pub const RET: Form = form("ret", 0x0000_8067, &[]);
/// Writes to a register that can only be read.
pub const UNIMP: Form = form("unimp", 0xc000_1073, &[]);

pub const FADD: Form = form("fadd.d", 0x0200_7053, FLOATS);
pub const FSUB: Form = form("fsub.d", 0x0a00_7053, FLOATS);
pub const FMUL: Form = form("fmul.d", 0x1200_7053, FLOATS);
pub const FDIV: Form = form("fdiv.d", 0x1a00_7053, FLOATS);
pub const FEQ: Form = form("feq.d", 0xa200_2053, FLOAT_TEST);
pub const FLT: Form = form("flt.d", 0xa200_1053, FLOAT_TEST);
pub const FLE: Form = form("fle.d", 0xa200_0053, FLOAT_TEST);
pub const FMV: Form = form("fmv.d", 0x2200_0053, SIGN);
pub const FNEG: Form = form("fneg.d", 0x2200_1053, SIGN);
pub const FABS: Form = form("fabs.d", 0x2200_2053, SIGN);
pub const FSQRT: Form = form("fsqrt.d", 0x5a00_7053, &[Reg(D, 7), Reg(D, 15)]);
pub const FMV_X: Form = form("fmv.x.d", 0xe200_0053, &[Reg(X, 7), Reg(D, 15)]);
pub const FMV_D: Form = form("fmv.d.x", 0xf200_0053, &[Reg(D, 7), Reg(X, 15)]);
pub const FCVT_D: Form = form("fcvt.d.l", 0xd220_7053, &[Reg(D, 7), Reg(X, 15)]);
/// Rounds towards zero.
pub const FCVT_L: Form = form("fcvt.l.d", 0xc220_1053, &[Reg(X, 7), Reg(D, 15)]);

/// Loads by width: byte, four bytes, word, double.
pub const LOADS: [Form; 4] = [
    form("lbu", 0x0000_4003, &[Reg(X, 7), Load]),
    form("lwu", 0x0000_6003, &[Reg(X, 7), Load]),
    form("ld", 0x0000_3003, &[Reg(X, 7), Load]),
    form("fld", 0x0000_3007, &[Reg(D, 7), Load]),
];
/// Stores by width.
pub const STORES: [Form; 4] = [
    form("sb", 0x0000_0023, &[Reg(X, 20), Store]),
    form("sw", 0x0000_2023, &[Reg(X, 20), Store]),
    form("sd", 0x0000_3023, &[Reg(X, 20), Store]),
    form("fsd", 0x0000_3027, &[Reg(D, 20), Store]),
];
/// Index of the access to words.
pub const WORD: usize = 2;
/// Index of the access to doubles.
pub const DOUBLE: usize = 3;

const WORDS: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s2",
    "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];
const DOUBLES: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4", "fa5",
    "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11",
];

fn register_name(kind: Kind, number: i64) -> &'static str {
    match kind {
        X => WORDS[number as usize],
        D => DOUBLES[number as usize],
    }
}

/// Whether a number is an immediate.
pub fn is_immediate(number: i64) -> bool {
    (-0x800..0x800).contains(&number)
}

impl Field {
    /// How many values it takes.
    fn arity(self) -> usize {
        match self {
            Load | Store => 2,
            _ => 1,
        }
    }

    fn bits(self, values: &[i64]) -> u32 {
        let value = values[0] as u32;
        debug_assert!(!matches!(self, Immediate | Load | Store) || is_immediate(values[0]));
        match self {
            Reg(_, at) => value << at,
            Twice(at, again) => value << at | value << again,
            Immediate | Count => value << 20,
            Upper => value << 12,
            Load => value << 20 | (values[1] as u32) << 15,
            Store => (value >> 5 & 0x7f) << 25 | (value & 0x1f) << 7 | (values[1] as u32) << 15,
        }
    }

    fn text(self, values: &[i64]) -> String {
        match self {
            Reg(kind, _) => register_name(kind, values[0]).into(),
            Twice(..) => register_name(D, values[0]).into(),
            Immediate | Count => values[0].to_string(),
            Upper => (values[0] & 0xf_ffff).to_string(),
            Load | Store => format!("{}({})", values[0], register_name(X, values[1])),
        }
    }
}

/// Append an instruction; the values are those of its fields, in order.
pub fn put(code: &mut CodeBuffer, form: Form, values: &[i64]) {
    let each = || {
        let mut rest = values;
        form.fields.iter().map(move |field| {
            let (now, later) = rest.split_at(field.arity());
            rest = later;
            (*field, now)
        })
    };
    code.note(|| {
        let rounds = (form.name == "fcvt.l.d").then(|| "rtz".to_string());
        let fields: Vec<String> = each().map(|(field, values)| field.text(values)).chain(rounds).collect();
        format!("{} {}", form.name, fields.join(", ")).trim_end().into()
    });
    let bits = each().fold(form.bits, |bits, (field, values)| bits | field.bits(values));
    match compress(bits) {
        Some(half) => code.put(&half.to_le_bytes()),
        None => code.word32(bits),
    }
}

/// Append an instruction whose operands are registers.
pub fn registers<const N: usize>(code: &mut CodeBuffer, form: Form, numbers: [u8; N]) {
    put(code, form, &numbers.map(i64::from));
}

/// Append an instruction with two registers and an immediate.
pub fn immediate(code: &mut CodeBuffer, form: Form, to: u8, from: u8, number: i64) {
    put(code, form, &[to.into(), from.into(), number]);
}

/// A constant, in pieces.
pub fn constant(code: &mut CodeBuffer, to: u8, number: i64) {
    if is_immediate(number) {
        return put(code, LI, &[to.into(), number]);
    }
    let low = number << 52 >> 52;
    if i32::try_from(number).is_ok() {
        put(code, LUI, &[to.into(), number.wrapping_sub(low) << 32 >> 44]);
        if low != 0 {
            immediate(code, ADDIW, to, to, low);
        }
        return;
    }
    // A run of ones from bit 0, of zeros above.
    if number > 0 && number & number.wrapping_add(1) == 0 {
        put(code, LI, &[to.into(), -1]);
        return immediate(code, SRLI, to, to, number.leading_zeros().into());
    }
    // What the last sum does not add, without its trailing zeros.
    let high = number.wrapping_sub(low);
    let zeros = high.trailing_zeros();
    constant(code, to, high >> zeros);
    immediate(code, SLLI, to, to, zeros.into());
    if low != 0 {
        immediate(code, ADDI, to, to, low);
    }
}

/// A base and an offset that fits an instruction, for an offset that may not.
fn near(code: &mut CodeBuffer, base: u8, offset: i64, scratch: u8) -> (u8, i64) {
    if is_immediate(offset) {
        return (base, offset);
    }
    let low = offset << 52 >> 52;
    constant(code, scratch, offset - low);
    registers(code, ADD, [scratch, scratch, base]);
    (scratch, low)
}

/// Load or store at base plus offset; an offset that does not fit goes to `scratch`.
pub fn access(code: &mut CodeBuffer, form: Form, register: u8, base: u8, offset: i64, scratch: u8) {
    let (base, offset) = near(code, base, offset, scratch);
    put(code, form, &[register.into(), offset, base.into()]);
}

/// Add a number to a register.
pub fn add_number(code: &mut CodeBuffer, to: u8, from: u8, number: i64) {
    if is_immediate(number) {
        return immediate(code, ADDI, to, from, number);
    }
    constant(code, SCRATCH, number);
    registers(code, ADD, [to, from, SCRATCH]);
}

/// What a branch compares: the lowest bit negates, or changes less for at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Test {
    /// Index into `CONDITIONS`.
    pub condition: u8,
    /// What is compared.
    pub operands: [u8; 2],
}

/// Conditions of branches. The lowest bit negates.
pub mod condition {
    pub const EQUAL: u8 = 0;
    pub const NOT_EQUAL: u8 = 1;
    pub const LESS: u8 = 2;
    pub const AT_LEAST: u8 = 3;
    pub const BELOW: u8 = 4;
    pub const NOT_BELOW: u8 = 5;
}
const CONDITIONS: [&str; 6] = ["eq", "ne", "lt", "ge", "ltu", "geu"];

impl Test {
    /// The test that holds exactly when this one does not.
    pub fn opposite(self) -> Test {
        Test { condition: self.condition ^ 1, ..self }
    }

    fn text(self) -> String {
        let name = CONDITIONS[self.condition as usize];
        let [a, b] = self.operands.map(|number| register_name(X, number.into()));
        match (self.operands, self.condition) {
            ([_, ZERO], condition::EQUAL..=condition::AT_LEAST) => format!("b{name}z {a},"),
            ([ZERO, _], condition::LESS) => format!("bgtz {b},"),
            ([ZERO, _], condition::AT_LEAST) => format!("blez {b},"),
            _ => format!("b{name} {a}, {b},"),
        }
    }

    fn bits(self) -> u32 {
        let function = [0, 1, 4, 5, 6, 7][self.condition as usize];
        let [a, b] = self.operands.map(u32::from);
        0x63 | function << 12 | a << 15 | b << 20
    }

    /// The form of two bytes, without a distance.
    fn short(self) -> Option<u16> {
        let [a, b] = self.operands;
        let fits = self.condition <= condition::NOT_EQUAL && b == ZERO && (8..16).contains(&a);
        fits.then(|| 0xc001 | u16::from(self.condition) << 13 | u16::from(a - 8) << 7)
    }
}

/// How far a field of so many bits reaches.
fn reaches(bits: u32, distance: Option<i64>) -> bool {
    distance.is_some_and(|distance| (-1 << (bits - 1)..1 << (bits - 1)).contains(&distance))
}

/// Jump to a label if the test holds: past a jump on the opposite if the label may be too far.
pub fn jump_if(code: &mut CodeBuffer, test: Test, label: Label) {
    let distance = code.distance(label);
    if let Some(half) = test.short().filter(|_| reaches(9, distance)) {
        code.note_jump(label, || test.text());
        code.refer(SHORT_BRANCH, label);
        return code.put(&half.to_le_bytes());
    }
    if reaches(13, distance) {
        code.note_jump(label, || test.text());
        code.refer(BRANCH, label);
        return code.word32(test.bits());
    }
    past_jump(code, test.opposite(), distance);
    jump(code, label);
}

/// A branch over the jump that follows, to a label that lies so far from here.
fn past_jump(code: &mut CodeBuffer, test: Test, distance: Option<i64>) {
    let half = test.short();
    let own = if half.is_some() { 2 } else { 4 };
    let skip = own + jump_length(distance.map(|distance| distance - i64::from(own)));
    let past = code.offset() + skip;
    code.note(|| format!("{} {past:#x}", test.text()));
    match half {
        Some(half) => code.put(&(half | scatter(skip, &SHORT_BRANCH_BITS) as u16).to_le_bytes()),
        None => code.word32(test.bits() | skip << 7),
    }
}

fn jump_length(distance: Option<i64>) -> u32 {
    match distance {
        _ if reaches(12, distance) => 2,
        _ if reaches(21, distance) => 4,
        _ => 8,
    }
}

/// Jump to a label.
pub fn jump(code: &mut CodeBuffer, label: Label) {
    match jump_length(code.distance(label)) {
        2 => {
            code.note_jump(label, || "j".into());
            code.refer(SHORT_JUMP, label);
            code.put(&0xa001u16.to_le_bytes());
        }
        4 => {
            code.note_jump(label, || "j".into());
            code.refer(JUMP, label);
            code.word32(0x0000_006f);
        }
        _ => {
            code.note_jump(label, || "tail".into());
            code.refer(CALL, label);
            far_jump(code, false);
        }
    }
}

/// The two instructions that jump anywhere, or call.
fn far_jump(code: &mut CodeBuffer, call: bool) {
    let (through, link) = if call { (LINK, LINK) } else { (SCRATCH, ZERO) };
    code.word32(0x0000_0017 | u32::from(through) << 7);
    code.word32(0x0000_0067 | u32::from(link) << 7 | u32::from(through) << 15);
}

/// Call or jump to a function of the unit.
pub fn reach(code: &mut CodeBuffer, call: bool, target: FixupTarget) {
    code.note(|| format!("{} {}", if call { "call" } else { "tail" }, target));
    code.fixup(CALL, target, 0);
    far_jump(code, call);
}

/// The address of something in the image (`load` false), or the word that lies there.
pub fn image(code: &mut CodeBuffer, to: u8, target: FixupTarget, load: bool) {
    let name = register_name(X, to.into());
    code.note(|| format!("{} {name}, {}", if load { "ld" } else { "lla" }, target));
    code.fixup(ADDRESS, target, 0);
    let to = u32::from(to);
    code.word32(0x0000_0017 | to << 7);
    code.word32(if load { 0x0000_3003 } else { 0x0000_0013 } | to << 7 | to << 15);
}

/// Bits of a number at other places: each pair of the list has the number's bit and the bit that it becomes.
fn scatter(number: u32, places: &[(u32, u32)]) -> u32 {
    places.iter().fold(0, |bits, (from, to)| bits | (number >> from & 1) << to)
}

const SHORT_BRANCH_BITS: [(u32, u32); 8] = [(8, 12), (4, 11), (3, 10), (7, 6), (6, 5), (2, 4), (1, 3), (5, 2)];
const SHORT_JUMP_BITS: [(u32, u32); 11] =
    [(11, 12), (4, 11), (9, 10), (8, 9), (10, 8), (6, 7), (7, 6), (3, 5), (2, 4), (1, 3), (5, 2)];

/// Write an address into an instruction.
///
/// # Errors
/// When it does not fit, or is not aligned.
pub fn patch(kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
    let value = to.wrapping_sub(from) as i64;
    let number = value as u32;
    let (bits, unit) = match kind {
        BRANCH => (13, 2),
        JUMP => (21, 2),
        SHORT_BRANCH => (9, 2),
        SHORT_JUMP => (12, 2),
        _ => (32, 1),
    };
    // The low part of two has a sign, so that the high part may be one more.
    let fits = match bits {
        32 => i32::try_from(value.saturating_add(0x800)).is_ok(),
        _ => reaches(bits, Some(value)),
    };
    if !fits || value % unit != 0 {
        return Err(OutOfRange { value, bits });
    }
    let mut or = |at: usize, bits: &[u8]| site[at..].iter_mut().zip(bits).for_each(|(byte, bits)| *byte |= bits);
    match kind {
        BRANCH => {
            let ends = (number >> 12 & 1) << 31 | (number >> 11 & 1) << 7;
            or(0, &(ends | (number >> 5 & 0x3f) << 25 | (number >> 1 & 0xf) << 8).to_le_bytes());
        }
        JUMP => {
            let ends = (number >> 20 & 1) << 31 | (number >> 11 & 1) << 20;
            or(0, &(ends | (number >> 1 & 0x3ff) << 21 | number & 0xf_f000).to_le_bytes());
        }
        SHORT_BRANCH => or(0, &(scatter(number, &SHORT_BRANCH_BITS) as u16).to_le_bytes()),
        SHORT_JUMP => or(0, &(scatter(number, &SHORT_JUMP_BITS) as u16).to_le_bytes()),
        _ => {
            or(0, &(number.wrapping_add(0x800) & 0xffff_f000).to_le_bytes());
            or(4, &(number << 20).to_le_bytes());
        }
    }
    Ok(())
}
