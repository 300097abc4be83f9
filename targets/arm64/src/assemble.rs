//! Instruction forms of the CPU: bytes and text of each, from one table row.
//!
//! Every instruction is one word of 32 bits. A row holds the bits that never change and the fields in the order in
//! which assembly text names them; [`put`] walks over the fields once for the bits and once for the text. The
//! manual: Arm Architecture Reference Manual for A-profile, chapter C4 (encodings) and C6, C7 (instructions).

use maru_core::codegen::{CodeBuffer, FixupKind, FixupTarget, Label, OutOfRange};

/// First scratch register: never allocated, may be destroyed by any opcode and by moves to and from spill slots.
pub const SCRATCH: u8 = 16;
/// Second scratch register.
pub const SCRATCH_2: u8 = 17;
/// The frame pointer.
pub const FRAME: u8 = 29;
/// The link register.
pub const LINK: u8 = 30;
/// As a base or in arithmetic with an immediate, the stack pointer.
pub const SP: u8 = 31;
/// Elsewhere, the zero register.
pub const ZERO: u8 = 31;

/// A distance in words in the 14 bits from bit 5: bit tests.
pub const DISTANCE_14: FixupKind = FixupKind(0);
/// In the 19 bits from bit 5: conditional branches.
pub const DISTANCE_19: FixupKind = FixupKind(1);
/// In the 26 bits from bit 0: branches and calls.
pub const DISTANCE_26: FixupKind = FixupKind(2);
/// A distance in pages of 4 KiB: `adrp`.
pub const PAGE: FixupKind = FixupKind(3);
/// The address within its page, in bytes: `add`.
pub const IN_PAGE: FixupKind = FixupKind(4);
/// The address within its page, in words of 8 bytes: `ldr`.
pub const IN_PAGE_WORD: FixupKind = FixupKind(5);

/// What a register operand is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// 64 bits, number 31 is zero.
    X,
    /// 64 bits, number 31 is the stack pointer.
    P,
    /// Low 32 bits, number 31 is zero.
    W,
    /// A double.
    D,
}
use Kind::*;

/// A field of an instruction, in the order of the text. Most take one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// A register at a bit.
    Reg(Kind, u8),
    /// A register that is written into two fields.
    Twice(Kind, u8, u8),
    /// An unsigned number at a bit.
    Number(u8),
    /// A number of 12 bits, or of 12 bits shifted left by 12.
    Arithmetic,
    /// A bitmask immediate.
    Bitmask,
    /// The count of `lsl`, which is encoded as a bit field's move.
    ShiftLeft,
    /// The number of a bit that is moved to bit 0, alone.
    OneBit,
    /// Another operand's arithmetic shift to the right.
    ShiftedRight,
    /// Another operand's shift to the left.
    ShiftedLeft,
    /// Sixteen bits of a word that is zero (`false`) or one (`true`) elsewhere.
    Wide(bool),
    /// Sixteen bits, the rest is kept. Two values: bits and their place.
    Keep,
    /// A double of 8 bits.
    Float,
    /// A condition, encoded as its opposite.
    Opposite,
    /// Two values: base and an offset in units of `1 << scale` bytes.
    Scaled(u8),
    /// Two values: base and an offset in bytes.
    Unscaled,
    /// Three values: base, index, and by how much that is shifted, if at all.
    Indexed,
    /// Two values: base and an offset in words.
    Pair,
    /// As `Pair`; the base is moved before.
    Before,
    /// As `Pair`; the base is moved after.
    After,
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

const DNM: &[Field] = &[Reg(X, 0), Reg(X, 5), Reg(X, 16)];
const DNMA: &[Field] = &[Reg(X, 0), Reg(X, 5), Reg(X, 16), Reg(X, 10)];
const DM: &[Field] = &[Reg(X, 0), Reg(X, 16)];
const NM: &[Field] = &[Reg(X, 5), Reg(X, 16)];
const FLOATS: &[Field] = &[Reg(D, 0), Reg(D, 5), Reg(D, 16)];
const FLOAT: &[Field] = &[Reg(D, 0), Reg(D, 5)];
const LOGICAL: &[Field] = &[Reg(X, 0), Reg(X, 5), Bitmask];
const SHIFT: &[Field] = &[Reg(X, 0), Reg(X, 5), Number(16)];
const PAIR: &[Field] = &[Reg(X, 0), Reg(X, 10), Pair];
const FLOAT_PAIR: &[Field] = &[Reg(D, 0), Reg(D, 10), Pair];

