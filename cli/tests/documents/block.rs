//! Fenced blocks of a Markdown text.

/// A fenced block.
#[allow(dead_code)] // Not every test that reads documents needs all of it.
pub struct Block {
    /// What stands behind the opening fence.
    pub language: String,
    /// The line of the opening fence, from 1.
    pub line: usize,
    /// The lines between the fences.
    pub text: String,
}

/// The fenced blocks of a text, in order.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(_), Some(block)) => blocks.push(block),
            (Some(language), None) => {
                open = Some(Block { language: language.trim().into(), line: index + 1, text: String::new() });
            }
            (None, Some(mut block)) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fenced block is not closed");
    blocks
}
