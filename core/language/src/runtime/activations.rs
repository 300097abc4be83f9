//! The functions that the interpreter is running, for whoever samples where the time goes: he looks at any moment, in the
//! middle of anything, so each word is written and read by itself, and nothing is ever allocated.

use super::tree::{Prototype, PrototypeKind};
use maru_core::abi::Position;
use std::sync::atomic::{compiler_fence, AtomicU64, AtomicUsize, Ordering};

/// As many are noted; what is nested deeper is counted only.
const NOTED: usize = 1 << 14;

/// The words of a note: where on the machine stack the function runs, what it is (its name, a symbol's number plus one,
/// or 0; and its kind), where it stands, and where the call stands that it is making.
const WORDS: usize = 4;

/// Functions that are being interpreted, the outermost first.
#[derive(Debug)]
pub struct Activations {
    words: Vec<AtomicU64>,
    /// How many there are, those that are not noted among them.
    count: AtomicUsize,
}

/// A function that is being interpreted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// An address in the part of the machine stack that it uses.
    pub address: usize,
    /// Its name, a symbol's number, if it has one.
    pub name: Option<u32>,
    /// Whether it is no function, but a form outside of all.
    pub is_toplevel: bool,
    /// Where it stands.
    pub position: Position,
    /// Where the last call stands that it made.
    pub site: Position,
}

impl Default for Activations {
    fn default() -> Activations {
        let words = (0..NOTED * WORDS).map(|_| AtomicU64::new(0)).collect();
        Activations { words, count: AtomicUsize::new(0) }
    }
}

impl Activations {
    /// A prototype is run from now on; `address` lies in what the interpreter uses of the machine stack for it.
    pub(crate) fn enter(&self, address: usize, prototype: &Prototype, name: Option<u32>) {
        let count = self.count.load(Ordering::Relaxed);
        if let Some(words) = self.words.get(count * WORDS..(count + 1) * WORDS) {
            let what = name.map_or(0, |name| (u64::from(name) + 1) << 1);
            let kind = u64::from(prototype.kind != PrototypeKind::Function);
            let position = prototype.position.pack();
            for (word, value) in words.iter().zip([address as u64, what | kind, position, position]) {
                word.store(value, Ordering::Relaxed);
            }
        }
        // What is counted is whole.
        compiler_fence(Ordering::Release);
        self.count.store(count + 1, Ordering::Relaxed);
    }

    /// The innermost one has ended.
    pub(crate) fn leave(&self) {
        self.count.store(self.count.load(Ordering::Relaxed).saturating_sub(1), Ordering::Relaxed);
    }

    /// The innermost one is about to make a call that stands at a position.
    pub(crate) fn calls_at(&self, position: Position) {
        let count = self.count.load(Ordering::Relaxed);
        if let Some(word) = count.checked_sub(1).and_then(|last| self.words.get(last * WORDS + WORDS - 1)) {
            word.store(position.pack(), Ordering::Relaxed);
        }
    }

    /// Those that are noted, the innermost first.
    pub fn noted(&self) -> impl Iterator<Item = Activation> + '_ {
        let count = self.count.load(Ordering::Relaxed).min(NOTED);
        compiler_fence(Ordering::Acquire);
        (0..count).rev().filter_map(|index| {
            let words = self.words.get(index * WORDS..(index + 1) * WORDS)?;
            let word = |index: usize| words.get(index).map_or(0, |word| word.load(Ordering::Relaxed));
            let what = word(1);
            Some(Activation {
                address: word(0) as usize,
                name: (what >> 1).checked_sub(1).map(|name| name as u32),
                is_toplevel: what & 1 == 1,
                position: Position::unpack(word(2)),
                site: Position::unpack(word(3)),
            })
        })
    }
}
