//! Where arguments travel, dealt out from a call layout.

use super::{CallLayout, StackWords};
use crate::abi::{argument_offset, FIRST_ARGUMENT};
use crate::ir::{Type, WordWidth};
use regalloc2::PReg;

/// Where an argument travels.
pub(super) enum Location {
    Register(PReg),
    /// Byte offset in the argument area.
    Area(i32),
    /// Slot of the caller's frame; where words are narrow, half a slot.
    Stack(u32),
    Nowhere,
}

/// Deals out the places of a call layout, in the order of the arguments.
pub(super) struct Locations<'l> {
    layout: &'l CallLayout,
    width: WordWidth,
    words: usize,
    doubles: usize,
}

impl<'l> Locations<'l> {
    /// For arguments of a function whose words have this width.
    pub fn new(layout: &'l CallLayout, width: WordWidth) -> Locations<'l> {
        Locations { layout, width, words: 0, doubles: 0 }
    }

    /// Where word `number` lies in the argument area: narrow words are halves of words that lie there.
    fn in_area(&self, number: usize) -> i32 {
        match self.width {
            WordWidth::Eight => argument_offset(number - FIRST_ARGUMENT),
            WordWidth::Four => argument_offset(number / 2 - FIRST_ARGUMENT) + (number % 2) as i32 * 4,
        }
    }

    /// The place of the next argument.
    pub fn next(&mut self, kind: Type) -> Location {
        let (registers, used) = match kind {
            Type::Word | Type::Pair => (&self.layout.words, &mut self.words),
            Type::Double => (&self.layout.doubles, &mut self.doubles),
        };
        let number = *used;
        *used += 1;
        match registers.get(number) {
            Some(register) => Location::Register(*register),
            None if kind == Type::Word && self.layout.has_area => Location::Area(self.in_area(number)),
            None if kind == Type::Word => {
                let slot = |stack: &StackWords| stack.reserved + (number - registers.len()) as u32;
                self.layout.stack.as_ref().map_or(Location::Nowhere, |stack| Location::Stack(slot(stack)))
            }
            None => Location::Nowhere,
        }
    }
}