pub const ADD: Form = form("add", 0x8b00_0000, DNM);
pub const SUB: Form = form("sub", 0xcb00_0000, DNM);
pub const ADDS: Form = form("adds", 0xab00_0000, DNM);
pub const SUBS: Form = form("subs", 0xeb00_0000, DNM);
pub const AND: Form = form("and", 0x8a00_0000, DNM);
pub const ORR: Form = form("orr", 0xaa00_0000, DNM);
pub const EOR: Form = form("eor", 0xca00_0000, DNM);
pub const LSL: Form = form("lsl", 0x9ac0_2000, DNM);
pub const LSR: Form = form("lsr", 0x9ac0_2400, DNM);
pub const ASR: Form = form("asr", 0x9ac0_2800, DNM);
pub const ROR: Form = form("ror", 0x9ac0_2c00, DNM);
pub const MUL: Form = form("mul", 0x9b00_7c00, DNM);
pub const SMULH: Form = form("smulh", 0x9b40_7c00, DNM);
pub const SDIV: Form = form("sdiv", 0x9ac0_0c00, DNM);
pub const ADD_SHIFTED: Form = form("add", 0x8b00_0000, &[Reg(X, 0), Reg(X, 5), Reg(X, 16), ShiftedLeft]);
pub const MADD: Form = form("madd", 0x9b00_0000, DNMA);
pub const MSUB: Form = form("msub", 0x9b00_8000, DNMA);
pub const NEG: Form = form("neg", 0xcb00_03e0, DM);
pub const MVN: Form = form("mvn", 0xaa20_03e0, DM);
pub const MOV: Form = form("mov", 0xaa00_03e0, DM);
pub const MOV_SP: Form = form("mov", 0x9100_0000, &[Reg(P, 0), Reg(P, 5)]);
pub const CMP: Form = form("cmp", 0xeb00_001f, NM);
pub const TST: Form = form("tst", 0xea00_001f, NM);
pub const CMP_SIGN: Form = form("cmp", 0xeb80_001f, &[Reg(X, 5), Reg(X, 16), ShiftedRight]);

pub const ADD_IMM: Form = form("add", 0x9100_0000, &[Reg(P, 0), Reg(P, 5), Arithmetic]);
pub const SUB_IMM: Form = form("sub", 0xd100_0000, &[Reg(P, 0), Reg(P, 5), Arithmetic]);
pub const ADDS_IMM: Form = form("adds", 0xb100_0000, &[Reg(X, 0), Reg(P, 5), Arithmetic]);
pub const SUBS_IMM: Form = form("subs", 0xf100_0000, &[Reg(X, 0), Reg(P, 5), Arithmetic]);
pub const CMP_IMM: Form = form("cmp", 0xf100_001f, &[Reg(P, 5), Arithmetic]);
pub const CMN_IMM: Form = form("cmn", 0xb100_001f, &[Reg(P, 5), Arithmetic]);
pub const ADD_SP: Form = form("add", 0x8b20_6000, &[Reg(P, 0), Reg(P, 5), Reg(X, 16)]);
pub const SUB_SP: Form = form("sub", 0xcb20_6000, &[Reg(P, 0), Reg(P, 5), Reg(X, 16)]);
pub const AND_IMM: Form = form("and", 0x9200_0000, LOGICAL);
pub const ORR_IMM: Form = form("orr", 0xb200_0000, LOGICAL);
pub const EOR_IMM: Form = form("eor", 0xd200_0000, LOGICAL);
pub const TST_IMM: Form = form("tst", 0xf200_001f, &[Reg(X, 5), Bitmask]);
pub const LSL_IMM: Form = form("lsl", 0xd340_0000, &[Reg(X, 0), Reg(X, 5), ShiftLeft]);
pub const LSR_IMM: Form = form("lsr", 0xd340_fc00, SHIFT);
pub const ASR_IMM: Form = form("asr", 0x9340_fc00, SHIFT);
pub const ROR_IMM: Form = form("ror", 0x93c0_0000, &[Reg(X, 0), Twice(X, 5, 16), Number(10)]);
/// One bit, at the number.
pub const UBFX_1: Form = form("ubfx", 0xd340_0000, &[Reg(X, 0), Reg(X, 5), OneBit]);
pub const MOVZ: Form = form("mov", 0xd280_0000, &[Reg(X, 0), Wide(false)]);
pub const MOVN: Form = form("mov", 0x9280_0000, &[Reg(X, 0), Wide(true)]);
pub const MOVK: Form = form("movk", 0xf280_0000, &[Reg(X, 0), Keep]);
pub const MOV_BITMASK: Form = form("mov", 0xb200_03e0, &[Reg(X, 0), Bitmask]);
pub const CSET: Form = form("cset", 0x9a9f_07e0, &[Reg(X, 0), Opposite]);

