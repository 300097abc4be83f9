//! Sums, differences and products of long integers, limb by limb into storage that is used again and again: most long
//! integers have few limbs, and making numbers of the library of them costs more than the sum.

use super::limbs::Limbs;
use super::Operation;
use crate::value::{Value, Word, FIXNUM_MAX};
use std::cmp::Ordering;

/// The most limbs of an operand.
const LIMBS_MAX: usize = 1024;
/// The most limbs of the shorter factor: the library multiplies long ones faster.
const FACTOR_MAX: usize = 16;

/// An integer as it comes out: the magnitude, the least significant limb first and the last one not zero.
#[derive(Default, Debug)]
pub struct Digits {
    negative: bool,
    limbs: Vec<Word>,
}

/// The sum, difference or product of two integers of not too many limbs, into `digits`; false for anything else, which need
/// not be tried. The values must be alive.
pub fn limbwise(operation: Operation, left: Value, right: Value, digits: &mut Digits) -> bool {
    let (mut first, mut second) = ([0], [0]);
    let (Some(left), Some(mut right)) = (magnitude(left, &mut first), magnitude(right, &mut second)) else {
        return false;
    };
    if left.limbs.len().max(right.limbs.len()) > LIMBS_MAX {
        return false;
    }
    match operation {
        Operation::Add => add(left, right, digits),
        Operation::Subtract => {
            right.negative = !right.negative;
            add(left, right, digits);
        }
        Operation::Multiply if left.limbs.len().min(right.limbs.len()) <= FACTOR_MAX => {
            multiply(left.limbs, right.limbs, &mut digits.limbs);
            digits.negative = left.negative != right.negative;
        }
        _ => return false,
    }
    while digits.limbs.last() == Some(&0) {
        digits.limbs.pop();
    }
    true
}

impl Digits {
    /// The value of the integer. `allocate` is asked for zeroed heap space of a number of bytes if it is no fixnum.
    ///
    /// # Errors
    /// Those of `allocate`.
    pub fn value<E>(&self, allocate: impl FnOnce(usize) -> Result<usize, E>) -> Result<Value, E> {
        match *self.limbs {
            [] => return Ok(Value::fixnum(0)),
            // The magnitude of the least fixnum is one more than the largest one.
            [limb] if limb <= FIXNUM_MAX as Word + Word::from(self.negative) => {
                let number = limb as i64;
                return Ok(Value::fixnum(if self.negative { -number } else { number }));
            }
            _ => {}
        }
        Limbs { negative: self.negative, limbs: &self.limbs }.boxed(allocate)
    }
}

/// The limbs of an integer; those of a fixnum are put into `room`.
fn magnitude(value: Value, room: &mut [Word; 1]) -> Option<Limbs<'_>> {
    let Some(number) = value.as_fixnum() else { return Limbs::of(value) };
    *room = [number.unsigned_abs()];
    Some(Limbs { negative: number < 0, limbs: &room[..usize::from(number != 0)] })
}

fn add(left: Limbs, right: Limbs, digits: &mut Digits) {
    if left.negative == right.negative {
        digits.negative = left.negative;
        return sum(left.limbs, right.limbs, &mut digits.limbs);
    }
    let (positive, other) = (Limbs { negative: false, ..left }, Limbs { negative: false, ..right });
    let (larger, smaller) = match positive.compare(other) {
        Ordering::Less => (right, left),
        _ => (left, right),
    };
    digits.negative = larger.negative;
    difference(larger.limbs, smaller.limbs, &mut digits.limbs);
}

fn sum(left: &[Word], right: &[Word], out: &mut Vec<Word>) {
    let (longer, shorter) = if left.len() < right.len() { (right, left) } else { (left, right) };
    out.clear();
    out.extend_from_slice(longer);
    let mut carry = false;
    let (low, high) = out.split_at_mut(shorter.len());
    for (limb, other) in low.iter_mut().zip(shorter) {
        let (sum, first) = limb.overflowing_add(*other);
        let (sum, second) = sum.overflowing_add(Word::from(carry));
        (*limb, carry) = (sum, first | second);
    }
    for limb in high {
        if !carry {
            return;
        }
        (*limb, carry) = limb.overflowing_add(1);
    }
    if carry {
        out.push(1);
    }
}

/// What is left of a magnitude that is not below the other one.
fn difference(larger: &[Word], smaller: &[Word], out: &mut Vec<Word>) {
    out.clear();
    out.extend_from_slice(larger);
    let mut borrow = false;
    let (low, high) = out.split_at_mut(smaller.len());
    for (limb, other) in low.iter_mut().zip(smaller) {
        let (rest, first) = limb.overflowing_sub(*other);
        let (rest, second) = rest.overflowing_sub(Word::from(borrow));
        (*limb, borrow) = (rest, first | second);
    }
    for limb in high {
        if !borrow {
            return;
        }
        (*limb, borrow) = limb.overflowing_sub(1);
    }
}

fn multiply(left: &[Word], right: &[Word], out: &mut Vec<Word>) {
    let (longer, shorter) = if left.len() < right.len() { (right, left) } else { (left, right) };
    out.clear();
    out.resize(longer.len() + shorter.len(), 0);
    for (at, factor) in shorter.iter().enumerate() {
        let mut carry = 0;
        let (row, rest) = out[at..].split_at_mut(longer.len());
        for (limb, other) in row.iter_mut().zip(longer) {
            let product = u128::from(*factor) * u128::from(*other) + u128::from(*limb) + u128::from(carry);
            (*limb, carry) = (product as Word, (product >> Word::BITS) as Word);
        }
        // No row before this one came here.
        if let Some(next) = rest.first_mut() {
            *next = carry;
        }
    }
}
