//! Codes of x64: what a code undoes does not depend on the codes before it, but for the frame, which comes last.

use super::{Codes, State};

pub const CODES: Codes = Codes { on_entry: 8, longest: u32::MAX, has_end: true, encode };

const ALLOCATE_LARGE: u8 = 1;
const ALLOCATE_SMALL: u8 = 2;
const SAVE: u8 = 4;
const SAVE_DOUBLE: u8 = 8;
/// Added to a save's number where the offset has 32 bits and is in bytes.
const FAR: u8 = 1;

/// A code, which is behind us from the first byte on.
fn code(operation: u8, operand: u8) -> u16 {
    u16::from(operation | operand << 4) << 8
}

/// A 32-bit number in two places.
fn halves(number: u64) -> [u16; 2] {
    [number as u16, (number >> 16) as u16]
}

fn encode(state: &State, _size: u32) -> Result<Vec<u8>, String> {
    let mut codes: Vec<u16> = Vec::new();
    for saved in &state.saved {
        let (operation, unit) = if saved.is_double { (SAVE_DOUBLE, 16) } else { (SAVE, 8) };
        if saved.offset % unit != 0 || saved.offset > u32::MAX.into() {
            return Err(format!("a register saved at {}, which is no multiple of {unit}", saved.offset));
        }
        match u16::try_from(saved.offset / unit) {
            Ok(near) => codes.extend([code(operation, saved.register), near]),
            Err(_) => {
                codes.push(code(operation | FAR, saved.register));
                codes.extend(halves(saved.offset));
            }
        }
    }
    if !state.frame.is_multiple_of(8) || state.frame > u32::MAX.into() {
        return Err(format!("a frame of {} bytes, which is no multiple of 8", state.frame));
    }
    match state.frame / 8 {
        0 => {}
        words @ 1..=16 => codes.push(code(ALLOCATE_SMALL, words as u8 - 1)),
        words @ 17..=0xffff => codes.extend([code(ALLOCATE_LARGE, 0), words as u16]),
        _ => {
            codes.push(code(ALLOCATE_LARGE, 1));
            codes.extend(halves(state.frame));
        }
    }
    let count = u8::try_from(codes.len()).map_err(|_| "more codes than there is room for")?;
    // Version 1, no handler; no prologue; no frame pointer.
    let mut bytes = vec![1, 0, count, 0];
    codes.resize(codes.len().next_multiple_of(2), 0);
    bytes.extend(codes.into_iter().flat_map(u16::to_le_bytes));
    Ok(bytes)
}
