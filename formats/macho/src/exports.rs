//! The export trie: a tree of names in which the loader finds a symbol letter by letter.
//!
//! A node says what the name read so far exports, if anything, then its edges: the letters to read next and where the
//! node behind them lies. Offsets have as many bytes as they need, so where nodes lie depends on where nodes lie: they
//! are placed again until nothing moves. Offsets only grow on the way, so that comes to an end.

use crate::symbols::Symbol;
use maru_dwarf::Bytes;

#[derive(Default)]
struct Node<'a> {
    address: Option<u64>,
    edges: Vec<(&'a [u8], usize)>,
    offset: u64,
}

/// Append the trie of symbols that are sorted by name, no two alike.
pub fn write_trie(symbols: &[Symbol], out: &mut Bytes) {
    let mut nodes = nodes(symbols);
    while place(&mut nodes) {}
    for node in &nodes {
        write_node(node, &nodes, out);
    }
}

/// The tree in the order in which it is written: each node before those behind its edges.
fn nodes(symbols: &[Symbol]) -> Vec<Node<'_>> {
    let mut nodes = vec![Node::default()];
    // Nodes to fill: their number, the symbols whose names begin as theirs, how many letters that are.
    let mut open = vec![(0, symbols, 0)];
    while let Some((number, mut symbols, depth)) = open.pop() {
        if let Some((first, rest)) = symbols.split_first().filter(|(first, _)| first.name.len() == depth) {
            nodes[number].address = Some(first.address);
            symbols = rest;
        }
        let letter = |symbol: &Symbol| symbol.name.as_bytes()[depth];
        for group in symbols.chunk_by(|a, b| letter(a) == letter(b)) {
            let (first, last) = (group[0].name.as_bytes(), group[group.len() - 1].name.as_bytes());
            // Sorted: what the first and the last have in common, all between have as well.
            let common = first.iter().zip(last).take_while(|(a, b)| a == b).count();
            nodes.push(Node::default());
            let child = nodes.len() - 1;
            nodes[number].edges.push((&first[depth..common], child));
            open.push((child, group, common));
        }
    }
    nodes
}

/// Give every node its offset; whether any has moved.
fn place(nodes: &mut [Node]) -> bool {
    let (mut at, mut moved) = (0, false);
    for number in 0..nodes.len() {
        moved |= nodes[number].offset != at;
        nodes[number].offset = at;
        let edges = nodes[number].edges.iter();
        let edges = edges.map(|(letters, child)| letters.len() as u64 + 1 + uleb_size(nodes[*child].offset));
        let edges: u64 = edges.sum();
        at += 1 + terminal_size(&nodes[number]) + 1 + edges;
    }
    moved
}

/// Bytes of what a node exports: flags and address. One byte says how many they are.
fn terminal_size(node: &Node) -> u64 {
    node.address.map_or(0, |address| 1 + uleb_size(address))
}

fn uleb_size(number: u64) -> u64 {
    u64::from(number.max(1).ilog2() / 7 + 1)
}

fn write_node(node: &Node, nodes: &[Node], out: &mut Bytes) {
    out.u8(terminal_size(node) as u8);
    if let Some(address) = node.address {
        out.u8(0);
        out.uleb(address);
    }
    // Letters differ and none is zero, so there are at most 255.
    out.u8(node.edges.len() as u8);
    for (letters, child) in &node.edges {
        out.raw(letters);
        out.u8(0);
        out.uleb(nodes[*child].offset);
    }
}
