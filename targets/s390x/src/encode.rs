//! Encoding: selected instructions, with their registers allocated, to instruction forms.

use crate::abi::{self, CONTEXT, LINK, SCRATCH, STACK, ZERO};
use crate::instruction::*;
use maru_core::codegen::{CodeBuffer, MachInst};
use regalloc2::{Allocation, RegClass};

macro_rules! opcodes {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What selection chooses from. All operands are registers, given in order, the result last.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u16)]
        pub enum Opcode { $($(#[$doc])* $name,)* }
        impl Opcode {
            /// All of them, in order of their numbers.
            pub const ALL: &'static [Opcode] = &[$(Opcode::$name,)*];
        }
    };
}

opcodes! {
    /// Result: the immediate.
    Constant,
    /// Result: 0.0.
    DoubleZero,
    /// Jump to the label.
    Jump,
    /// Jump to the label on the condition of the variant.
    JumpIf,
    /// Result: 1 if the condition of the variant holds, else 0.
    SetIf,
    /// Operands, result. Variant: index into `ARITHMETIC`.
    Arithmetic,
    /// Operand, result: its sum with the immediate, of 16 bits; the condition tells whether it overflows.
    AddImmediate,
    /// Operand, result: its sum with the displacement. The condition stays.
    AddDisplacement,
    /// Operand, result in its register; immediate of 32 bits. Variant: index into `IN_PLACE`.
    InPlace,
    /// Operand, result: its bits from the first to the last of a run, in the bytes of the immediate.
    Bits,
    /// Operand, result: shifted by the immediate. Variant: index into `SHIFTS`.
    ShiftImmediate,
    /// Operand, count, result. Variant: index into `SHIFTS`.
    Shift,
    /// Operands, result in the first one's register. Variant: index into `TWO`.
    Two,
    /// Operands, result: product; the condition tells whether it overflows.
    MultiplyChecked,
    /// Operands, result: quotient (variant 0) or remainder (1).
    Divide,
    /// Operands. The condition tells how they compare. Variant: index into `COMPARES`.
    Compare,
    /// Operand. The same with the immediate. Variant: index into `IMMEDIATE_COMPARES`.
    CompareImmediate,
    /// Operand. The condition tells which of the immediate's bits are set: none, all, or, of some, whether the highest is.
    Test,
    /// Operand. The condition "not equal" tells whether the immediate has the bit whose number the operand's tag is.
    TestTag,
    /// Operand, result. Variant: index into `UNARY`.
    Unary,
    /// Base, index (perhaps), result. Variant: width.
    Load,
    /// Value, base, index (perhaps). Variant: width.
    Store,
    /// Result: word of the context.
    LoadContext,
    /// Value.
    StoreContext,
    /// Result: word of the data table.
    LoadData,
    /// Result: address of a function.
    FunctionAddress,
    /// Call a function of the unit.
    Call,
    /// Call an address.
    CallAddress,
    /// Call the helper whose address lies at the displacement in the context.
    CallHelper,
    /// Jump to a function of the unit.
    TailCall,
    /// Jump to an address.
    TailCallAddress,
    /// Return.
    Return,
    /// Trap.
    Trap,
    /// Out of line: the stack has no room. Variant: 1 if there is a callee's value.
    StackOverflow,
}

impl Opcode {
    /// An instruction with this opcode.
    pub fn inst(self) -> MachInst {
        MachInst::new(self as u16)
    }
}

macro_rules! family {
    ($(#[$doc:meta])* $table:ident, $module:ident: $($name:ident,)*) => {
        $(#[$doc])*
        pub const $table: &[Form] = &[$($name,)*];
        /// Indices into the table of the same forms.
        pub mod $module {
            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            enum Index { $($name,)* }
            $(pub const $name: u8 = Index::$name as u8;)*
        }
    };
}

family! {
    /// Two operands and a result, all words.
    ARITHMETIC, arithmetic:
    AGRK, SGRK, NGRK, OGRK, XGRK,
}
family! {
    /// An operand that becomes the result, and an immediate.
    IN_PLACE, in_place:
    OILF, XILF, MGHI, MSGFI,
}
family! {
    /// An operand, a count and a result.
    SHIFTS, shifts:
    SLLG, SRLG, SRAG, RLLG,
}
family! {
    /// Two operands, the first of which becomes the result.
    TWO, two:
    MSGR, ADBR, SDBR, MDBR, DDBR,
}
family! {
    /// Two operands that are compared.
    COMPARES, compares:
    CGR, CLGR, CDBR,
}
family! {
    /// An operand that is compared with an immediate.
    IMMEDIATE_COMPARES, immediate_compares:
    CGHI, CGFI, CLGFI,
}
family! {
    /// An operand and a result.
    UNARY, unary:
    LCGR, LCDFR, LPDFR, SQDBR, CDGBR, CGDBR, LGDR, LDGR,
}

/// Loads by width: byte, four bytes, word, double.
const LOADS: [Form; 4] = [LLGC, LLGF, LG, LDY];
/// Stores by width.
const STORES: [Form; 4] = [STCY, STY, STG, STDY];

/// Number of an allocated register.
fn register(allocation: &Allocation) -> u8 {
    allocation.as_reg().expect("an operand that is constrained to a register").hw_enc() as u8
}

/// Write one instruction.
pub fn encode(inst: &MachInst, operands: &[Allocation], code: &mut CodeBuffer) {
    use Opcode::*;
    let variant = usize::from(inst.variant);
    let r = |index: usize| register(&operands[index]);
    let target = || inst.target.expect("an instruction that refers to the image");
    let context = Place::at(CONTEXT, inst.displacement);
    match Opcode::ALL[usize::from(inst.opcode)] {
        Constant => constant(code, r(0), inst.immediate),
        DoubleZero => put(code, LZDR, &[r(0)]),
        Jump => put_jump(code, mask::ALWAYS, inst.label),
        JumpIf => put_jump(code, if inst.inverted { inst.variant ^ mask::ALWAYS } else { inst.variant }, inst.label),
        SetIf => set_if(code, inst.variant, r(0)),
        Arithmetic => put(code, ARITHMETIC[variant], &[r(2), r(0), r(1)]),
        AddImmediate => put_immediate(code, AGHIK, &[r(1), r(0)], inst.immediate),
        AddDisplacement => put_place(code, LAY, &[r(1)], Place::at(r(0), inst.displacement)),
        InPlace => put_immediate(code, IN_PLACE[variant], &[r(1)], inst.immediate),
        Bits => {
            let [first, last, ..] = inst.immediate.to_le_bytes();
            put_bits(code, &[r(1), r(0)], [first, last]);
        }
        ShiftImmediate => put_place(code, SHIFTS[variant], &[r(1), r(0)], Place::at(0, inst.immediate as i32)),
        Shift => put_place(code, SHIFTS[variant], &[r(2), r(0)], Place::at(r(1), 0)),
        Two => put(code, TWO[variant], &[r(2), r(1)]),
        MultiplyChecked => multiply_checked(code, r(0), r(1), r(2)),
        Divide => {
            put(code, LGR, &[SCRATCH, r(0)]);
            put(code, DSGR, &[ZERO, r(1)]);
            put(code, LGR, &[r(2), if inst.variant == 0 { SCRATCH } else { ZERO }]);
        }
        Compare => put(code, COMPARES[variant], &[r(0), r(1)]),
        CompareImmediate => put_immediate(code, IMMEDIATE_COMPARES[variant], &[r(0)], inst.immediate),
        Test => put_immediate(code, TMLL, &[r(0)], inst.immediate),
        TestTag => {
            put_bits(code, &[SCRATCH, r(0)], [61, 63]);
            put_immediate(code, LGHI, &[ZERO], inst.immediate);
            put_place(code, SRLG, &[ZERO, ZERO], Place::at(SCRATCH, 0));
            put_immediate(code, TMLL, &[ZERO], 1);
        }
        Unary => put(code, UNARY[variant], &[r(1), r(0)]),
        Load => {
            let last = operands.len() - 1;
            let place = indexed(code, r(0), (last > 1).then(|| r(1)), inst.displacement);
            put_place(code, LOADS[variant], &[r(last)], place);
        }
        Store => {
            let place = indexed(code, r(1), (operands.len() > 2).then(|| r(2)), inst.displacement);
            put_place(code, STORES[variant], &[r(0)], place);
        }
        LoadContext => put_place(code, LG, &[r(0)], context),
        StoreContext => put_place(code, STG, &[r(0)], context),
        LoadData => put_reference(code, LGRL, &[r(0)], target()),
        FunctionAddress => put_reference(code, LARL, &[r(0)], target()),
        Call => put_reference(code, BRASL, &[LINK], target()),
        CallAddress => put(code, BASR, &[LINK, r(0)]),
        CallHelper => abi::call_helper(inst.displacement, code),
        TailCall => put_reference(code, BRCL, &[], target()),
        TailCallAddress => put_branch(code, r(0)),
        Return => put_branch(code, LINK),
        Trap => put(code, TRAP, &[]),
        StackOverflow => abi::stack_overflow(inst.variant == 1, inst.displacement, code),
    }
}

/// 1 or 0. Constants leave the condition alone.
fn set_if(code: &mut CodeBuffer, mask: u8, to: u8) {
    put_immediate(code, LGHI, &[to], 0);
    put_immediate(code, LGHI, &[SCRATCH], 1);
    put_if(code, LOCGR, mask, &[to, SCRATCH]);
}

/// The place at a base, an index and an offset.
fn indexed(code: &mut CodeBuffer, base: u8, index: Option<u8>, offset: i32) -> Place {
    if is_near(offset.into()) {
        return Place { displacement: offset, index: index.unwrap_or(0), base };
    }
    put_immediate(code, LGFI, &[SCRATCH], offset.into());
    if let Some(index) = index {
        put_place(code, LA, &[SCRATCH], Place { displacement: 0, index, base: SCRATCH });
    }
    Place { displacement: 0, index: SCRATCH, base }
}

/// A constant. The condition stays.
pub fn constant(code: &mut CodeBuffer, to: u8, number: i64) {
    if i16::try_from(number).is_ok() {
        put_immediate(code, LGHI, &[to], number);
    } else if i32::try_from(number).is_ok() {
        put_immediate(code, LGFI, &[to], number);
    } else if u32::try_from(number).is_ok() {
        put_immediate(code, LLILF, &[to], number);
    } else {
        put_immediate(code, LLIHF, &[to], number >> 32);
        if number as u32 != 0 {
            put_immediate(code, IILF, &[to], number);
        }
    }
}

/// A product, and whether its high half, with signs, repeats the sign of the low one. The instruction knows no signs, so
/// the other factor is taken off the high half for each negative one. The result is no operand's register.
fn multiply_checked(code: &mut CodeBuffer, a: u8, b: u8, to: u8) {
    put(code, LGR, &[SCRATCH, a]);
    put(code, MLGR, &[ZERO, b]);
    for (negative, other) in [(a, b), (b, a)] {
        put_place(code, SRAG, &[to, negative], Place::at(0, 63));
        put(code, NGR, &[to, other]);
        put(code, SGR, &[ZERO, to]);
    }
    put_place(code, SRAG, &[to, SCRATCH], Place::at(0, 63));
    put(code, CGR, &[ZERO, to]);
    put(code, LGR, &[to, SCRATCH]);
}

/// A move between registers, or between a register and a spill slot; never from slot to slot. The condition stays.
pub fn copy(from: Allocation, to: Allocation, code: &mut CodeBuffer) {
    let is_double = [from, to].iter().any(|a| a.as_reg().is_some_and(|r| r.class() == RegClass::Float));
    let [load, store, plain] = if is_double { [LDY, STDY, LDR] } else { [LG, STG, LGR] };
    match (from.as_stack(), to.as_stack()) {
        (Some(slot), _) => {
            let place = abi::place(code, STACK, abi::slot(slot));
            put_place(code, load, &[register(&to)], place);
        }
        (None, Some(slot)) => {
            let place = abi::place(code, STACK, abi::slot(slot));
            put_place(code, store, &[register(&from)], place);
        }
        (None, None) => put(code, plain, &[register(&to), register(&from)]),
    }
}
