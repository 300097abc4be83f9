//! Making and reading heap objects: the only place outside the heap that touches their memory.

use super::{ErrorKind, Failure, Outcome, Runtime, Symbol};
use crate::value::{field, header, offset, Kind, Value, HEADER_KIND_SHIFT, HEADER_SIZE_SHIFT, PAIR_CAR, PAIR_CDR};

/// What a symbol takes besides its object and its name: about, for the limit of the heap.
const SYMBOL_BYTES: usize = 100;

impl Runtime {
    /// The word at an offset from a heap object's address.
    #[inline]
    pub fn field(&self, object: Value, offset: i32) -> Value {
        debug_assert!(object.is_pointer());
        // SAFETY: `object` points to a live heap object and callers pass offsets of fields that its kind has.
        unsafe { *((object.address() + offset as usize) as *const Value) }
    }
    /// Write such a word. Every field store goes through here, or through native code's own store.
    #[inline]
    pub fn set_field(&mut self, object: Value, offset: i32, value: Value) {
        debug_assert!(object.is_pointer());
        // SAFETY: as for `field`.
        unsafe { *((object.address() + offset as usize) as *mut Value) = value }
    }
    /// The number of an object's kind.
    #[inline]
    pub fn kind_number(&self, object: Value) -> u8 {
        (self.field(object, offset::HEADER).0 >> HEADER_KIND_SHIFT) as u8
    }
    /// The kind of an object; `None` for pairs and immediates.
    pub fn kind(&self, value: Value) -> Option<Kind> {
        value.is_object().then(|| Kind::from_number(self.kind_number(value))).flatten()
    }
    /// An object's size in bytes, header included.
    pub fn size(&self, object: Value) -> usize {
        (self.field(object, offset::HEADER).0 >> HEADER_SIZE_SHIFT) as usize
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
    /// A new object of a kind with fields, as many as there are in a slice of values that stay reachable.
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
    /// A new object of raw bytes, a copy of those in a slice. If they are in the heap, their object is reachable.
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
    /// The raw bytes of an object of a raw kind, header excluded. The slice is valid while the object lives; it
    /// must not be held across an allocation unless the object is reachable.
    pub fn bytes<'a>(&self, object: Value) -> &'a mut [u8] {
        let size = self.size(object) - field(0) as usize;
        // SAFETY: the object's header gives its size; the heap never moves it, and callers keep it reachable.
        unsafe { std::slice::from_raw_parts_mut((object.address() + field(0) as usize) as *mut u8, size) }
    }
    /// The fields of an object that holds values, under the same conditions.
    pub fn slots<'a>(&self, object: Value) -> &'a mut [Value] {
        let count = self.size(object) / 8 - 1;
        // SAFETY: as for `bytes`.
        unsafe { std::slice::from_raw_parts_mut((object.address() + field(0) as usize) as *mut Value, count) }
    }

    /// A new pair.
    ///
    /// # Errors
    /// When memory is out.
    #[inline]
    pub fn cons(&mut self, car: Value, cdr: Value) -> Outcome {
        let address = self.allocate_unfilled(crate::value::PAIR_SIZE)?;
        let pair = Value::pair_at(address);
        self.set_field(pair, PAIR_CAR, car);
        self.set_field(pair, PAIR_CDR, cdr);
        Ok(pair)
    }
    /// The car of a pair; nil of anything else.
    #[inline]
    pub fn car(&self, value: Value) -> Value {
        if value.is_pair() {
            self.field(value, PAIR_CAR)
        } else {
            Value::NIL
        }
    }
    /// The cdr of a pair; nil of anything else.
    #[inline]
    pub fn cdr(&self, value: Value) -> Value {
        if value.is_pair() {
            self.field(value, PAIR_CDR)
        } else {
            Value::NIL
        }
    }
    /// Change a pair's cdr.
    pub fn set_cdr(&mut self, pair: Value, value: Value) {
        self.set_field(pair, PAIR_CDR, value);
    }
    /// Change a pair's car.
    pub fn set_car(&mut self, pair: Value, value: Value) {
        self.set_field(pair, PAIR_CAR, value);
    }
    /// A list of values.
    ///
    /// # Errors
    /// When memory is out.
    pub fn list(&mut self, values: &[Value]) -> Outcome {
        let mut list = Value::NIL;
        for value in values.iter().rev() {
            list = self.cons(*value, list)?;
        }
        Ok(list)
    }
    /// The number of pairs in a list's spine, which must not be circular.
    pub fn list_length(&self, mut list: Value) -> usize {
        let mut length = 0;
        while list.is_pair() {
            length += 1;
            list = self.cdr(list);
        }
        length
    }
    /// The elements of a list. They stay reachable only through the list.
    pub fn list_to_vec(&self, list: Value) -> Vec<Value> {
        let mut elements = Vec::new();
        let mut pairs = Pairs::of(list);
        while let Some(pair) = pairs.next(self) {
            elements.push(self.car(pair));
        }
        elements
    }

    /// A new string.
    ///
    /// # Errors
    /// When memory is out.
    pub fn string(&mut self, text: &str) -> Outcome {
        let length = text.chars().count();
        let storage = self.raw_object(Kind::Bytes, 4 * length)?;
        store_points(self.bytes(storage), text);
        self.string_with(storage, length)
    }
    /// A new string of a symbol's name.
    ///
    /// # Errors
    /// When memory is out.
    pub fn name_string(&mut self, symbol: Symbol) -> Outcome {
        let length = self.symbols.name(symbol).chars().count();
        let storage = self.raw_object(Kind::Bytes, 4 * length)?;
        store_points(self.bytes(storage), self.symbols.name(symbol));
        self.string_with(storage, length)
    }
    /// A new string of that many code points, which its storage holds.
    ///
    /// # Errors
    /// When memory is out.
    #[inline]
    pub fn string_with(&mut self, storage: Value, length: usize) -> Outcome {
        self.object_of(Kind::String, [Value::fixnum(length as i64), storage, Value::fixnum(0)])
    }
    /// A string remembers the hash of its text. This changes nothing that a program can see.
    pub fn note_string_hash(&self, string: Value, hash: u64) {
        debug_assert!(self.is_kind(string, Kind::String));
        // SAFETY: every string has this field; see `set_field`.
        unsafe { *((string.address() + offset::STRING_HASH as usize) as *mut u64) = hash }
    }
    /// Two strings of the same text, whose hashes are known, have one storage from then on: that they are the same shows
    /// sooner the next time. This changes nothing that a program can see.
    pub fn share_storage(&mut self, string: Value, other: Value) {
        let storage = self.field(other, offset::SEQUENCE_STORAGE);
        self.set_field(string, offset::SEQUENCE_STORAGE, storage);
    }
    /// A string's text. (Programs cannot store what is no character.)
    pub fn text(&self, string: Value) -> String {
        let mut text = String::with_capacity(self.sequence_length(string));
        text.extend(self.points(string).map(|point| char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER)));
        text
    }
    /// A string's code points.
    pub fn points<'a>(&self, string: Value) -> impl DoubleEndedIterator<Item = u32> + Clone + 'a {
        let length = self.sequence_length(string);
        let bytes: &'a [u8] = &self.bytes(self.field(string, offset::SEQUENCE_STORAGE))[..4 * length];
        bytes.as_chunks().0.iter().map(|point| u32::from_le_bytes(*point))
    }
    /// The length of an array, string or data.
    pub fn sequence_length(&self, sequence: Value) -> usize {
        self.field(sequence, offset::SEQUENCE_LENGTH).as_fixnum().unwrap_or(0) as usize
    }
    /// A new array of that many nils.
    ///
    /// # Errors
    /// When memory is out.
    pub fn array(&mut self, length: usize) -> Outcome {
        let storage = self.object(Kind::Slots, length)?;
        self.object_of(Kind::Array, [Value::fixnum(length as i64), storage])
    }
    /// A new array of values that stay reachable.
    ///
    /// # Errors
    /// When memory is out.
    pub fn array_of(&mut self, elements: &[Value]) -> Outcome {
        let storage = self.object_like(Kind::Slots, elements)?;
        self.object_of(Kind::Array, [Value::fixnum(elements.len() as i64), storage])
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
        let double = self.raw_object(Kind::Double, 8)?;
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

    /// The symbol with a name that a program made.
    ///
    /// # Errors
    /// When memory is out.
    pub fn intern(&mut self, name: &str) -> Result<Symbol, Failure> {
        if let Some(symbol) = self.symbols.find(name) {
            return Ok(symbol);
        }
        // Symbols are never given back: neither are these bytes.
        self.hold_outside(2 * name.len() + SYMBOL_BYTES)?;
        let object = self.object(Kind::Symbol, 1)?;
        Ok(self.name_symbol(name, object))
    }
    fn name_symbol(&mut self, name: &str, object: Value) -> Symbol {
        let number = self.symbols.count();
        self.set_field(object, offset::INDEX, Value::fixnum(number as i64));
        self.symbols.add(name, object)
    }
    /// The same, as a value.
    ///
    /// # Errors
    /// When memory is out.
    pub fn intern_value(&mut self, name: &str) -> Outcome {
        self.intern(name).map(|symbol| self.symbols.value(symbol))
    }
    /// The symbol with a name that the language knows, or that a part of a symbol's name is. A new symbol's object comes
    /// from the heap's reserve when memory is out.
    ///
    /// # Panics
    /// When the reserve is out too: it has room for more symbols than there are such names.
    pub fn symbol(&mut self, name: &str) -> Symbol {
        self.intern(name).unwrap_or_else(|Failure| {
            self.heap.open_reserve(true);
            let symbol = self.object(Kind::Symbol, 1).map(|object| self.name_symbol(name, object));
            self.heap.open_reserve(false);
            symbol.expect("memory for a symbol of the language's own")
        })
    }
    /// The symbol with such a name, as a value.
    pub fn symbol_value(&mut self, name: &str) -> Value {
        let symbol = self.symbol(name);
        self.symbols.value(symbol)
    }
    /// The symbol that a value is.
    pub fn as_symbol(&self, value: Value) -> Option<Symbol> {
        self.is_kind(value, Kind::Symbol).then(|| Symbol(self.index(value)))
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

    /// Raise `out-of-memory`. The error object was made at the start, since there is no room for a new one.
    pub fn out_of_memory(&mut self) -> Failure {
        let error = self.memory_error;
        self.set_field(error, offset::ERROR_POSITION, Value::NIL);
        self.set_field(error, offset::ERROR_BACKTRACE, Value::NIL);
        self.raise(error)
    }
    /// Raise `stack-overflow`.
    pub fn stack_overflow(&mut self) -> Failure {
        self.error(ErrorKind::StackOverflow, "the stack is used up: recursion too deep", &[])
    }
    /// The error on its way, which is then no longer on its way.
    pub fn take_failure(&mut self) -> Value {
        std::mem::replace(&mut self.context.failure, Value::NIL)
    }
    /// The kind of an error value, if it is one.
    pub fn error_kind(&self, error: Value) -> Option<ErrorKind> {
        let kind = self.is_kind(error, Kind::Error).then(|| self.field(error, offset::ERROR_KIND))?;
        let name = self.symbols.name(self.as_symbol(kind)?);
        ErrorKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Write the code points of a text, four bytes each.
fn store_points(places: &mut [u8], text: &str) {
    let places = places.as_chunks_mut().0.iter_mut();
    if text.is_ascii() {
        places.zip(text.bytes()).for_each(|(place, byte)| *place = u32::from(byte).to_le_bytes());
    } else {
        places.zip(text.chars()).for_each(|(place, character)| *place = u32::from(character).to_le_bytes());
    }
}

/// A walk over the pairs of a list. In a list that leads back into itself it ends, too, after every pair was met at
/// least once (Brent's algorithm: one pair is remembered, anew after twice as many steps each time).
pub struct Pairs {
    at: Value,
    remembered: Value,
    steps: usize,
    limit: usize,
}

impl Pairs {
    /// A walk from the start of a list.
    pub fn of(list: Value) -> Pairs {
        Pairs { at: list, remembered: Value::NIL, steps: 0, limit: 1 }
    }
    /// The next pair.
    pub fn next(&mut self, runtime: &Runtime) -> Option<Value> {
        let pair = self.at;
        if !pair.is_pair() || pair == self.remembered {
            return None;
        }
        if self.steps == self.limit {
            self.remembered = pair;
            (self.steps, self.limit) = (0, self.limit * 2);
        }
        self.steps += 1;
        self.at = runtime.cdr(pair);
        Some(pair)
    }
}
