//! What it means for two values to be the same: identity, `=` and `equal`.

use crate::interp::call;
use crate::runtime::{Failure, Outcome, PrimitiveInfo, Runtime};
use crate::value::{number, Kind, Value};
use rustc_hash::FxBuildHasher;
use std::collections::HashMap;

/// The section's table.
pub const TABLE: &[PrimitiveInfo] = &[
    PrimitiveInfo::fixed("eq", 2, |runtime, arguments| {
        Ok(Value::boolean(identical(runtime, arguments[0], arguments[1])))
    }),
    PrimitiveInfo::fixed("eq?", 2, |runtime, arguments| {
        Ok(Value::boolean(identical(runtime, arguments[0], arguments[1])))
    }),
    PrimitiveInfo::fixed("equal", 2, equal_primitive).quiet(),
    PrimitiveInfo::fixed("equal?", 2, equal_primitive).quiet(),
    PrimitiveInfo::fixed("not", 1, |_, arguments| Ok(Value::boolean(arguments[0].is_nil()))),
    PrimitiveInfo::variadic("=", 1, equal_values_primitive).quiet(),
    PrimitiveInfo::fixed("!=", 2, |runtime, arguments| {
        Ok(Value::boolean(!equal_values(runtime, arguments[0], arguments[1])))
    })
    .quiet(),
];

fn equal_primitive(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    Ok(Value::boolean(equal(runtime, arguments[0], arguments[1])?))
}

fn equal_values_primitive(runtime: &mut Runtime, arguments: &[Value]) -> Outcome {
    Ok(Value::boolean(arguments.windows(2).all(|pair| equal_values(runtime, pair[0], pair[1]))))
}

/// `eq`: the same object, or doubles of the same bits. Those have no identity: compiled code unboxes them, and boxes
/// them again when it must.
pub fn identical(runtime: &Runtime, left: Value, right: Value) -> bool {
    left == right || left.is_object() && right.is_object() && same_double(runtime, left, right)
}

#[cold]
fn same_double(runtime: &Runtime, left: Value, right: Value) -> bool {
    let bits = |value: Value| runtime.as_double(value).map(f64::to_bits);
    bits(left).is_some_and(|left| Some(left) == bits(right))
}

/// `=`: numbers by value, strings by content, everything else by identity. NaN is equal to nothing.
#[inline]
pub fn equal_values(runtime: &Runtime, left: Value, right: Value) -> bool {
    if left.is_fixnum() && right.is_fixnum() {
        return left == right;
    }
    if runtime.is_kind(left, Kind::String) {
        return left == right || same_text(runtime, left, right);
    }
    if let Some(equal) = number::equal(left, right) {
        return equal;
    }
    left == right
}

fn same_text(runtime: &Runtime, left: Value, right: Value) -> bool {
    runtime.is_kind(right, Kind::String) && points(runtime, left) == points(runtime, right)
}

/// The bytes of a string's code points, four each.
pub fn points(runtime: &Runtime, string: Value) -> &[u8] {
    let storage = runtime.field(string, crate::value::offset::SEQUENCE_STORAGE);
    &runtime.bytes(storage)[..4 * runtime.sequence_length(string)]
}

/// `equal`: as `=`, but pairs, arrays and data are compared by what they hold. Structures that contain themselves are
/// equal if nothing that can be reached in them tells them apart.
///
/// # Errors
/// `interrupt`.
#[inline]
pub fn equal(runtime: &mut Runtime, left: Value, right: Value) -> Result<bool, Failure> {
    if left.is_fixnum() && right.is_fixnum() {
        return Ok(left == right);
    }
    equal_others(runtime, left, right)
}

fn equal_others(runtime: &mut Runtime, left: Value, right: Value) -> Result<bool, Failure> {
    if left.tag() != right.tag() || !left.is_pointer() || is_leaf(runtime, left) {
        return Ok(equal_values(runtime, left, right));
    }
    let mut comparison =
        Comparison { waiting: Vec::new(), plain: PLAIN_AT_FIRST, noted: 0, assumed: HashMap::default() };
    let mut equal = comparison.compare(runtime, left, right)?;
    while let Some(next) = comparison.waiting.pop().filter(|_| equal) {
        equal = match next {
            Waiting::Values(left, right) => comparison.compare(runtime, left, right)?,
            Waiting::Elements(left, right, index) => comparison.elements(runtime, left, right, index)?,
        };
    }
    Ok(equal)
}

