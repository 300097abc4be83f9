//! Instruction forms of the CPU: bytes and text of each, from one table row.
//!
//! An instruction has two, four or six bytes, the most significant first; the first two bits of its opcode tell which.
//! The manual: z/Architecture Principles of Operation, chapters 7 (general instructions) and 19 (binary floating point).

use maru_core::codegen::{CodeBuffer, FixupKind, FixupTarget, Label, OutOfRange};

/// How the fields of an instruction lie. The number is the rest of the opcode, which lies behind the first register, or
/// at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Layout {
    /// Two registers, two bytes.
    Rr,
    /// A mask and a register, two bytes.
    Mr,
    /// Two registers.
    Rre,
    /// Two registers, with a rounding mode that is fixed.
    Rounded(u8),
    /// Two registers and a mask, which is part of the name.
    RreIf,
    /// Three registers.
    Rrf,
    /// A register and 16 bits.
    Ri(u8),
    /// A register and 32 bits.
    Ril(u8),
    /// A register and a distance in halfwords.
    Near(u8),
    /// A mask, which is part of the name, and a distance of 16 bits in halfwords.
    ShortIf(u8),
    /// The same with a distance of 32 bits.
    NearIf(u8),
    /// A register, and a place in memory with an index and 12 bits of displacement, without sign.
    Rx,
    /// A register, and a place in memory with an index and 20 bits of displacement.
    Rxy(u8),
    /// Two registers, and a place in memory without an index.
    Rsy(u8),
    /// Two registers and 16 bits.
    Rie(u8),
    /// Two registers, first and last bit of a run, from the highest.
    Bits(u8),
    /// Nothing.
    None,
}
use Layout::*;

/// Whether an immediate has a sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Sign {
    Signed,
    Unsigned,
}
use Sign::*;

/// An instruction form.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// Mnemonic; of instructions with a mask its start.
    name: &'static str,
    opcode: u16,
    layout: Layout,
    /// Which of the registers are of doubles: letters for the text, in the order of operands.
    letters: &'static str,
    sign: Sign,
}

macro_rules! forms {
    ($($name:ident $text:literal $opcode:literal $layout:expr, $letters:literal $(, $sign:ident)?;)*) => {
        $(#[doc = concat!("`", $text, "`")]
        pub const $name: Form = {
            #[allow(unused_mut)]
            let mut form =
                Form { name: $text, opcode: $opcode, layout: $layout, letters: $letters, sign: Signed };
            $(form.sign = $sign;)?
            form
        };)*
    };
}

