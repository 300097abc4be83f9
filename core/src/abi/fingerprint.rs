//! A fast hash of bytes that is the same on every host and in every version.
//!
//! It tells contents apart and finds damage; it does not resist somebody who searches for collisions. Where that
//! matters, use SHA-256.

const SEEDS: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f];
const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

/// The 128-bit fingerprint of some bytes.
pub const fn fingerprint(bytes: &[u8]) -> [u64; 2] {
    let mut state = [SEEDS[0] ^ bytes.len() as u64, SEEDS[1]];
    let mut rest = bytes;
    // Four chains of multiplications keep a processor busy where one would wait for itself.
    let mut lanes = [state, [SEEDS[1], FACTOR], [FACTOR, SEEDS[0]], [!SEEDS[0], !SEEDS[1]]];
    while let Some((block, tail)) = rest.split_first_chunk::<64>() {
        let mut lane = 0;
        while lane < 4 {
            lanes[lane] = absorb(lanes[lane], chunk_of(block, lane));
            lane += 1;
        }
        rest = tail;
    }
    let mut lane = 0;
    while lane < 4 {
        state = absorb([state[0].rotate_left(17) ^ lanes[lane][0], state[1] ^ lanes[lane][1]], [0; 16]);
        lane += 1;
    }
    while let Some((chunk, tail)) = rest.split_first_chunk() {
        state = absorb(state, *chunk);
        rest = tail;
    }
    let mut last = [0; 16];
    last.split_at_mut(rest.len()).0.copy_from_slice(rest);
    let [low, high] = absorb(state, last);
    [fold(low ^ high.rotate_left(32), FACTOR), fold(high ^ SEEDS[0], low | 1)]
}

const fn chunk_of(block: &[u8; 64], number: usize) -> [u8; 16] {
    match block.split_at(16 * number).1.first_chunk() {
        Some(chunk) => *chunk,
        None => [0; 16],
    }
}

const fn absorb(state: [u64; 2], chunk: [u8; 16]) -> [u64; 2] {
    let word = u128::from_le_bytes(chunk);
    let (low, high) = (word as u64, (word >> 64) as u64);
    [fold(state[0] ^ low, FACTOR) ^ high, fold(state[1] ^ high, FACTOR).wrapping_add(low)]
}

/// The product's halves combined, so that every bit of either factor reaches every bit.
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::fingerprint;
    use std::collections::HashSet;

    #[test]
    fn differs_for_every_length_and_every_flipped_bit() {
        let mut seen = HashSet::new();
        for length in 0..200 {
            assert!(seen.insert(fingerprint(&vec![0; length])), "{length} zeros");
            for bit in 0..length * 8 {
                let mut bytes = vec![0; length];
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(seen.insert(fingerprint(&bytes)), "bit {bit} of {length} bytes");
            }
        }
        for half in 0..2 {
            assert_eq!(seen.iter().map(|both| both[half]).collect::<HashSet<_>>().len(), seen.len());
        }
    }

    #[test]
    fn differs_where_parts_change_places() {
        let chunks: Vec<u8> = (0..192).map(|at| at / 16).collect();
        let mut seen = HashSet::from([fingerprint(&chunks)]);
        for first in 0..12 {
            for second in 0..first {
                let mut changed = chunks.clone();
                changed[first * 16..][..16].fill(second as u8);
                changed[second * 16..][..16].fill(first as u8);
                assert!(seen.insert(fingerprint(&changed)), "{first} and {second}");
            }
        }
    }

    #[test]
    fn stays_the_same_between_versions() {
        assert_eq!(fingerprint(b"abc"), [12521080474703440373, 1430390217457104521]);
    }
}
