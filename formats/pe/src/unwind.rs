//! Unwind entries: which stretch of code has which codes, and the codes.
//!
//! A stretch is as long as the unwind state stays the same. Its codes undo the whole state, as if all of the prologue
//! were behind it; the manuals call that a fragment. Equal codes are written once.

mod arm64;
mod x64;

use maru_core::codegen::{MachineIdentity, UnwindRow, UnwindStyle};
use maru_core::format::{FormatError, Image, ImageFunction};
use maru_dwarf::Bytes;
use std::collections::HashMap;

/// A register that a frame saves, and where above the stack pointer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Saved {
    /// Bytes above the stack pointer.
    offset: u64,
    /// The number in instructions, among those of its kind.
    register: u8,
    /// Whether it is a register of doubles.
    is_double: bool,
}

/// The state of a stretch.
pub struct State {
    /// Bytes of the frame, without the return address that a call has put there.
    frame: u64,
    /// Ascending by offset.
    saved: Vec<Saved>,
}

/// What a CPU makes of states.
pub struct Codes {
    /// What a call has put on the stack.
    pub on_entry: i64,
    /// Bytes of code in a stretch, at most.
    pub longest: u32,
    /// Whether an entry says where its stretch ends; otherwise the codes do.
    pub has_end: bool,
    /// The codes of a state, for a stretch of so many bytes.
    pub encode: fn(&State, u32) -> Result<Vec<u8>, String>,
}

/// What registers of doubles have added to their numbers in [`UnwindStyle::Codes`].
const DOUBLE: u8 = 0x80;

/// Unwind entries of an image, without the addresses.
pub struct Entries {
    /// Offset in the code, size, which of the codes.
    stretches: Vec<(u32, u32, usize)>,
    /// Each begins at a multiple of four.
    codes: Vec<Vec<u8>>,
    has_end: bool,
}

/// The codes of a CPU, if any are known.
pub fn codes(machine: &MachineIdentity) -> Option<&'static Codes> {
    match machine.machine {
        0x8664 => Some(&x64::CODES),
        0xaa64 => Some(&arm64::CODES),
        _ => None,
    }
}

impl Entries {
    /// Entries for all functions.
    pub fn new(image: &Image, machine: &MachineIdentity) -> Result<Entries, FormatError> {
        let refuse = |problem: String| FormatError(format!("{}: {problem}", image.name));
        let number = machine.machine;
        let codes =
            codes(machine).ok_or_else(|| refuse(format!("the format pe has no unwind codes for CPU {number:#x}")))?;
        let UnwindStyle::Codes(registers) = machine.unwind.style else {
            return Err(refuse("its unwind rows are for tables of another kind than codes".into()));
        };
        let mut entries = Entries { stretches: Vec::new(), codes: Vec::new(), has_end: codes.has_end };
        let mut known = HashMap::new();
        for function in &image.functions {
            entries
                .add(function, codes, registers, &mut known)
                .map_err(|problem| refuse(format!("unwind rows of {}: {problem}", function.symbol)))?;
        }
        Ok(entries)
    }

    /// Entries for a function.
    fn add(
        &mut self,
        function: &ImageFunction,
        codes: &Codes,
        registers: &[(u16, u8)],
        known: &mut HashMap<Vec<u8>, usize>,
    ) -> Result<(), String> {
        let entry = UnwindRow { offset: 0, cfa_offset: codes.on_entry, saved: Vec::new() };
        let first = function.unwind.first().is_some_and(|row| row.offset == 0);
        let rows: Vec<&UnwindRow> = (!first).then_some(&entry).into_iter().chain(&function.unwind).collect();
        for (number, row) in rows.iter().enumerate() {
            let end = rows.get(number + 1).map_or(function.size, |next| next.offset).min(function.size);
            if row.offset > end {
                return Err("they do not ascend".into());
            }
            let state = State::new(row, codes, registers)?;
            let mut start = row.offset;
            while start < end {
                let size = (end - start).min(codes.longest);
                let bytes = (codes.encode)(&state, size)?;
                let fresh = known.len();
                let which = *known.entry(bytes.clone()).or_insert(fresh);
                if which == fresh {
                    self.codes.push(bytes);
                }
                self.stretches.push((function.offset + start, size, which));
                start += size;
            }
        }
        Ok(())
    }

    /// Append all codes; the address of each, if the first lies at an address.
    pub fn write_codes(&self, address: u64, out: &mut Bytes) -> Vec<u64> {
        let start = out.position();
        let mut places = Vec::with_capacity(self.codes.len());
        for bytes in &self.codes {
            places.push(address + out.align(4) - start);
            out.raw(bytes);
        }
        places
    }

    /// Append the entries: by ascending addresses, as the functions are.
    pub fn write_entries(&self, code: u64, places: &[u64], out: &mut Bytes) {
        for (offset, size, which) in &self.stretches {
            let start = code as u32 + offset;
            out.u32(start);
            if self.has_end {
                out.u32(start + size);
            }
            out.u32(places[*which] as u32);
        }
    }
}

impl State {
    fn new(row: &UnwindRow, codes: &Codes, registers: &[(u16, u8)]) -> Result<State, String> {
        let frame = u64::try_from(row.cfa_offset - codes.on_entry).map_err(|_| "a frame of less than no bytes")?;
        let saved = row.saved.iter().map(|(dwarf, place)| {
            let number = registers.iter().find(|(known, _)| known == dwarf).map(|(_, number)| *number);
            let number = number.ok_or_else(|| format!("there is no code for register {dwarf}"))?;
            let offset =
                u64::try_from(row.cfa_offset + place).map_err(|_| "a register saved below the stack pointer")?;
            if *place > -8 {
                return Err("a register saved above the frame".into());
            }
            Ok(Saved { offset, register: number & !DOUBLE, is_double: number & DOUBLE != 0 })
        });
        let mut saved = saved.collect::<Result<Vec<_>, String>>()?;
        saved.sort_unstable();
        Ok(State { frame, saved })
    }
}