pub const STP_BEFORE: Form = form("stp", 0xa980_0000, &[Reg(X, 0), Reg(X, 10), Before]);
pub const LDP_AFTER: Form = form("ldp", 0xa8c0_0000, &[Reg(X, 0), Reg(X, 10), After]);
pub const STP: Form = form("stp", 0xa900_0000, PAIR);
pub const LDP: Form = form("ldp", 0xa940_0000, PAIR);
pub const STP_DOUBLES: Form = form("stp", 0x6d00_0000, FLOAT_PAIR);
pub const LDP_DOUBLES: Form = form("ldp", 0x6d40_0000, FLOAT_PAIR);

pub const BLR: Form = form("blr", 0xd63f_0000, &[Reg(X, 5)]);
pub const BR: Form = form("br", 0xd61f_0000, &[Reg(X, 5)]);
pub const RET: Form = form("ret", 0xd65f_03c0, &[]);
pub const UDF: Form = form("udf", 0, &[Number(0)]);

pub const FADD: Form = form("fadd", 0x1e60_2800, FLOATS);
pub const FSUB: Form = form("fsub", 0x1e60_3800, FLOATS);
pub const FMUL: Form = form("fmul", 0x1e60_0800, FLOATS);
pub const FDIV: Form = form("fdiv", 0x1e60_1800, FLOATS);
pub const FNEG: Form = form("fneg", 0x1e61_4000, FLOAT);
pub const FABS: Form = form("fabs", 0x1e60_c000, FLOAT);
pub const FSQRT: Form = form("fsqrt", 0x1e61_c000, FLOAT);
pub const FMOV: Form = form("fmov", 0x1e60_4000, FLOAT);
pub const FMOV_IMM: Form = form("fmov", 0x1e60_1000, &[Reg(D, 0), Float]);
pub const FMOV_TO: Form = form("fmov", 0x9e66_0000, &[Reg(X, 0), Reg(D, 5)]);
pub const FMOV_FROM: Form = form("fmov", 0x9e67_0000, &[Reg(D, 0), Reg(X, 5)]);
pub const FCMP: Form = form("fcmp", 0x1e60_2000, &[Reg(D, 5), Reg(D, 16)]);
pub const SCVTF: Form = form("scvtf", 0x9e62_0000, &[Reg(D, 0), Reg(X, 5)]);
pub const FCVTZS: Form = form("fcvtzs", 0x9e78_0000, &[Reg(X, 0), Reg(D, 5)]);

/// Access to memory by width: byte, four bytes, word, double.
pub struct Access {
    scaled: Form,
    unscaled: Form,
    indexed: Form,
    /// Logarithm of its size.
    pub scale: u8,
}

