//! The instructions: number, bytes and text of each, from one row of a table.
//!
//! ```text
//!   0        1          2          3          4                 8
//!   ┌────────┬──────────┬──────────┬──────────┬─────────────────┐
//!   │ number │ register │ register │ register │ immediate       │  least significant byte first
//!   └────────┴──────────┴──────────┴──────────┴─────────────────┘
//! ```
//!
//! Text and bytes come from the same call of [`put`], so that a listing shows what was encoded. A real CPU's table
//! holds bits and fields in place of numbers and patterns: see `assemble.rs` of the other targets.

use maru_core::codegen::{CodeBuffer, FixupKind, FixupTarget, Label, OutOfRange};

/// Bytes of an instruction.
pub const SIZE: usize = 8;

macro_rules! instructions {
    ($($(#[$doc:meta])* $name:ident $text:literal $operands:literal,)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Number { $($name,)* }
        $($(#[$doc])* #[doc = concat!("`", $text, " ", $operands, "`")]
        pub const $name: u16 = Number::$name as u16;)*
        /// Name and operands of each, by number. `w` and `f` stand for the registers, `i` for the immediate, `p` for
        /// an address that the immediate is the distance to.
        pub const TABLE: &[(&str, &str)] = &[$(($text, $operands),)*];
    };
}

instructions! {
    TRAP "trap" "",
    // Words: the result first.
    CONST "const" "w, i",
    /// The upper half; the lower one stays.
    HIGH "high" "w, i",
    MOVE "move" "w, w",
    ADD "add" "w, w, w",
    SUB "sub" "w, w, w",
    MUL "mul" "w, w, w",
    DIV "div" "w, w, w",
    REM "rem" "w, w, w",
    AND "and" "w, w, w",
    OR "or" "w, w, w",
    XOR "xor" "w, w, w",
    SHL "shl" "w, w, w",
    LSHR "lshr" "w, w, w",
    ASHR "ashr" "w, w, w",
    ROTL "rotl" "w, w, w",
    ADD_IMM "add" "w, w, i",
    AND_IMM "and" "w, w, i",
    /// 1 if the sum overflows, else 0.
    ADD_OVERFLOWS "addo" "w, w, w",
    SUB_OVERFLOWS "subo" "w, w, w",
    MUL_OVERFLOWS "mulo" "w, w, w",
    // 1 if it holds, else 0.
    EQ "eq" "w, w, w",
    NE "ne" "w, w, w",
    LT "lt" "w, w, w",
    LE "le" "w, w, w",
    GT "gt" "w, w, w",
    GE "ge" "w, w, w",
    BELOW "below" "w, w, w",
    AT_LEAST "atleast" "w, w, w",
    /// 1 if the bit of the immediate is set whose number the low three bits are.
    TAG "tag" "w, w, i",
    // Doubles.
    FMOVE "fmove" "f, f",
    FADD "fadd" "f, f, f",
    FSUB "fsub" "f, f, f",
    FMUL "fmul" "f, f, f",
    FDIV "fdiv" "f, f, f",
    FNEG "fneg" "f, f",
    FABS "fabs" "f, f",
    FSQRT "fsqrt" "f, f",
    FEQ "feq" "w, f, f",
    FNE "fne" "w, f, f",
    FLT "flt" "w, f, f",
    FLE "fle" "w, f, f",
    FGT "fgt" "w, f, f",
    FGE "fge" "w, f, f",
    TO_DOUBLE "todouble" "f, w",
    TO_WORD "toword" "w, f",
    BITS "bits" "w, f",
    FROM_BITS "frombits" "f, w",
    // Memory, by width: byte, four bytes, word, double. The order is that of `ir::Width`.
    LOAD_BYTE "load8" "w, [w + i]",
    LOAD_FOUR "load32" "w, [w + i]",
    LOAD "load" "w, [w + i]",
    LOAD_DOUBLE "fload" "f, [w + i]",
    LOAD_BYTE_INDEXED "load8" "w, [w + w + i]",
    LOAD_FOUR_INDEXED "load32" "w, [w + w + i]",
    LOAD_INDEXED "load" "w, [w + w + i]",
    LOAD_DOUBLE_INDEXED "fload" "f, [w + w + i]",
    STORE_BYTE "store8" "w, [w + i]",
    STORE_FOUR "store32" "w, [w + i]",
    STORE "store" "w, [w + i]",
    STORE_DOUBLE "fstore" "f, [w + i]",
    STORE_BYTE_INDEXED "store8" "w, [w + w + i]",
    STORE_FOUR_INDEXED "store32" "w, [w + w + i]",
    STORE_INDEXED "store" "w, [w + w + i]",
    STORE_DOUBLE_INDEXED "fstore" "f, [w + w + i]",
    // Addresses near this instruction.
    ADDRESS "address" "w, p",
    FETCH "fetch" "w, [p]",
    // Elsewhere.
    GO "jump" "p",
    GO_IF "jumpif" "w, p",
    GO_UNLESS "jumpunless" "w, p",
    GO_REGISTER "jump" "w",
    CALL "call" "p",
    CALL_REGISTER "call" "w",
    RETURN "return" "",
}

/// The one kind of fixup: the distance from the instruction's start, in its immediate.
pub const DISTANCE: FixupKind = FixupKind(0);

/// Write an address into an instruction.
///
/// # Errors
/// When it is too far away.
pub fn patch(kind: FixupKind, site: &mut [u8], from: u64, to: u64) -> Result<(), OutOfRange> {
    debug_assert_eq!(kind, DISTANCE);
    let distance = to.wrapping_sub(from) as i64;
    let narrow = i32::try_from(distance).map_err(|_| OutOfRange { value: distance, bits: 32 })?;
    site[4..SIZE].copy_from_slice(&narrow.to_le_bytes());
    Ok(())
}

/// How many registers an instruction has.
pub fn register_count(instruction: u16) -> usize {
    TABLE[instruction as usize].1.matches(['w', 'f']).count()
}

/// The text of an instruction; `place` stands for an address.
pub fn text(instruction: u16, registers: &[u8], immediate: i32, place: &str) -> String {
    let (name, operands) = TABLE[instruction as usize];
    let mut registers = registers.iter();
    let mut text = format!("{name} ");
    for letter in operands.chars() {
        match letter {
            'w' | 'f' => {
                let class = if letter == 'w' { 'r' } else { 'f' };
                text += &format!("{class}{}", registers.next().expect("a register for each letter"));
            }
            'i' => text += &immediate.to_string(),
            'p' => text += place,
            other => text.push(other),
        }
    }
    text.trim_end().into()
}

fn bytes(code: &mut CodeBuffer, instruction: u16, registers: &[u8], immediate: i32) {
    debug_assert_eq!(registers.len(), register_count(instruction), "{:?}", TABLE[instruction as usize]);
    let mut head = [instruction as u8, 0, 0, 0];
    head[1..=registers.len()].copy_from_slice(registers);
    code.put(&head);
    code.put(&immediate.to_le_bytes());
}

/// Append an instruction.
pub fn put(code: &mut CodeBuffer, instruction: u16, registers: &[u8], immediate: i32) {
    code.note(|| text(instruction, registers, immediate, ""));
    bytes(code, instruction, registers, immediate);
}

/// Append an instruction that goes to a label of the function.
pub fn put_jump(code: &mut CodeBuffer, instruction: u16, registers: &[u8], label: Label) {
    code.note_jump(label, || text(instruction, registers, 0, "").trim_end().into());
    code.refer(DISTANCE, label);
    bytes(code, instruction, registers, 0);
}

/// Append an instruction that refers to another function, or to a word of the data table.
pub fn put_reference(code: &mut CodeBuffer, instruction: u16, registers: &[u8], target: FixupTarget) {
    code.note(|| text(instruction, registers, 0, &target.to_string()));
    code.fixup(DISTANCE, target, 0);
    bytes(code, instruction, registers, 0);
}
