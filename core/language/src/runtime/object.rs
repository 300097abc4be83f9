//! Making and reading heap objects: the only place outside the heap that touches their memory.
//!
//! A [`Value`] that is a pointer was made here, or by native code, and points to an object that the collector has not
//! taken back: that is the invariant by which these functions are safe. Whoever keeps a value keeps the invariant by
//! keeping it where the collector looks. Offsets and sizes are checked in debug builds.
//!
//! Slices of an object's memory borrow the runtime, so that nothing can be allocated or changed while they are used.
//! Whoever needs that reads word by word, or has parts copied here.

use super::{Outcome, Runtime};
use crate::value::{
    field, header, offset, Kind, Value, HEADER_KIND_SHIFT, HEADER_SIZE_SHIFT, HEADER_WORDS, PAIR_SIZE, WORD_SIZE,
};
use std::ops::Range;

impl Runtime {
    /// The word at an offset from a heap object's address, which is that of a field.
    #[inline]
    pub fn field(&self, object: Value, offset: i32) -> Value {
        self.check_field(object, offset);
        // SAFETY: the object is alive, and has a word there.
        unsafe { *((object.address() + offset as usize) as *const Value) }
    }
    /// Write such a word. Every field store goes through here, or through native code's own store.
    #[inline]
    pub fn set_field(&mut self, object: Value, offset: i32, value: Value) {
        self.check_field(object, offset);
        // SAFETY: as for `field`; and nobody has a slice of it, which would borrow the runtime.
        unsafe { *((object.address() + offset as usize) as *mut Value) = value }
    }
    /// In debug builds: whether an object has a word at an offset.
    #[inline]
    fn check_field(&self, object: Value, offset: i32) {
        debug_assert!(object.is_pointer(), "{object:?} has no fields");
        debug_assert!(
            offset >= 0
                && (offset as usize).is_multiple_of(WORD_SIZE)
                && (offset as usize) < if object.is_pair() { PAIR_SIZE } else { stated_size(object) },
            "an object of {} bytes has no field at {offset}",
            stated_size(object)
        );
    }
    /// Field `index` of an object of values.
    #[inline]
    pub fn slot(&self, object: Value, index: usize) -> Value {
        self.field(object, field(index))
    }
    /// Change it.
    #[inline]
    pub fn set_slot(&mut self, object: Value, index: usize, value: Value) {
        self.set_field(object, field(index), value);
    }
    /// The number of an object's kind.
    #[inline]
    pub fn kind_number(&self, object: Value) -> u8 {
        (self.field(object, offset::HEADER).0 >> HEADER_KIND_SHIFT) as u8
    }
    /// The kind of an object; `None` for pairs and immediates.
    #[inline]
    pub fn kind(&self, value: Value) -> Option<Kind> {
        value.is_object().then(|| Kind::from_number(self.kind_number(value))).flatten()
    }
    /// An object's size in bytes, header included.
    #[inline]
    pub fn size(&self, object: Value) -> usize {
        stated_size(object)
    }