macro_rules! access {
    ($names:expr, $kind:expr, $scale:expr, $scaled:expr) => {
        Access {
            scaled: form($names[0], $scaled, &[Reg($kind, 0), Scaled($scale)]),
            unscaled: form($names[1], $scaled & !(1 << 24), &[Reg($kind, 0), Unscaled]),
            indexed: form($names[0], ($scaled & !(1 << 24)) | 0x0020_6800, &[Reg($kind, 0), Indexed]),
            scale: $scale,
        }
    };
}

pub const LOADS: [Access; 4] = [
    access!(["ldrb", "ldurb"], W, 0, 0x3940_0000),
    access!(["ldr", "ldur"], W, 2, 0xb940_0000),
    access!(["ldr", "ldur"], X, 3, 0xf940_0000),
    access!(["ldr", "ldur"], D, 3, 0xfd40_0000),
];
pub const STORES: [Access; 4] = [
    access!(["strb", "sturb"], W, 0, 0x3900_0000),
    access!(["str", "stur"], W, 2, 0xb900_0000),
    access!(["str", "stur"], X, 3, 0xf900_0000),
    access!(["str", "stur"], D, 3, 0xfd00_0000),
];
/// Index of the access to words.
pub const WORD: usize = 2;
/// Index of the access to doubles.
pub const DOUBLE: usize = 3;

/// Condition codes. The lowest bit negates.
pub mod condition {
    pub const EQUAL: u8 = 0;
    pub const NOT_EQUAL: u8 = 1;
    pub const AT_LEAST: u8 = 2;
    pub const BELOW: u8 = 3;
    pub const MINUS: u8 = 4;
    pub const OVERFLOW: u8 = 6;
    pub const ABOVE: u8 = 8;
    pub const AT_MOST: u8 = 9;
    pub const GREATER_EQUAL: u8 = 10;
    pub const LESS: u8 = 11;
    pub const GREATER: u8 = 12;
    pub const LESS_EQUAL: u8 = 13;
}
const CONDITION: [&str; 14] = ["eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"];

/// The thirteen bits of a bitmask immediate, at their place: a run of ones, rotated, repeated.
pub fn bitmask(word: u64) -> Option<u32> {
    if word == 0 || word == u64::MAX {
        return None;
    }
    let repeats = |size: &u32| word == word.rotate_right(*size);
    let size = [2, 4, 8, 16, 32, 64].into_iter().find(repeats)?;
    let ones = (word & (u64::MAX >> (64 - size))).count_ones();
    let mut run = u64::MAX >> (64 - ones);
    for step in (1..6).map(|step| 1 << step).filter(|step| *step >= size) {
        run |= run << step;
    }
    let rotation = (0..size).find(|rotation| run.rotate_right(*rotation) == word)?;
    let length = (!(2 * size - 1) & 0x3f) | (ones - 1);
    Some(u32::from(size == 64) << 22 | rotation << 16 | length << 10)
}

/// Whether a number is an immediate of `add` and its like.
pub fn is_arithmetic(number: i64) -> bool {
    matches!(number, 0..=0xfff) || number & !0xff_f000 == 0
}

/// The eight bits of a double that `fmov` takes: sign, exponent from -3 to 4, four bits of the fraction.
pub fn float_bits(bits: u64) -> Option<i64> {
    let exponent = (bits >> 52 & 0x7ff) as i64 - 1023;
    let fits = bits << 16 == 0 && (-3..=4).contains(&exponent);
    let packed = (bits >> 56 & 0x80) | ((exponent - 1) as u64 & 7) << 4 | (bits >> 48 & 0xf);
    fits.then_some(packed as i64)
}

fn float_of(packed: i64) -> f64 {
    let exponent = ((packed >> 4 & 7) ^ 4) - 3;
    let magnitude = (16 + (packed & 15)) as f64 / 16.0 * 2f64.powi(exponent as i32);
    if packed & 0x80 == 0 {
        magnitude
    } else {
        -magnitude
    }
}

fn register_name(kind: Kind, number: i64) -> String {
    match (kind, number) {
        (P, 31) => "sp".into(),
        (X, 31) => "xzr".into(),
        (W, 31) => "wzr".into(),
        (X | P, _) => format!("x{number}"),
        (W, _) => format!("w{number}"),
        (D, _) => format!("d{number}"),
    }
}

