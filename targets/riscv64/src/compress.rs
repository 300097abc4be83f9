//! The forms of two bytes: which instructions have one.

/// Eight registers have three bits in short forms.
fn few(register: u32) -> Option<u32> {
    (8..16).contains(&register).then(|| register - 8)
}

/// Some bits of a number, moved to another place.
fn bits(number: u32, from: u32, count: u32, to: u32) -> u32 {
    (number >> from & ((1 << count) - 1)) << to
}

/// A number of six bits with sign, as most short forms have it.
fn six(number: i32) -> Option<u32> {
    let word = number as u32;
    (-32..32).contains(&number).then(|| bits(word, 5, 1, 12) | bits(word, 0, 5, 2))
}

/// The form of two bytes of an instruction, if it has one.
pub fn compress(word: u32) -> Option<u16> {
    let half = match word & 0x7f {
        0x13 => with_immediate(word),
        0x1b => add_narrow(word),
        0x33 => with_registers(word),
        0x37 => upper(word),
        0x03 | 0x07 => load(word),
        0x23 | 0x27 => store(word),
        0x67 => jump(word),
        // No instruction at all is zero, and every CPU traps.
        0x73 => Some(0),
        _ => None,
    };
    half.map(|half| half as u16)
}

/// Result, first operand, second operand.
fn registers(word: u32) -> [u32; 3] {
    [bits(word, 7, 5, 0), bits(word, 15, 5, 0), bits(word, 20, 5, 0)]
}

fn with_immediate(word: u32) -> Option<u32> {
    let ([to, from, _], number) = (registers(word), word as i32 >> 20);
    let count = || bits(word, 25, 1, 12) | bits(word, 20, 5, 2);
    match word >> 12 & 7 {
        0 => add(to, from, number),
        1 if to == from && to != 0 => Some(0x0002 | to << 7 | count()),
        5 if to == from => Some(0x8001 | bits(word, 30, 1, 10) | few(to)? << 7 | count()),
        7 if to == from => Some(0x8801 | few(to)? << 7 | six(number)?),
        _ => None,
    }
}

fn add(to: u32, from: u32, number: i32) -> Option<u32> {
    let word = number as u32;
    match (to, from) {
        (1.., 0) => Some(0x4001 | to << 7 | six(number)?),
        (1.., 1..) if number == 0 => Some(0x8002 | to << 7 | from << 2),
        (2, 2) if number % 16 == 0 && !(-32..32).contains(&number) => {
            let places = bits(word, 9, 1, 12) | bits(word, 4, 1, 6) | bits(word, 6, 1, 5) | bits(word, 7, 2, 3);
            (-512..512).contains(&number).then(|| 0x6101 | places | bits(word, 5, 1, 2))
        }
        (1.., _) if to == from => Some(0x0001 | to << 7 | six(number)?),
        (_, 2) if number > 0 && number < 1024 && number % 4 == 0 => {
            let places = bits(word, 4, 2, 11) | bits(word, 6, 4, 7) | bits(word, 2, 1, 6) | bits(word, 3, 1, 5);
            Some(places | few(to)? << 2)
        }
        _ => None,
    }
}

fn add_narrow(word: u32) -> Option<u32> {
    let [to, from, _] = registers(word);
    (to == from && to != 0 && word >> 12 & 7 == 0)
        .then(|| six(word as i32 >> 20))
        .flatten()
        .map(|n| 0x2001 | to << 7 | n)
}

fn with_registers(word: u32) -> Option<u32> {
    let [to, a, b] = registers(word);
    let function = match (word >> 12 & 7, word >> 25) {
        (0, 0) if a == 0 && to != 0 && b != 0 => return Some(0x8002 | to << 7 | b << 2),
        (0, 0) if to != 0 && to == a && b != 0 => return Some(0x9002 | to << 7 | b << 2),
        (0, 0) if to != 0 && to == b && a != 0 => return Some(0x9002 | to << 7 | a << 2),
        (0, 0x20) => 0,
        (4, 0) => 1,
        (6, 0) => 2,
        (7, 0) => 3,
        _ => return None,
    };
    let other = match () {
        () if to == a => b,
        () if to == b && function != 0 => a,
        () => return None,
    };
    Some(0x8c01 | few(to)? << 7 | function << 5 | few(other)? << 2)
}

fn upper(word: u32) -> Option<u32> {
    let (to, number) = (bits(word, 7, 5, 0), word as i32 >> 12);
    (to != 0 && to != 2 && number != 0).then(|| six(number)).flatten().map(|number| 0x6001 | to << 7 | number)
}

fn load(word: u32) -> Option<u32> {
    let ([to, base, _], offset, double) = (registers(word), word >> 20, word & 4 != 0);
    if word >> 12 & 7 != 3 || !offset.is_multiple_of(8) {
        return None;
    }
    let function = if double { 0x2000 } else { 0x6000 };
    if base == 2 && offset < 512 && (double || to != 0) {
        return Some(
            0x0002 | function | to << 7 | bits(offset, 5, 1, 12) | bits(offset, 3, 2, 5) | bits(offset, 6, 3, 2),
        );
    }
    near(offset).and_then(|places| Some(function | places | few(base)? << 7 | few(to)? << 2))
}

fn store(word: u32) -> Option<u32> {
    let ([low, base, value], double) = (registers(word), word & 4 != 0);
    let offset = bits(word, 25, 7, 5) | low;
    if word >> 12 & 7 == 2 {
        return store_four(base, value, offset);
    }
    if word >> 12 & 7 != 3 || !offset.is_multiple_of(8) {
        return None;
    }
    let function = if double { 0xa000 } else { 0xe000 };
    if base == 2 && offset < 512 {
        return Some(0x0002 | function | value << 2 | bits(offset, 3, 3, 10) | bits(offset, 6, 3, 7));
    }
    near(offset).and_then(|places| Some(function | places | few(base)? << 7 | few(value)? << 2))
}

/// A store of four bytes. (The load that has a short form extends the sign.)
fn store_four(base: u32, value: u32, offset: u32) -> Option<u32> {
    if !offset.is_multiple_of(4) {
        return None;
    }
    if base == 2 && offset < 256 {
        return Some(0xc002 | value << 2 | bits(offset, 2, 4, 9) | bits(offset, 6, 2, 7));
    }
    let places = bits(offset, 3, 3, 10) | bits(offset, 2, 1, 6) | bits(offset, 6, 1, 5);
    (offset < 128).then_some(0xc000 | places | few(base)? << 7 | few(value)? << 2)
}

/// An offset of words from a base that is not the stack pointer.
fn near(offset: u32) -> Option<u32> {
    (offset < 256).then(|| bits(offset, 3, 3, 10) | bits(offset, 6, 2, 5))
}

fn jump(word: u32) -> Option<u32> {
    let [to, from, _] = registers(word);
    match (to, word >> 20) {
        (0, 0) => Some(0x8002 | from << 7),
        (1, 0) => Some(0x9002 | from << 7),
        _ => None,
    }
}