    /// A new object of a kind with that many fields, all nil.
    ///
    /// # Errors
    /// When memory is out.
    pub fn object(&mut self, kind: Kind, fields: usize) -> Outcome {
        let size = field(fields) as usize;
        let address = self.allocate_unfilled(size)?;
        // SAFETY: there are `size` writable bytes, all of which are written.
        unsafe {
            *(address as *mut u64) = header(kind, size);
            std::slice::from_raw_parts_mut((address + field(0) as usize) as *mut Value, fields).fill(Value::NIL);
        }
        Ok(Value::object_at(address))
    }
    /// A new object of a kind with these fields.
    ///
    /// # Errors
    /// When memory is out.
    #[inline]
    pub fn object_of<const FIELDS: usize>(&mut self, kind: Kind, fields: [Value; FIELDS]) -> Outcome {
        let size = const { field(FIELDS) as usize };
        let address = self.allocate_unfilled(size)?;
        // SAFETY: there are `size` writable bytes, all of which are written.
        unsafe {
            *(address as *mut u64) = header(kind, size);
            *((address + field(0) as usize) as *mut [Value; FIELDS]) = fields;
        }
        Ok(Value::object_at(address))
    }
    /// A new object of a kind with fields, as many as there are in a slice of values that stay reachable without it.
    ///
    /// # Errors
    /// When memory is out.
    pub fn object_like(&mut self, kind: Kind, fields: &[Value]) -> Outcome {
        let size = field(fields.len()) as usize;
        let address = self.allocate_unfilled(size)?;
        // SAFETY: there are `size` writable bytes, all of which are written.
        unsafe {
            *(address as *mut u64) = header(kind, size);
            std::ptr::copy_nonoverlapping(fields.as_ptr(), (address + field(0) as usize) as *mut Value, fields.len());
        }
        Ok(Value::object_at(address))
    }
    /// A new object of raw bytes (after the header), all zero.
    ///
    /// # Errors
    /// When memory is out.
    pub fn raw_object(&mut self, kind: Kind, bytes: usize) -> Outcome {
        let size = field(0) as usize + bytes;
        let address = self.allocate(size)?;
        // SAFETY: `allocate` gave `size` writable bytes, all of them zero.
        unsafe { *(address as *mut u64) = header(kind, size) };
        Ok(Value::object_at(address))
    }
    /// A new object of raw bytes, a copy of those in a slice.
    ///
    /// # Errors
    /// When memory is out.
    #[inline]
    pub fn raw_object_like(&mut self, kind: Kind, bytes: &[u8]) -> Outcome {
        let size = field(0) as usize + bytes.len();
        let address = self.allocate_unfilled(size)?;
        // SAFETY: there are `size` writable bytes, all of which are written.
        unsafe {
            *(address as *mut u64) = header(kind, size);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), (address + field(0) as usize) as *mut u8, bytes.len());
        }
        Ok(Value::object_at(address))
    }
    /// The raw bytes of an object of a raw kind, header excluded.
    #[inline]
    pub fn bytes(&self, object: Value) -> &[u8] {
        debug_assert!(self.kind(object).is_some_and(Kind::is_raw));
        // SAFETY: the object's header gives its size; while the runtime is borrowed, nobody writes or collects.
        unsafe { std::slice::from_raw_parts(first(object), self.size(object) - field(0) as usize) }
    }
    /// The same, to write them.
    #[inline]
    pub fn bytes_mut(&mut self, object: Value) -> &mut [u8] {
        debug_assert!(self.kind(object).is_some_and(Kind::is_raw));
        // SAFETY: as for `bytes`; the only slice, since it borrows the runtime.
        unsafe { std::slice::from_raw_parts_mut(first(object), self.size(object) - field(0) as usize) }
    }
    /// How many fields an object of values has.
    #[inline]
    pub fn slot_count(&self, object: Value) -> usize {
        self.size(object) / WORD_SIZE - HEADER_WORDS
    }
    /// The fields of an object of values.
    #[inline]
    pub fn slots(&self, object: Value) -> &[Value] {
        debug_assert!(!self.kind(object).is_some_and(Kind::is_raw));
        // SAFETY: as for `bytes`.
        unsafe { std::slice::from_raw_parts(first(object), self.slot_count(object)) }
    }
    /// The same, to write them.
    #[inline]
    pub fn slots_mut(&mut self, object: Value) -> &mut [Value] {
        debug_assert!(!self.kind(object).is_some_and(Kind::is_raw));
        // SAFETY: as for `bytes_mut`.
        unsafe { std::slice::from_raw_parts_mut(first(object), self.slot_count(object)) }
    }
    /// A new object of a kind with some of the fields of another, which stays reachable.
    ///
    /// # Errors
    /// When memory is out.
    pub fn object_from(&mut self, kind: Kind, other: Value, range: Range<usize>) -> Outcome {
        assert!(range.start <= range.end && range.end <= self.slot_count(other));
        let size = field(range.len()) as usize;
        let address = self.allocate_unfilled(size)?;
        // SAFETY: there are `size` writable bytes, all of which are written; the fields are the other object's.
        unsafe {
            *(address as *mut u64) = header(kind, size);
            let fields = first::<Value>(other).add(range.start);
            std::ptr::copy_nonoverlapping(fields, (address + field(0) as usize) as *mut Value, range.len());
        }
        Ok(Value::object_at(address))
    }
    /// A new object of raw bytes with some of the bytes of another, which stays reachable.
    ///
    /// # Errors
    /// When memory is out.
    pub fn raw_object_from(&mut self, kind: Kind, other: Value, range: Range<usize>) -> Outcome {
        assert!(range.start <= range.end && range.end <= self.bytes(other).len());
        let size = field(0) as usize + range.len();
        let address = self.allocate_unfilled(size)?;
        // SAFETY: there are `size` writable bytes, all of which are written; the bytes are the other object's.
        unsafe {
            *(address as *mut u64) = header(kind, size);
            let bytes = first::<u8>(other).add(range.start);
            std::ptr::copy_nonoverlapping(bytes, (address + field(0) as usize) as *mut u8, range.len());
        }
        Ok(Value::object_at(address))
    }
    /// Copy fields of one object of values into another.
    pub fn copy_slots(&mut self, from: Value, range: Range<usize>, to: Value, at: usize) {
        let source = std::ptr::from_ref(&self.slots(from)[range.clone()]).cast::<Value>();
        let places = std::ptr::from_mut(&mut self.slots_mut(to)[at..at + range.len()]).cast::<Value>();
        // SAFETY: both lie in objects; they may be the same.
        unsafe { std::ptr::copy(source, places, range.len()) }
    }
    /// Copy bytes of one raw object into another.
    pub fn copy_bytes(&mut self, from: Value, range: Range<usize>, to: Value, at: usize) {
        let source = std::ptr::from_ref(&self.bytes(from)[range.clone()]).cast::<u8>();
        let places = std::ptr::from_mut(&mut self.bytes_mut(to)[at..at + range.len()]).cast::<u8>();
        // SAFETY: as in `copy_slots`.
        unsafe { std::ptr::copy(source, places, range.len()) }
    }

    /// A double: immediate where its bits allow, else boxed. Every NaN becomes the one NaN.
    ///
    /// # Errors
    /// When memory is out.
    pub fn double(&mut self, number: f64) -> Outcome {
        if let Some(value) = Value::immediate_double(number) {
            return Ok(value);
        }
        let bits = if number.is_nan() { f64::NAN.to_bits() } else { number.to_bits() };
        let double = self.raw_object(Kind::Double, WORD_SIZE)?;
        self.set_field(double, offset::DOUBLE_BITS, Value(bits));
        Ok(double)
    }
    /// The number of a double, immediate or boxed.
    pub fn as_double(&self, value: Value) -> Option<f64> {
        if let Some(number) = value.as_immediate_double() {
            return Some(number);
        }
        self.is_kind(value, Kind::Double).then(|| f64::from_bits(self.field(value, offset::DOUBLE_BITS).0))
    }

    /// The index in an object that stands for something on Rust's side.
    pub fn index(&self, object: Value) -> u32 {
        self.field(object, offset::INDEX).as_fixnum().unwrap_or(0) as u32
    }
    /// An object that stands for entry `index` of a table on Rust's side.
    ///
    /// # Errors
    /// When memory is out.
    pub fn index_object(&mut self, kind: Kind, index: u32) -> Outcome {
        let object = self.object(kind, 1)?;
        self.set_field(object, offset::INDEX, Value::fixnum(i64::from(index)));
        Ok(object)
    }
}

/// The size in bytes that the header of an object says.
#[inline]
fn stated_size(object: Value) -> usize {
    debug_assert!(object.is_object());
    // SAFETY: the object is alive; its first word is its header.
    unsafe { (*(object.address() as *const u64) >> HEADER_SIZE_SHIFT) as usize }
}

/// Where an object's fields or bytes start.
#[inline]
fn first<T>(object: Value) -> *mut T {
    (object.address() + field(0) as usize) as *mut T
}