fn offset_text(offset: i64) -> String {
    if offset == 0 {
        String::new()
    } else {
        format!(", #{offset}")
    }
}

impl Field {
    /// How many values it takes.
    fn arity(self) -> usize {
        match self {
            Keep | Scaled(_) | Unscaled | Pair | Before | After => 2,
            Indexed => 3,
            _ => 1,
        }
    }

    fn bits(self, values: &[i64]) -> u32 {
        let value = values[0];
        let base = (value as u32) << 5;
        let pair = |values: &[i64]| base | (values[1] as u32 >> 3 & 0x7f) << 15;
        match self {
            Reg(_, at) | Number(at) => (value as u32) << at,
            Twice(_, at, again) => (value as u32) << at | (value as u32) << again,
            Arithmetic if value <= 0xfff => (value as u32) << 10,
            Arithmetic => 1 << 22 | (value as u32 >> 12) << 10,
            Bitmask => bitmask(value as u64).expect("a bitmask"),
            ShiftLeft => (value.wrapping_neg() as u32 & 63) << 16 | (63 - value as u32) << 10,
            ShiftedLeft | ShiftedRight => (value as u32) << 10,
            OneBit => (value as u32) << 16 | (value as u32) << 10,
            Wide(ones) => {
                let word = if ones { !value } else { value } as u64;
                let place = word.trailing_zeros() % 64 / 16;
                place << 21 | ((word >> (16 * place)) as u32 & 0xffff) << 5
            }
            Keep => (values[1] as u32) << 21 | (value as u32) << 5,
            Float => (value as u32) << 13,
            Opposite => (value as u32 ^ 1) << 12,
            Scaled(scale) => base | (values[1] as u32 >> scale) << 10,
            Unscaled => base | (values[1] as u32 & 0x1ff) << 12,
            Indexed => base | (values[1] as u32) << 16 | u32::from(values[2] != 0) << 12,
            Pair | Before | After => pair(values),
        }
    }

    fn text(self, values: &[i64]) -> String {
        let value = values[0];
        let base = || register_name(P, value);
        match self {
            Reg(kind, _) | Twice(kind, ..) => register_name(kind, value),
            Number(_) | Arithmetic | ShiftLeft | Wide(_) | Bitmask => format!("#{value}"),
            ShiftedLeft => format!("lsl #{value}"),
            ShiftedRight => format!("asr #{value}"),
            OneBit => format!("#{value}, #1"),
            Keep => match values[1] {
                0 => format!("#{value}"),
                place => format!("#{value}, lsl #{}", 16 * place),
            },
            Float => format!("#{:?}", float_of(value)),
            Opposite => CONDITION[value as usize].into(),
            Scaled(_) | Unscaled | Pair => format!("[{}{}]", base(), offset_text(values[1])),
            Before => format!("[{}, #{}]!", base(), values[1]),
            After => format!("[{}], #{}", base(), values[1]),
            Indexed => match values[2] {
                0 => format!("[{}, {}]", base(), register_name(X, values[1])),
                shift => format!("[{}, {}, lsl #{shift}]", base(), register_name(X, values[1])),
            },
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
        let fields: Vec<String> = each().map(|(field, values)| field.text(values)).collect();
        format!("{} {}", form.name, fields.join(", ")).trim_end().into()
    });
    code.word32(each().fold(form.bits, |bits, (field, values)| bits | field.bits(values)));
}

/// Append an instruction whose operands are registers.
pub fn registers<const N: usize>(code: &mut CodeBuffer, form: Form, numbers: [u8; N]) {
    put(code, form, &numbers.map(i64::from));
}

/// Append an instruction with two registers and an immediate.
pub fn immediate(code: &mut CodeBuffer, form: Form, to: u8, from: u8, number: i64) {
    put(code, form, &[to.into(), from.into(), number]);
}