forms! {
    BASR "basr" 0x0d Rr, "rr";
    BR "br" 0x07 Mr, "r";
    LDR "ldr" 0x28 Rr, "ff";
    LGR "lgr" 0xb904 Rre, "rr";
    LCGR "lcgr" 0xb903 Rre, "rr";
    CGR "cgr" 0xb920 Rre, "rr";
    CLGR "clgr" 0xb921 Rre, "rr";
    MSGR "msgr" 0xb90c Rre, "rr";
    NGR "ngr" 0xb980 Rre, "rr";
    SGR "sgr" 0xb909 Rre, "rr";
    MLGR "mlgr" 0xb986 Rre, "rr";
    DSGR "dsgr" 0xb90d Rre, "rr";
    LOCGR "locgr" 0xb9e2 RreIf, "rr";
    AGRK "agrk" 0xb9e8 Rrf, "rrr";
    SGRK "sgrk" 0xb9e9 Rrf, "rrr";
    NGRK "ngrk" 0xb9e4 Rrf, "rrr";
    OGRK "ogrk" 0xb9e6 Rrf, "rrr";
    XGRK "xgrk" 0xb9e7 Rrf, "rrr";
    LGHI "lghi" 0xa7 Ri(9), "r";
    CGHI "cghi" 0xa7 Ri(15), "r";
    MGHI "mghi" 0xa7 Ri(13), "r";
    TMLL "tmll" 0xa7 Ri(1), "r", Unsigned;
    LGFI "lgfi" 0xc0 Ril(1), "r";
    LLIHF "llihf" 0xc0 Ril(14), "r", Unsigned;
    LLILF "llilf" 0xc0 Ril(15), "r", Unsigned;
    IILF "iilf" 0xc0 Ril(9), "r", Unsigned;
    OILF "oilf" 0xc0 Ril(13), "r", Unsigned;
    XILF "xilf" 0xc0 Ril(7), "r", Unsigned;
    CGFI "cgfi" 0xc2 Ril(12), "r";
    CLGFI "clgfi" 0xc2 Ril(14), "r", Unsigned;
    MSGFI "msgfi" 0xc2 Ril(0), "r";
    LARL "larl" 0xc0 Near(0), "r";
    BRASL "brasl" 0xc0 Near(5), "r";
    LGRL "lgrl" 0xc4 Near(8), "r";
    BRC "j" 0xa7 ShortIf(4), "";
    BRCL "jg" 0xc0 NearIf(4), "";
    LA "la" 0x41 Rx, "r";
    LD "ld" 0x68 Rx, "f";
    STC "stc" 0x42 Rx, "r";
    ST "st" 0x50 Rx, "r";
    STD "std" 0x60 Rx, "f";
    LG "lg" 0xe3 Rxy(0x04), "r";
    LLGC "llgc" 0xe3 Rxy(0x90), "r";
    LLGF "llgf" 0xe3 Rxy(0x16), "r";
    STG "stg" 0xe3 Rxy(0x24), "r";
    STCY "stcy" 0xe3 Rxy(0x72), "r";
    STY "sty" 0xe3 Rxy(0x50), "r";
    LAY "lay" 0xe3 Rxy(0x71), "r";
    CLG "clg" 0xe3 Rxy(0x21), "r";
    LDY "ldy" 0xed Rxy(0x65), "f";
    STDY "stdy" 0xed Rxy(0x67), "f";
    SLLG "sllg" 0xeb Rsy(0x0d), "rr";
    SRLG "srlg" 0xeb Rsy(0x0c), "rr";
    SRAG "srag" 0xeb Rsy(0x0a), "rr";
    RLLG "rllg" 0xeb Rsy(0x1c), "rr";
    STMG "stmg" 0xeb Rsy(0x24), "rr";
    LMG "lmg" 0xeb Rsy(0x04), "rr";
    AGHIK "aghik" 0xec Rie(0xd9), "rr";
    RISBGZ "risbgz" 0xec Bits(0x55), "rr";
    ADBR "adbr" 0xb31a Rre, "ff";
    SDBR "sdbr" 0xb31b Rre, "ff";
    MDBR "mdbr" 0xb31c Rre, "ff";
    DDBR "ddbr" 0xb31d Rre, "ff";
    CDBR "cdbr" 0xb319 Rre, "ff";
    SQDBR "sqdbr" 0xb315 Rre, "ff";
    LCDFR "lcdfr" 0xb373 Rre, "ff";
    LPDFR "lpdfr" 0xb370 Rre, "ff";
    LZDR "lzdr" 0xb375 Rre, "f";
    CDGBR "cdgbr" 0xb3a5 Rre, "fr";
    CGDBR "cgdbr" 0xb3a9 Rounded(5), "rf";
    LGDR "lgdr" 0xb3cd Rre, "rf";
    LDGR "ldgr" 0xb3c1 Rre, "fr";
    TRAP ".short" 0 None, "";
}

/// Conditions as masks: which of the four values of the condition code make the branch be taken, the first as the
/// highest bit.
pub mod mask {
    pub const EQUAL: u8 = 8;
    pub const NOT_EQUAL: u8 = 7;
    pub const LESS: u8 = 4;
    pub const LESS_EQUAL: u8 = 12;
    pub const GREATER: u8 = 2;
    pub const GREATER_EQUAL: u8 = 10;
    pub const OVERFLOW: u8 = 1;
    pub const ALWAYS: u8 = 15;
}

/// What a mask is called at the end of a mnemonic.
const MASKS: [&str; 16] =
    ["nop", "o", "h", "nle", "l", "nhe", "lh", "ne", "e", "nlh", "he", "nl", "le", "nh", "no", ""];

/// A distance from the instruction's start, in halfwords, in the last four of its six bytes.
pub const DISTANCE: FixupKind = FixupKind(0);
/// The same in the last two of its four bytes.
pub const SHORT_DISTANCE: FixupKind = FixupKind(1);

/// A place in memory: displacement, index (0: none), base (0: none).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub displacement: i32,
    pub index: u8,
    pub base: u8,
}

