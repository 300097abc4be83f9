//! Source lines of operations, for line tables.

use crate::ir::{Block, Function};

/// Source lines of a block's operations, asked for from last to first.
pub(super) struct Lines<'f> {
    entries: &'f [(Block, u32, u32)],
}

impl<'f> Lines<'f> {
    pub fn new(function: &'f Function, block: Block) -> Lines<'f> {
        let lines = &function.lines;
        let start = lines.partition_point(|entry| entry.0 < block);
        let end = lines.partition_point(|entry| entry.0 <= block);
        Lines { entries: &lines[start..end] }
    }

    /// The line of the operation with this index, which must not grow from call to call; 0 if unknown.
    pub fn at(&mut self, index: usize) -> u32 {
        while let Some(((_, first, line), rest)) = self.entries.split_last() {
            if *first as usize <= index {
                return *line;
            }
            self.entries = rest;
        }
        0
    }
}
