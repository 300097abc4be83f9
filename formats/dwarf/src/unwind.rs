//! `.eh_frame` and `.eh_frame_hdr`: how to unwind each function, and a sorted table to find a function's entry.
//!
//! One common entry (CIE) says what is true when a function is entered; one entry per function (FDE) lists what its
//! prologue and epilogues change. All addresses are distances from where they are written, so nothing needs
//! relocating. The state after each of a function's rows is complete, so a row becomes the difference from the one
//! before.

use crate::bytes::Bytes;
use gimli::constants as dwarf;
use maru_core::codegen::{UnwindConvention, UnwindRow, UnwindStyle};
use maru_core::format::{FormatError, Image, ImageFunction};

/// Where an address is stored as a signed 32-bit distance from its own place.
const RELATIVE_TO_PLACE: u8 = dwarf::DW_EH_PE_pcrel.0 | dwarf::DW_EH_PE_sdata4.0;
/// Where it is a signed 32-bit distance from the start of `.eh_frame_hdr`.
const RELATIVE_TO_TABLE: u8 = dwarf::DW_EH_PE_datarel.0 | dwarf::DW_EH_PE_sdata4.0;

/// An entry that was written: the function's address and the entry's.
pub struct Entry {
    /// The function's address.
    pub function: u64,
    entry: u64,
}

impl Entry {
    /// Where it holds the distance to the function, in 32 bits.
    pub fn distance(&self) -> u64 {
        self.entry + 8
    }
}

/// Append `.eh_frame`. Positions in `out` are addresses.
pub fn write_frames(
    out: &mut Bytes,
    image: &Image,
    code: u64,
    convention: &UnwindConvention,
) -> Result<Vec<Entry>, FormatError> {
    if convention.style != UnwindStyle::Dwarf {
        return Err(FormatError(format!(
            "{}: its unwind rows are for tables of another kind than DWARF's",
            image.name
        )));
    }
    let common = out.position();
    write_common(out, convention)
        .map_err(|problem| FormatError(format!("{}: unwind convention: {problem}", image.name)))?;
    let mut entries = Vec::with_capacity(image.functions.len());
    for function in image.functions.iter().filter(|function| function.size > 0) {
        let entry = out.position();
        let address = code + u64::from(function.offset);
        out.u32(0);
        out.u32((entry + 4 - common) as u32);
        out.distance(entry + 8, address);
        out.u32(function.size);
        out.uleb(0);
        write_rows(out, function, convention)
            .map_err(|problem| FormatError(format!("{}: unwind rows of {}: {problem}", image.name, function.symbol)))?;
        finish(out, entry);
        entries.push(Entry { function: address, entry });
    }
    out.u32(0);
    Ok(entries)
}

/// Append `.eh_frame_hdr`.
pub fn write_table(out: &mut Bytes, frames: u64, entries: &[Entry]) {
    let start = out.position();
    out.raw(&[1, RELATIVE_TO_PLACE, dwarf::DW_EH_PE_udata4.0, RELATIVE_TO_TABLE]);
    out.distance(start + 4, frames);
    out.u32(entries.len() as u32);
    for entry in entries {
        out.distance(start, entry.function);
        out.distance(start, entry.entry);
    }
}

fn write_common(out: &mut Bytes, convention: &UnwindConvention) -> Result<(), String> {
    let start = out.position();
    out.u32(0);
    out.u32(0);
    out.raw(b"\x01zR\0");
    out.uleb(convention.code_alignment.into());
    out.sleb(convention.data_alignment.into());
    let column = u8::try_from(convention.return_address).map_err(|_| "the return address's column is above 255")?;
    out.u8(column);
    out.raw(&[1, RELATIVE_TO_PLACE]);
    out.u8(dwarf::DW_CFA_def_cfa.0);
    out.uleb(convention.stack_pointer.into());
    out.uleb(unsigned(convention.entry_cfa_offset)?);
    if let Some(offset) = convention.entry_return_address {
        write_saved(out, convention.return_address, offset, convention)?;
    }
    finish(out, start);
    Ok(())
}

