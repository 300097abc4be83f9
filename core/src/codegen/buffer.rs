//! The code buffer: bytes, labels, fixups, unwind rows, and the text of a listing.
//!
//! A jump ahead does not know how far it goes. There are two ways to short forms all the same. Targets that can tell
//! how a jump is shortened ([`super::RegisterMachine::short_jumps`]) are encoded once, with long jumps, and
//! [`CodeBuffer::shorten`] then closes the gaps.
//!
//! Other functions are encoded twice. The first pass assumes that every jump ahead is long; it tells where labels lie at
//! most. In the second, [`CodeBuffer::distance`] answers with that bound for jumps ahead, and the target picks a
//! short form where it fits. Code only shrinks from the first pass to the second, so a bound is never too small.

use super::{Fixup, FixupKind, FixupTarget, ListingLine, MachInst, OutOfRange, UnwindRow};

/// A place in the code of a function, named before it is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Label(pub(super) u32);

const UNBOUND: u32 = u32::MAX;

/// A shorter form of a jump.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShortJump {
    /// How its distance is written.
    pub kind: FixupKind,
    /// The instruction, without its distance.
    pub bytes: [u8; 4],
    /// How many of the bytes it has.
    pub length: u8,
    /// How many bytes the longer form has.
    pub replaces: u8,
}

/// The shorter form of the jump at the start of the bytes, which has this kind of fixup; `None` if there is none.
pub type Shorten = fn(FixupKind, &[u8]) -> Option<ShortJump>;

/// The text of one instruction of a listing.
#[derive(Debug)]
struct Note {
    offset: u32,
    text: String,
    /// A label whose offset is to be appended.
    label: Option<Label>,
}

/// Machine code in the making.
#[derive(Debug, Default)]
pub struct CodeBuffer {
    pub(super) bytes: Vec<u8>,
    pub(super) fixups: Vec<Fixup>,
    pub(super) unwind: Vec<UnwindRow>,
    notes: Option<Vec<Note>>,
    out_of_line: Vec<(Label, MachInst)>,
    out_of_line_done: usize,
    labels: Vec<u32>,
    uses: Vec<(u32, FixupKind, Label)>,
    /// Label offsets of the first pass; empty during it.
    bounds: Vec<u32>,
    /// Where code was taken out: offset before that of what follows, and how many bytes are gone up to there.
    cuts: Vec<(u32, u32)>,
    /// By how much the code before this point has shrunk since the first pass.
    pub(super) shrunk: u32,
}

impl CodeBuffer {
    /// An empty buffer, that keeps text if `listing`.
    pub fn new(listing: bool) -> CodeBuffer {
        CodeBuffer { notes: listing.then(Vec::new), ..CodeBuffer::default() }
    }

    /// Forget the first pass's code, but not where its labels lay.
    pub fn start_second_pass(&mut self) {
        self.bounds = std::mem::take(&mut self.labels);
        self.bytes.clear();
        self.fixups.clear();
        self.unwind.clear();
        self.out_of_line.clear();
        self.out_of_line_done = 0;
        self.uses.clear();
        if let Some(notes) = &mut self.notes {
            notes.clear();
        }
    }

    /// Bytes written so far.
    pub fn offset(&self) -> u32 {
        self.bytes.len() as u32
    }

    /// Write one byte.
    pub fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Write bytes.
    pub fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Write four bytes, least significant first.
    pub fn word32(&mut self, word: u32) {
        self.put(&word.to_le_bytes());
    }

    /// A new label, unbound.
    pub fn label(&mut self) -> Label {
        self.labels.push(UNBOUND);
        Label(self.labels.len() as u32 - 1)
    }

    /// The label is here.
    pub fn bind(&mut self, label: Label) {
        debug_assert_eq!(self.labels[label.0 as usize], UNBOUND, "a label is bound once");
        self.labels[label.0 as usize] = self.offset();
    }

    /// The instruction that starts here refers to a label; resolved by `RegisterMachine::patch`.
    pub fn refer(&mut self, kind: FixupKind, label: Label) {
        self.uses.push((self.offset(), kind, label));
    }

    /// How far the label lies from here: exact if it is bound, else a bound that the true distance does not
    /// exceed; `None` if nothing is known yet.
    pub fn distance(&self, label: Label) -> Option<i64> {
        let index = label.0 as usize;
        let here = i64::from(self.offset());
        match self.labels[index] {
            UNBOUND => self.bounds.get(index).map(|bound| i64::from(*bound) - (here + i64::from(self.shrunk))),
            offset => Some(i64::from(offset) - here),
        }
    }

