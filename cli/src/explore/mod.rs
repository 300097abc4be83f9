//! What `maru explore` shows: a program in all its forms, from source to machine code of several targets.
//!
//! ```text
//! program ─ stages ─→ Exploration ─ page (colour) ─→ HTML, with page.css and page.js inside
//! ```

mod colour;
pub mod page;
pub mod stages;