impl Place {
    /// Without index.
    pub fn at(base: u8, displacement: i32) -> Place {
        Place { displacement, index: 0, base }
    }
}

/// Whether a displacement fits its field.
pub fn is_near(displacement: i64) -> bool {
    (-0x8_0000..0x8_0000).contains(&displacement)
}

/// Whether a distance fits a branch of four bytes.
fn is_short(distance: i64) -> bool {
    (-0x1_0000..0x1_0000).contains(&distance)
}

/// Write an address into an instruction.
///
/// # Errors
/// When it is too far away, or odd.
pub fn patch(kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
    let distance = to.wrapping_sub(from) as i64;
    let out_of_range = |bits| OutOfRange { value: distance, bits };
    let halves = distance >> 1;
    let is_even = distance & 1 == 0;
    if kind == SHORT_DISTANCE {
        let halves = i16::try_from(halves).ok().filter(|_| is_even).ok_or_else(|| out_of_range(17))?;
        site[2..4].copy_from_slice(&halves.to_be_bytes());
    } else {
        let halves = i32::try_from(halves).ok().filter(|_| is_even).ok_or_else(|| out_of_range(33))?;
        site[2..6].copy_from_slice(&halves.to_be_bytes());
    }
    Ok(())
}

/// What an instruction has for operands; what of them a form has no use for is ignored.
#[derive(Clone, Copy, Default)]
struct Fields<'a> {
    registers: &'a [u8],
    mask: u8,
    immediate: i64,
    place: Option<Place>,
    /// First and last bit of a run.
    bits: [u8; 2],
}

/// Says of the last bit of a run that all others become zero.
const OTHERS_ZERO: u8 = 0x80;

impl Form {
    fn bytes(&self, fields: &Fields) -> Vec<u8> {
        let r = |index: usize| fields.registers.get(index).copied().unwrap_or(0);
        let [high, low] = self.opcode.to_be_bytes();
        let short = (fields.immediate as i16).to_be_bytes();
        let long = (fields.immediate as i32).to_be_bytes();
        let place = fields.place.unwrap_or(Place::at(0, 0));
        let [_, d0, d1, d2] = place.displacement.to_be_bytes();
        let in_memory = |second: u8, tail: u8| {
            vec![low, r(0) << 4 | second, place.base << 4 | d1 & 15, d2, d0 << 4 | d1 >> 4, tail]
        };
        match self.layout {
            Rr => vec![low, r(0) << 4 | r(1)],
            Mr => vec![low, fields.mask << 4 | r(0)],
            Rre => vec![high, low, 0, r(0) << 4 | r(1)],
            Rounded(mode) => vec![high, low, mode << 4, r(0) << 4 | r(1)],
            RreIf => vec![high, low, fields.mask << 4, r(0) << 4 | r(1)],
            Rrf => vec![high, low, r(2) << 4, r(0) << 4 | r(1)],
            Ri(more) => vec![low, r(0) << 4 | more, short[0], short[1]],
            ShortIf(more) => vec![low, fields.mask << 4 | more, short[0], short[1]],
            Ril(more) | Near(more) => [&[low, r(0) << 4 | more], &long[..]].concat(),
            NearIf(more) => [&[low, fields.mask << 4 | more], &long[..]].concat(),
            Rx => vec![low, r(0) << 4 | place.index, place.base << 4 | d1 & 15, d2],
            Rxy(tail) => in_memory(place.index, tail),
            Rsy(tail) => in_memory(r(1), tail),
            Rie(tail) => vec![low, r(0) << 4 | r(1), short[0], short[1], 0, tail],
            Bits(tail) => vec![low, r(0) << 4 | r(1), fields.bits[0], fields.bits[1] | OTHERS_ZERO, 0, tail],
            None => vec![0, 0],
        }
    }

