//! What the prompt is made of: input with or without line editing, and commands that start with a comma.

pub mod command;
pub mod documentation;
pub mod input;
