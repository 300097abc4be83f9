//! Codes of arm64: each undoes an instruction, in order, and moves the stack pointer for those that follow.

use super::{Codes, Saved, State};

/// A stretch's length has 18 bits, and counts instructions.
pub const CODES: Codes = Codes { on_entry: 0, longest: ((1 << 18) - 1) * 4, has_end: false, encode };

/// No prologue: all that follows is behind us.
const NO_PROLOGUE: u8 = 0xe5;
const END: u8 = 0xe4;
/// The register of frames; the next is that of return addresses.
const FRAME: u8 = 29;
/// The largest offset of a save.
const NEAR: u64 = 504;
/// How many words of codes there is room for.
const MOST: usize = 31;

fn encode(state: &State, size: u32) -> Result<Vec<u8>, String> {
    if !size.is_multiple_of(4) {
        return Err(format!("a stretch of {size} bytes, which is no multiple of 4"));
    }
    let mut codes = Vec::new();
    if state.frame > 0 {
        codes.push(NO_PROLOGUE);
    }
    // How much of the frame is undone.
    let mut undone = 0;
    let mut rest = state.saved.as_slice();
    while let [first, others @ ..] = rest {
        if first.offset % 8 != 0 {
            return Err(format!("a register saved at {}, which is no multiple of 8", first.offset));
        }
        if first.offset - undone > NEAR {
            let next = first.offset / 16 * 16;
            allocate(next - undone, &mut codes)?;
            undone = next;
        }
        let is_pair = others.first().is_some_and(|second| {
            (second.offset, second.register) == (first.offset + 8, first.register + 1)
                && second.is_double == first.is_double
        });
        save(first, is_pair, (first.offset - undone) / 8, &mut codes)?;
        rest = &others[usize::from(is_pair)..];
    }
    allocate(state.frame - undone, &mut codes)?;
    codes.push(END);
    codes.resize(codes.len().next_multiple_of(4), END);
    let words = codes.len() / 4;
    if words > MOST {
        return Err("more codes than there is room for".into());
    }
    let head = (size / 4) | ((words as u32) << 27);
    Ok([&head.to_le_bytes(), codes.as_slice()].concat())
}

/// Append the codes that undo a part of the frame.
fn allocate(size: u64, codes: &mut Vec<u8>) -> Result<(), String> {
    if !size.is_multiple_of(16) {
        return Err(format!("a frame of {size} bytes, which is no multiple of 16"));
    }
    match size / 16 {
        0 => {}
        small @ 1..=0x1f => codes.push(small as u8),
        medium @ 0x20..=0x7ff => codes.extend((0xc000 | medium as u16).to_be_bytes()),
        large @ 0x800..=0xff_ffff => codes.extend((0xe000_0000 | large as u32).to_be_bytes()),
        _ => return Err(format!("a frame of {size} bytes, which is too large")),
    }
    Ok(())
}

/// Append the code that restores a register, or two, from a word above the stack pointer.
fn save(saved: &Saved, is_pair: bool, word: u64, codes: &mut Vec<u8>) -> Result<(), String> {
    let (first, kinds, room) = if saved.is_double { (8, [0xdc00, 0xd800], 8) } else { (19, [0xd000, 0xc800], 12) };
    let number = saved.register.checked_sub(first).filter(|number| *number < room);
    let number = number.ok_or_else(|| format!("there is no code for saving register {}", saved.register))?;
    if is_pair && !saved.is_double && saved.register == FRAME {
        codes.push(0x40 | word as u8);
    } else {
        let kind: u16 = kinds[usize::from(is_pair)];
        codes.extend((kind | u16::from(number) << 6 | word as u16).to_be_bytes());
    }
    Ok(())
}