/// A constant, by as few instructions as there are ways to make it. No flags change.
pub fn constant(code: &mut CodeBuffer, to: u8, number: i64) {
    let word = number as u64;
    let chunk = |place: u32| word >> (16 * place) & 0xffff;
    let count = |kind: u64| (0..4).filter(|place| chunk(*place) != kind).count();
    let (positive, negative) = (count(0), count(0xffff));
    let to_value = i64::from(to);
    if positive > 1 && negative > 1 && bitmask(word).is_some() {
        return put(code, MOV_BITMASK, &[to_value, number]);
    }
    let ones = negative < positive;
    let kind = if ones { 0xffff } else { 0 };
    let first = (0..4).find(|place| chunk(*place) != kind).unwrap_or(0);
    let start = if ones { !((chunk(first) ^ 0xffff) << (16 * first)) } else { chunk(first) << (16 * first) };
    put(code, if ones { MOVN } else { MOVZ }, &[to_value, start as i64]);
    for place in (first + 1..4).filter(|place| chunk(*place) != kind) {
        put(code, MOVK, &[to_value, chunk(place) as i64, place.into()]);
    }
}

/// Load or store at base plus offset; an offset that no form takes goes to `scratch`.
pub fn access(code: &mut CodeBuffer, access: &Access, register: u8, base: u8, offset: i64, scratch: u8) {
    let values = [register.into(), base.into(), offset];
    if offset >= 0 && offset >> access.scale < 0x1000 && offset & ((1 << access.scale) - 1) == 0 {
        put(code, access.scaled, &values);
    } else if (-256..256).contains(&offset) {
        put(code, access.unscaled, &values);
    } else {
        constant(code, scratch, offset);
        access_indexed(code, access, register, base, scratch, false);
    }
}

/// Load or store at base plus index, which may count items.
pub fn access_indexed(code: &mut CodeBuffer, access: &Access, register: u8, base: u8, index: u8, items: bool) {
    let shift = if items { access.scale } else { 0 };
    put(code, access.indexed, &[register, base, index, shift].map(i64::from));
}

/// Add a number to a register, the stack pointer not excluded; `moved` hears of each step. No flags change.
pub fn add_number(code: &mut CodeBuffer, to: u8, from: u8, number: i64, mut moved: impl FnMut(&mut CodeBuffer, i64)) {
    let (form, far, size) = match number {
        0.. => (ADD_IMM, ADD_SP, number),
        _ => (SUB_IMM, SUB_SP, number.wrapping_neg()),
    };
    let sign = number.signum();
    if is_arithmetic(size) {
        immediate(code, form, to, from, size);
        moved(code, number);
    } else if (0..1 << 24).contains(&size) {
        immediate(code, form, to, from, size & !0xfff);
        moved(code, sign * (size & !0xfff));
        immediate(code, form, to, to, size & 0xfff);
        moved(code, number);
    } else {
        constant(code, SCRATCH, size);
        registers(code, far, [to, from, SCRATCH]);
        moved(code, number);
    }
}

/// What a conditional branch tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Test {
    /// A condition code.
    Flags(u8),
    /// Whether a register is zero, or is not.
    Zero(u8, bool),
    /// Whether a bit of a register is zero, or is not.
    Bit(u8, u8, bool),
}

impl Test {
    /// The test that holds exactly when this one does not.
    pub fn opposite(self) -> Test {
        match self {
            Test::Flags(code) => Test::Flags(code ^ 1),
            Test::Zero(register, zero) => Test::Zero(register, !zero),
            Test::Bit(register, bit, zero) => Test::Bit(register, bit, !zero),
        }
    }
    fn text(self) -> String {
        let n = |zero| if zero { "" } else { "n" };
        match self {
            Test::Flags(code) => format!("b.{}", CONDITION[code as usize]),
            Test::Zero(register, zero) => format!("cb{}z {},", n(zero), register_name(X, register.into())),
            Test::Bit(register, bit, zero) => {
                format!("tb{}z {}, #{bit},", n(zero), register_name(X, register.into()))
            }
        }
    }
    fn bits(self) -> u32 {
        match self {
            Test::Flags(code) => 0x5400_0000 | u32::from(code),
            Test::Zero(register, zero) => 0xb400_0000 | u32::from(!zero) << 24 | u32::from(register),
            Test::Bit(register, bit, zero) => {
                let bit = u32::from(bit);
                0x3600_0000 | u32::from(!zero) << 24 | (bit & 31) << 19 | (bit >> 5) << 31 | u32::from(register)
            }
        }
    }
    fn kind(self) -> FixupKind {
        match self {
            Test::Bit(..) => DISTANCE_14,
            _ => DISTANCE_19,
        }
    }
}

