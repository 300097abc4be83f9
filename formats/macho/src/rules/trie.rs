//! Rules of the export trie.

use super::file::*;
use super::linkedit::{all, linking, tables};

/// An exported name and its address.
pub type Export = (Vec<u8>, u64);

/// A number in base 128; it must have an end within 64 bits.
fn uleb(view: View, at: &mut u64) -> Result<u64, String> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let byte = view.bytes(*at, 1)?[0];
        *at += 1;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(format!("the number before {at} of the trie is too long"))
}

/// All that the trie exports. It is a tree: no node is reached twice, so the walk comes to an end.
pub fn walk(file: &File) -> Result<Vec<Export>, String> {
    let [.., (offset, size)] = linking(file)?;
    let trie = file.linked(offset, size)?;
    // A tree that does not branch for nothing has at most twice the letters of its names.
    let mut letters_left = 2 * tables(file)?.1 .1;
    let mut seen = vec![false; trie.0.len()];
    let mut exports = Vec::new();
    let mut open = vec![(0, Vec::new())];
    while let Some((node, name)) = open.pop() {
        trie.bytes(node, 1)?;
        ensure(!std::mem::replace(&mut seen[node as usize], true), || format!("two edges lead to node {node}"))?;
        let mut at = node;
        let own = uleb(trie, &mut at)?;
        let edges = at.saturating_add(own);
        trie.bytes(at, own)?;
        if own > 0 {
            let flags = uleb(trie, &mut at)?;
            ensure(flags == 0, || format!("{:?} has flags {flags:#x}", String::from_utf8_lossy(&name)))?;
            let address = uleb(trie, &mut at)?;
            ensure(at == edges, || format!("node {node} has another size than it says"))?;
            exports.push((name.clone(), address));
        }
        walk_edges(trie, edges, &name, &mut open, &mut letters_left)?;
    }
    Ok(exports)
}

/// Look at a node's edges; the nodes behind them are added to the open ones.
fn walk_edges(trie: View, mut at: u64, name: &[u8], open: &mut Vec<(u64, Vec<u8>)>, letters_left: &mut u64) -> Verdict {
    let count = trie.bytes(at, 1)?[0];
    at += 1;
    let mut letters: Vec<&[u8]> = Vec::new();
    for _ in 0..count {
        let edge = trie.text(at)?;
        at += edge.len() as u64 + 1;
        let child = uleb(trie, &mut at)?;
        ensure(child != 0, || "an edge leads to the root".into())?;
        ensure(!edge.is_empty(), || "an edge has no letters".into())?;
        let clash = letters.iter().any(|other| other.starts_with(edge) || edge.starts_with(other));
        ensure(!clash, || format!("the edge {:?} begins as another", String::from_utf8_lossy(edge)))?;
        letters.push(edge);
        let name = [name, edge].concat();
        *letters_left = letters_left.checked_sub(name.len() as u64).ok_or("its names are not those of the symbols")?;
        open.push((child, name));
    }
    Ok(())
}

pub fn exports(file: &File) -> Verdict {
    let last = file.segments.iter().rev().find(|segment| segment.name != b"__LINKEDIT");
    let end = last.map_or(0, Segment::memory_end);
    let outside = walk(file)?.into_iter().find(|(_, address)| *address > end);
    outside.map_or(Ok(()), |(name, address)| {
        Err(format!("{:?} is said to lie at {address:#x}, outside of the library", String::from_utf8_lossy(&name)))
    })
}

pub fn exported_symbols(file: &File) -> Verdict {
    let exported = all(file)?.into_iter().filter(|symbol| symbol.kind & 0xf == 0xf);
    let mut symbols: Vec<Export> = exported.map(|symbol| (symbol.name.to_vec(), symbol.address)).collect();
    let mut exports = walk(file)?;
    symbols.sort();
    exports.sort();
    ensure(symbols == exports, || "the trie exports something else than the symbol table".into())
}
