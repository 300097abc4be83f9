//! The stack of values that the interpreter keeps its frames and arguments on: reserved memory at a fixed address,
//! scanned by the collector up to its top.

use super::{Failure, Runtime};
use crate::value::{Value, WORD_SIZE};

/// A stack of values.
#[derive(Debug)]
pub struct ValueStack {
    base: *mut Value,
    /// Number of values on it.
    pub top: usize,
    capacity: usize,
}

impl ValueStack {
    /// Reserve room for that many values; pages are committed when touched.
    ///
    /// # Errors
    /// When the system refuses the reservation.
    pub fn new(capacity: usize) -> Result<ValueStack, String> {
        use super::reserve;
        let capacity = reserve::share(capacity * WORD_SIZE, reserve::VALUES_SHARE) / WORD_SIZE;
        let base = super::reserve::reserve_words(capacity)?;
        Ok(ValueStack { base: base.cast(), top: 0, capacity })
    }
    /// The values in use.
    #[inline]
    pub fn values(&self) -> &[Value] {
        // SAFETY: words up to `top` were written by `grow` or `push`.
        unsafe { std::slice::from_raw_parts(self.base, self.top) }
    }
    /// Values from `start` to the top.
    #[inline]
    pub fn values_from(&self, start: usize) -> &[Value] {
        &self.values()[start..]
    }
    /// Address of a place.
    pub fn place(&self, index: usize) -> *mut Value {
        debug_assert!(index <= self.capacity);
        // SAFETY: within the reservation.
        unsafe { self.base.add(index) }
    }
    /// Read a place below the top.
    #[inline]
    pub fn get(&self, index: usize) -> Value {
        debug_assert!(index < self.top);
        // SAFETY: below the top, so written before.
        unsafe { *self.base.add(index) }
    }
    /// Write a place below the top.
    #[inline]
    pub fn set(&mut self, index: usize, value: Value) {
        debug_assert!(index < self.top);
        // SAFETY: below the top, so within the reservation.
        unsafe { *self.base.add(index) = value }
    }
    /// Make room for `count` more values, all nil; false if there is no room.
    #[inline]
    pub fn grow(&mut self, count: usize) -> bool {
        if self.top + count > self.capacity {
            return false;
        }
        for index in self.top..self.top + count {
            // SAFETY: below the capacity.
            unsafe { *self.base.add(index) = Value::NIL }
        }
        self.top += count;
        true
    }
    /// Push a value; false if there is no room.
    #[inline]
    pub fn push(&mut self, value: Value) -> bool {
        if self.top >= self.capacity {
            return false;
        }
        // SAFETY: below the capacity.
        unsafe { *self.base.add(self.top) = value }
        self.top += 1;
        true
    }
    /// Values from `start` to the top, in a slice that does not borrow the stack.
    ///
    /// # Safety
    /// While the slice is used, the stack is alive, and these values stay on it as they are: what is pushed above them
    /// is taken down again, and none is set.
    #[inline]
    pub unsafe fn from<'a>(&self, start: usize) -> &'a [Value] {
        debug_assert!(start <= self.top);
        // SAFETY: words up to the top were written; the caller vouches for the rest.
        unsafe { std::slice::from_raw_parts(self.base.add(start), self.top - start) }
    }
}

impl Runtime {
    /// Push a value on the stack of values.
    ///
    /// # Errors
    /// `stack-overflow` when it is full.
    #[inline]
    pub fn push(&mut self, value: Value) -> Result<(), Failure> {
        if self.stack.push(value) {
            Ok(())
        } else {
            Err(self.stack_overflow())
        }
    }
}

impl Drop for ValueStack {
    fn drop(&mut self) {
        // SAFETY: the runtime that the stack belonged to is gone.
        unsafe { super::reserve::release_words(self.base.cast(), self.capacity) }
    }
}