    /// The text; `target` stands for an address.
    fn text(&self, fields: &Fields, target: &str) -> String {
        let mut parts: Vec<String> =
            self.letters.chars().zip(fields.registers).map(|(letter, number)| format!("%{letter}{number}")).collect();
        match self.layout {
            Rr | Mr | Rre | RreIf | Rrf => {}
            Rounded(mode) => parts.insert(1, mode.to_string()),
            Ri(_) if self.sign == Unsigned => parts.push((fields.immediate as u16).to_string()),
            Ri(_) | Rie(_) => parts.push((fields.immediate as i16).to_string()),
            Ril(_) if self.sign == Unsigned => parts.push((fields.immediate as u32).to_string()),
            Ril(_) => parts.push((fields.immediate as i32).to_string()),
            Near(_) | NearIf(_) | ShortIf(_) => parts.push(target.into()),
            Rx | Rxy(_) | Rsy(_) => parts.push(fields.place.map_or_else(String::new, place_text)),
            Bits(_) => {
                let [first, last] = fields.bits;
                parts.extend([first, last, 0].map(|number| number.to_string()));
            }
            None => parts.push("0".into()),
        }
        let condition = match self.layout {
            RreIf | ShortIf(_) | NearIf(_) => MASKS[usize::from(fields.mask)],
            _ => "",
        };
        format!("{}{condition} {}", self.name, parts.join(",")).trim_end().into()
    }
}

fn place_text(place: Place) -> String {
    let registers: Vec<String> =
        [place.index, place.base].iter().filter(|number| **number > 0).map(|number| format!("%r{number}")).collect();
    match registers.is_empty() {
        true => place.displacement.to_string(),
        false => format!("{}({})", place.displacement, registers.join(",")),
    }
}

fn write(code: &mut CodeBuffer, form: Form, fields: &Fields) {
    code.note(|| form.text(fields, ""));
    code.put(&form.bytes(fields));
}

/// Append an instruction on registers.
pub fn put(code: &mut CodeBuffer, form: Form, registers: &[u8]) {
    write(code, form, &Fields { registers, ..Fields::default() });
}

/// Append one that does something on a condition.
pub fn put_if(code: &mut CodeBuffer, form: Form, mask: u8, registers: &[u8]) {
    write(code, form, &Fields { registers, mask, ..Fields::default() });
}

/// Append one with an immediate.
pub fn put_immediate(code: &mut CodeBuffer, form: Form, registers: &[u8], immediate: i64) {
    write(code, form, &Fields { registers, immediate, ..Fields::default() });
}

/// Append one that keeps a run of bits, which may go past the lowest bit to the highest; all others become zero.
pub fn put_bits(code: &mut CodeBuffer, registers: &[u8], bits: [u8; 2]) {
    write(code, RISBGZ, &Fields { registers, bits, ..Fields::default() });
}

/// Append one with a place in memory: in the shorter of two forms that both have a displacement without sign, if there is
/// one and it fits.
pub fn put_place(code: &mut CodeBuffer, form: Form, registers: &[u8], place: Place) {
    const SHORT: [(u16, Layout, Form); 5] = [
        (LAY.opcode, LAY.layout, LA),
        (LDY.opcode, LDY.layout, LD),
        (STDY.opcode, STDY.layout, STD),
        (STCY.opcode, STCY.layout, STC),
        (STY.opcode, STY.layout, ST),
    ];
    let fits = (0..0x1000).contains(&place.displacement);
    let short = SHORT.iter().find(|(opcode, layout, _)| fits && (*opcode, *layout) == (form.opcode, form.layout));
    let form = short.map_or(form, |(_, _, short)| *short);
    write(code, form, &Fields { registers, place: Some(place), ..Fields::default() });
}

/// Append a branch to the address in a register.
pub fn put_branch(code: &mut CodeBuffer, register: u8) {
    put_if(code, BR, mask::ALWAYS, &[register]);
}

/// Append a branch to a label of the function, in the shorter form if it surely reaches.
pub fn put_jump(code: &mut CodeBuffer, mask: u8, label: Label) {
    let is_short = code.distance(label).is_some_and(is_short);
    let (form, kind) = if is_short { (BRC, SHORT_DISTANCE) } else { (BRCL, DISTANCE) };
    let fields = Fields { mask, ..Fields::default() };
    code.note_jump(label, || form.text(&fields, ""));
    code.refer(kind, label);
    code.put(&form.bytes(&fields));
}

/// Append an instruction that refers to another function, or to a word of the data table.
pub fn put_reference(code: &mut CodeBuffer, form: Form, registers: &[u8], target: FixupTarget) {
    let fields = Fields { registers, mask: mask::ALWAYS, ..Fields::default() };
    code.note(|| form.text(&fields, &target.to_string()));
    code.fixup(DISTANCE, target, 0);
    code.put(&form.bytes(&fields));
}