/// Jump to a label if the test holds: past a plain jump on the opposite if the label may be too far.
pub fn jump_if(code: &mut CodeBuffer, test: Test, label: Label) {
    // Made in both passes, so that the labels after it have the same numbers in both.
    let past = code.label();
    let reach = 1 << (field(test.kind()).1 + 1);
    if code.distance(label).is_some_and(|distance| (-reach..reach).contains(&distance)) {
        code.note_jump(label, || test.text());
        code.refer(test.kind(), label);
        return code.word32(test.bits());
    }
    code.note_jump(past, || test.opposite().text());
    code.refer(test.kind(), past);
    code.word32(test.opposite().bits());
    jump(code, label);
    code.bind(past);
}

/// Jump to a label.
pub fn jump(code: &mut CodeBuffer, label: Label) {
    code.note_jump(label, || "b".into());
    code.refer(DISTANCE_26, label);
    code.word32(0x1400_0000);
}

/// Call or jump to a function of the unit.
pub fn reach(code: &mut CodeBuffer, call: bool, target: FixupTarget) {
    code.note(|| format!("{} {target}", if call { "bl" } else { "b" }));
    code.fixup(DISTANCE_26, target, 0);
    code.word32(if call { 0x9400_0000 } else { 0x1400_0000 });
}

/// The address of something in the image (`load` false), or the word that lies there.
pub fn image(code: &mut CodeBuffer, to: u8, target: FixupTarget, load: bool) {
    let register = u32::from(to);
    let name = register_name(X, to.into());
    code.note(|| format!("adrp {name}, {target}"));
    code.fixup(PAGE, target, 0);
    code.word32(0x9000_0000 | register);
    let (kind, bits) = if load { (IN_PAGE_WORD, 0xf940_0000) } else { (IN_PAGE, 0x9100_0000) };
    code.note(|| match load {
        true => format!("ldr {name}, [{name}, :lo12:{target}]"),
        false => format!("add {name}, {name}, :lo12:{target}"),
    });
    code.fixup(kind, target, 0);
    code.word32(bits | register << 5 | register);
}

/// First bit of a fixup's field, and its length.
fn field(kind: FixupKind) -> (u32, u32) {
    match kind {
        DISTANCE_14 => (5, 14),
        DISTANCE_19 => (5, 19),
        DISTANCE_26 => (0, 26),
        PAGE => (5, 21),
        _ => (10, 12),
    }
}

/// Write an address into an instruction.
///
/// # Errors
/// When it does not fit, or is not aligned.
pub fn patch(kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
    let (start, length) = field(kind);
    let (value, unit) = match kind {
        PAGE => ((to & !0xfff).wrapping_sub(from & !0xfff) as i64, 0x1000),
        IN_PAGE => ((to & 0xfff) as i64, 1),
        IN_PAGE_WORD => ((to & 0xfff) as i64, 8),
        _ => (to.wrapping_sub(from) as i64, 4),
    };
    let number = value / unit;
    let limit = 1 << (length - 1);
    let fits = matches!(kind, IN_PAGE | IN_PAGE_WORD) || (-limit..limit).contains(&number);
    if !fits || value % unit != 0 {
        return Err(OutOfRange { value, bits: length + unit.trailing_zeros() });
    }
    let number = number as u32 & ((1 << length) - 1);
    // `adrp` keeps its two lowest bits apart.
    let bits = if kind == PAGE { (number & 3) << 29 | (number >> 2) << 5 } else { number << start };
    let word = u32::from_le_bytes([site[0], site[1], site[2], site[3]]) | bits;
    site[..4].copy_from_slice(&word.to_le_bytes());
    Ok(())
}