    /// The instruction that starts here depends on an address outside the function.
    pub fn fixup(&mut self, kind: FixupKind, target: FixupTarget, addend: i64) {
        let offset = self.offset();
        self.fixups.push(Fixup { offset, kind, target, addend });
    }

    /// From here on, the canonical frame address is the stack pointer plus `cfa_offset`, and these registers are
    /// saved (DWARF numbers, offsets from the canonical frame address).
    pub fn frame_is(&mut self, cfa_offset: i64, saved: &[(u16, i64)]) {
        let row = UnwindRow { offset: self.offset(), cfa_offset, saved: saved.to_vec() };
        match self.unwind.last_mut() {
            Some(last) if last.offset == row.offset => *last = row,
            Some(last) if last.cfa_offset == row.cfa_offset && last.saved == row.saved => {}
            _ => self.unwind.push(row),
        }
    }

    /// Encode this instruction, without operands, after all blocks: rarely run code that returns or traps. The
    /// label leads to it.
    pub fn out_of_line(&mut self, inst: MachInst) -> Label {
        let label = self.label();
        self.out_of_line.push((label, inst));
        label
    }

    /// The next instruction to be encoded out of line, once all blocks are.
    pub fn next_out_of_line(&mut self) -> Option<(Label, MachInst)> {
        let next = self.out_of_line.get(self.out_of_line_done).copied();
        self.out_of_line_done += usize::from(next.is_some());
        next
    }

    /// Note the text of the instruction that starts here; `text` is called only for a listing.
    pub fn note(&mut self, text: impl FnOnce() -> String) {
        let offset = self.offset();
        if let Some(notes) = &mut self.notes {
            notes.push(Note { offset, text: text(), label: None });
        }
    }

    /// As [`CodeBuffer::note`], for a jump: the label's offset is appended.
    pub fn note_jump(&mut self, label: Label, text: impl FnOnce() -> String) {
        let offset = self.offset();
        if let Some(notes) = &mut self.notes {
            notes.push(Note { offset, text: text(), label: Some(label) });
        }
    }

    /// The noted instructions; none if the buffer keeps no text.
    pub fn listing(&self) -> Vec<ListingLine> {
        let notes = self.notes.as_deref().unwrap_or_default();
        let ends = notes.iter().skip(1).map(|note| note.offset).chain([self.offset()]);
        let line = |(note, end): (&Note, u32)| ListingLine {
            offset: note.offset,
            bytes: self.bytes[note.offset as usize..end as usize].to_vec(),
            text: match note.label {
                Some(label) => format!("{} {:#x}", note.text, self.labels[label.0 as usize]),
                None => note.text.clone(),
            },
            jump: note.label.map(|label| self.labels[label.0 as usize]),
        };
        notes.iter().zip(ends).map(line).collect()
    }

    /// Whether anything refers to a label.
    pub(super) fn has_jumps(&self) -> bool {
        !self.uses.is_empty()
    }

    /// Shorten the jumps that reach their labels in a shorter form: surely, whatever lies between is shortened.
    pub(super) fn shorten(
        &mut self,
        shorten: Shorten,
        patch: impl Fn(FixupKind, &mut [u8], u64, u64) -> Result<(), OutOfRange>,
    ) {
        let mut bytes = Vec::with_capacity(self.bytes.len());
        let mut uses = std::mem::take(&mut self.uses);
        let (mut done, mut removed) = (0, 0);
        for (offset, kind, label) in &mut uses {
            let site = *offset;
            *offset -= removed;
            let Some(short) = shorten(*kind, &self.bytes[site as usize..]) else { continue };
            let to = self.labels[label.0 as usize];
            let (from, to) = if to <= site { (*offset, self.moved(to)) } else { (site, to) };
            let mut form = short.bytes;
            if patch(short.kind, &mut form, from.into(), to.into()).is_err() {
                continue;
            }
            bytes.extend_from_slice(&self.bytes[done..site as usize]);
            bytes.extend_from_slice(&short.bytes[..short.length as usize]);
            let end = site + u32::from(short.replaces);
            done = end as usize;
            removed += u32::from(short.replaces - short.length);
            *kind = short.kind;
            self.cuts.push((end, removed));
        }
        self.uses = uses;
        if removed != 0 {
            bytes.extend_from_slice(&self.bytes[done..]);
            self.bytes = bytes;
            self.move_all();
        }
    }