fn write_rows(out: &mut Bytes, function: &ImageFunction, convention: &UnwindConvention) -> Result<(), String> {
    let entry = UnwindRow { offset: 0, cfa_offset: convention.entry_cfa_offset, saved: Vec::new() };
    let mut before = &entry;
    for row in &function.unwind {
        if row.offset < before.offset || row.offset > function.size {
            return Err(format!("offset {} is out of order or out of the function", row.offset));
        }
        write_advance(out, row.offset - before.offset, convention)?;
        if row.cfa_offset != before.cfa_offset {
            out.u8(dwarf::DW_CFA_def_cfa_offset.0);
            out.uleb(unsigned(row.cfa_offset)?);
        }
        for &(register, _) in before.saved.iter().filter(|(register, _)| !saves(row, *register)) {
            write_restored(out, register);
        }
        for &(register, offset) in row.saved.iter().filter(|saved| !before.saved.contains(saved)) {
            write_saved(out, register, offset, convention)?;
        }
        before = row;
    }
    Ok(())
}

fn saves(row: &UnwindRow, register: u16) -> bool {
    row.saved.iter().any(|saved| saved.0 == register)
}

fn write_advance(out: &mut Bytes, bytes: u32, convention: &UnwindConvention) -> Result<(), String> {
    let factor = u32::from(convention.code_alignment.max(1));
    if !bytes.is_multiple_of(factor) {
        return Err(format!("a distance of {bytes} bytes is no multiple of {factor}"));
    }
    match bytes / factor {
        0 => {}
        delta @ 1..=0x3f => out.u8(dwarf::DW_CFA_advance_loc.0 | delta as u8),
        delta @ 0x40..=0xff => out.raw(&[dwarf::DW_CFA_advance_loc1.0, delta as u8]),
        delta @ 0x100..=0xffff => {
            out.u8(dwarf::DW_CFA_advance_loc2.0);
            out.u16(delta as u16);
        }
        delta => {
            out.u8(dwarf::DW_CFA_advance_loc4.0);
            out.u32(delta);
        }
    }
    Ok(())
}

/// The register lies at `offset` from the canonical frame address.
fn write_saved(out: &mut Bytes, register: u16, offset: i64, convention: &UnwindConvention) -> Result<(), String> {
    let factor = i64::from(convention.data_alignment);
    if factor == 0 || offset % factor != 0 {
        return Err(format!("offset {offset} of register {register} is no multiple of {factor}"));
    }
    match u64::try_from(offset / factor) {
        Ok(factored) if register < 0x40 => {
            out.u8(dwarf::DW_CFA_offset.0 | register as u8);
            out.uleb(factored);
        }
        Ok(factored) => {
            out.u8(dwarf::DW_CFA_offset_extended.0);
            out.uleb(register.into());
            out.uleb(factored);
        }
        Err(_) => {
            out.u8(dwarf::DW_CFA_offset_extended_sf.0);
            out.uleb(register.into());
            out.sleb(offset / factor);
        }
    }
    Ok(())
}

/// The register is again as on entry.
fn write_restored(out: &mut Bytes, register: u16) {
    if register < 0x40 {
        out.u8(dwarf::DW_CFA_restore.0 | register as u8);
    } else {
        out.u8(dwarf::DW_CFA_restore_extended.0);
        out.uleb(register.into());
    }
}

fn unsigned(offset: i64) -> Result<u64, String> {
    u64::try_from(offset).map_err(|_| format!("the frame address lies {offset} bytes from the stack pointer: below it"))
}

/// Pad an entry with no-operations and fill in its length, which does not count itself.
fn finish(out: &mut Bytes, start: u64) {
    let end = out.align(8);
    out.put_u32(start, (end - start - 4) as u32);
}
