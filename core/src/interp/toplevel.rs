//! Top-level forms: expanded and run one after another, from a program's text, a file or a value.