    /// Where what was at an offset is after jumps were shortened.
    pub(super) fn moved(&self, offset: u32) -> u32 {
        let before = self.cuts.partition_point(|(at, _)| *at <= offset);
        offset - before.checked_sub(1).map_or(0, |last| self.cuts[last].1)
    }

    fn move_all(&mut self) {
        for index in 0..self.labels.len() {
            if self.labels[index] != UNBOUND {
                self.labels[index] = self.moved(self.labels[index]);
            }
        }
        for index in 0..self.fixups.len() {
            self.fixups[index].offset = self.moved(self.fixups[index].offset);
        }
        for index in 0..self.unwind.len() {
            self.unwind[index].offset = self.moved(self.unwind[index].offset);
        }
        let mut notes = self.notes.take();
        for note in notes.iter_mut().flatten() {
            note.offset = self.moved(note.offset);
        }
        self.notes = notes;
    }

    /// Write the distances to labels.
    ///
    /// # Errors
    /// When one does not fit.
    pub fn resolve(
        &mut self,
        patch: impl Fn(FixupKind, &mut [u8], u64, u64) -> Result<(), OutOfRange>,
    ) -> Result<(), OutOfRange> {
        for &(offset, kind, label) in &self.uses {
            let to = self.labels[label.0 as usize];
            debug_assert_ne!(to, UNBOUND, "every label that is referred to is bound");
            patch(kind, &mut self.bytes[offset as usize..], u64::from(offset), u64::from(to))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_bounds() {
        let mut code = CodeBuffer::new(false);
        let ahead = code.label();
        assert_eq!(code.distance(ahead), None);
        code.put(&[0; 10]);
        code.bind(ahead);
        code.byte(0);
        assert_eq!(code.distance(ahead), Some(-1));
        code.start_second_pass();
        assert_eq!(code.label(), ahead);
        assert_eq!(code.distance(ahead), Some(10));
        code.put(&[0; 3]);
        code.shrunk = 2;
        assert_eq!(code.distance(ahead), Some(5));
        code.bind(ahead);
        assert_eq!(code.distance(ahead), Some(0));
    }

    /// A jump of five bytes, or of two if it spans less than ten; each followed by some bytes.
    #[test]
    fn jumps_are_shortened_where_they_reach() {
        let shorten = |kind: FixupKind, site: &[u8]| {
            let short = ShortJump { kind: FixupKind(1), bytes: [7, 0, 0, 0], length: 2, replaces: 5 };
            (kind == FixupKind(0) && site[0] == 9).then_some(short)
        };
        let patch = |kind: FixupKind, site: &mut [u8], from: u64, to: u64| {
            let distance = to.wrapping_sub(from) as i64;
            if kind == FixupKind(1) && distance.abs() >= 10 {
                return Err(OutOfRange { value: distance, bits: 4 });
            }
            site[1] = distance as u8;
            Ok(())
        };
        let mut code = CodeBuffer::new(false);
        let [back, near, far] = [code.label(), code.label(), code.label()];
        code.bind(back);
        for (label, after) in [(near, 4), (far, 1), (back, 0)] {
            code.refer(FixupKind(0), label);
            code.put(&[9, 0, 0, 0, 0]);
            code.put(&vec![1; after]);
            if label == near {
                code.bind(near);
            }
            code.fixup(FixupKind(5), FixupTarget::Data(0), 0);
        }
        code.put(&[2; 10]);
        code.bind(far);
        code.shorten(shorten, patch);
        code.resolve(patch).unwrap();
        let expected = [7, 6, 1, 1, 1, 1, 9, 21, 0, 0, 0, 1, 9, 244, 0, 0, 0];
        assert_eq!(code.bytes[..17], expected);
        assert_eq!(code.bytes[17..], [2; 10]);
        assert_eq!(code.fixups.iter().map(|fixup| fixup.offset).collect::<Vec<_>>(), [6, 12, 17]);
    }

    #[test]
    fn rows_at_one_place_replace_each_other() {
        let mut code = CodeBuffer::new(false);
        code.frame_is(8, &[]);
        code.frame_is(16, &[]);
        code.byte(0);
        code.frame_is(16, &[]);
        assert_eq!(code.unwind, [UnwindRow { offset: 0, cfa_offset: 16, saved: vec![] }]);
    }
}