/// Whether a value is neither a pair nor an object whose contents decide what it is equal to.
fn is_leaf(runtime: &Runtime, value: Value) -> bool {
    value.is_object() && !runtime.is_kind(value, Kind::Array) && !runtime.is_kind(value, Kind::Data)
}

/// Steps without notes: before the first notes are taken, and after [`NOTED`] new ones were.
const PLAIN_AT_FIRST: u32 = 10_000;
const PLAIN: u32 = 1000;
/// New notes in a row that end a stretch of them.
const NOTED: u32 = 40;

/// A comparison under way, which ends for all structures after a number of steps in proportion to their size (Adams and
/// Dybvig: Efficient nondestructive equality checking for trees and graphs). What two structures hold is compared
/// once; where they meet again they are assumed to be equal, for if they are not, that shows elsewhere. Taking note
/// of every meeting is slow, and needless in trees: most steps do without.
struct Comparison {
    waiting: Vec<Waiting>,
    /// Steps to go without notes.
    plain: u32,
    /// Notes taken since a meeting was last found among them.
    noted: u32,
    /// Sets of structures assumed to be equal: each leads to another of its set, up to one that leads nowhere.
    assumed: HashMap<usize, usize, FxBuildHasher>,
}

/// What remains to be compared, last one first.
enum Waiting {
    Values(Value, Value),
    /// The elements of two arrays, which are equally long, from an index on.
    Elements(Value, Value, usize),
}

impl Comparison {
    /// Whether two values may be equal. A list is followed, what else they hold is left to wait.
    fn compare(&mut self, runtime: &mut Runtime, mut left: Value, mut right: Value) -> Result<bool, Failure> {
        while left.is_pair() && right.is_pair() {
            if left == right || self.assume(left, right) {
                return Ok(true);
            }
            call::poll(runtime)?;
            let (first, second) = (runtime.car(left), runtime.car(right));
            (left, right) = (runtime.cdr(left), runtime.cdr(right));
            if first.is_pair() && second.is_pair() {
                self.waiting.push(Waiting::Values(left, right));
                (left, right) = (first, second);
            } else if !self.compare_others(runtime, first, second) {
                return Ok(false);
            }
        }
        Ok(self.compare_others(runtime, left, right))
    }

    /// The same for values that are not both pairs.
    fn compare_others(&mut self, runtime: &Runtime, left: Value, right: Value) -> bool {
        match (runtime.kind(left), runtime.kind(right)) {
            (Some(Kind::Array), Some(Kind::Array)) => {
                let same = runtime.sequence_length(left) == runtime.sequence_length(right);
                if same && left != right && !self.assume(left, right) {
                    self.waiting.push(Waiting::Elements(left, right, 0));
                }
                same
            }
            (Some(Kind::Data), Some(Kind::Data)) => {
                super::data::contents(runtime, left) == super::data::contents(runtime, right)
            }
            _ => equal_values(runtime, left, right),
        }
    }

    fn elements(&mut self, runtime: &mut Runtime, left: Value, right: Value, index: usize) -> Result<bool, Failure> {
        if index == runtime.sequence_length(left) {
            return Ok(true);
        }
        call::poll(runtime)?;
        self.waiting.push(Waiting::Elements(left, right, index + 1));
        let (first, second) =
            (super::arrays::element(runtime, left, index), super::arrays::element(runtime, right, index));
        self.compare(runtime, first, second)
    }

    /// Assume that two structures are equal; whether that is assumed already, as far as notes were taken.
    fn assume(&mut self, left: Value, right: Value) -> bool {
        if self.plain > 0 {
            self.plain -= 1;
            return false;
        }
        let (left, right) = (self.representative(left.address()), self.representative(right.address()));
        if left == right {
            self.noted = 0;
            return true;
        }
        self.assumed.insert(left, right);
        self.noted += 1;
        if self.noted == NOTED {
            (self.plain, self.noted) = (PLAIN, 0);
        }
        false
    }

    /// The one of a set that leads nowhere. Those on the way are brought closer to it.
    fn representative(&mut self, mut structure: usize) -> usize {
        while let Some(next) = self.assumed.get(&structure).copied() {
            let Some(after) = self.assumed.get(&next).copied() else { return next };
            self.assumed.insert(structure, after);
            structure = after;
        }
        structure
    }
}
