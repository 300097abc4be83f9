//! The layout of values: the one place that knows tags, headers and field offsets.
//!
//! Interpreter, lowering and runtime share these constants; nobody else writes a tag.
//!
//! A value is one 64-bit word. Its low three bits are the tag:
//!
//! | tag | what | the other bits |
//! |---|---|---|
//! | 0 | fixnum | 61-bit integer |
//! | 1, 4, 5 | double | the bits rotated left by 4, plus 1 ("float self-tagging", arXiv 2411.16544) |
//! | 2 | header | never a value: the first word of a heap object |
//! | 3 | pair | address of two words, car and cdr, without a header |
//! | 6 | immediate | nil, true, and marks that never reach a program |
//! | 7 | object | address of a header followed by fields |
//!
//! Doubles whose three high exponent bits are 000, 011 or 100 (zeros, and magnitudes from 2^-255 to 2^256) are
//! immediate; all others, infinities and the one NaN among them, are boxed in a [`Kind::Double`] object.
//! Heap addresses are multiples of 16.

use super::fact::facts;
use super::word_offset;

/// One machine word: a value, or raw bits.
pub type Word = u64;

facts! { "layout":
/// Bytes in a word.
pub const WORD_SIZE: usize = 8;
/// How many low bits the tag has.
pub const TAG_BITS: u32 = 3;
/// The tag's bits.
pub const TAG_MASK: Word = 7;

/// Tag of integers that fit 61 bits.
pub const TAG_FIXNUM: Word = 0;
/// Tag of an object's first word; no value has it, so that a heap can be parsed.
pub const TAG_HEADER: Word = 2;
/// Tag of pairs.
pub const TAG_PAIR: Word = 3;
/// Tag of constants such as nil.
pub const TAG_IMMEDIATE: Word = 6;
/// Tag of pointers to objects with a header.
pub const TAG_OBJECT: Word = 7;

/// The set of tags, as a bit mask indexed by tag, that immediate doubles have.
pub const DOUBLE_TAGS: u8 = 0b0011_0010;
/// The set of tags that fixnums have.
pub const FIXNUM_TAGS: u8 = 0b0000_0001;
/// The set of tags that heap pointers have.
pub const POINTER_TAGS: u8 = 0b1000_1000;
/// An immediate double is its bits rotated left by this …
pub const DOUBLE_ROTATE: u32 = 4;
/// … plus this.
pub const DOUBLE_BIAS: Word = 1;

/// Nil, the empty list, the only false value.
pub const NIL: Word = 0x06;
/// `#t`. Differs from nil in one bit, [`BOOLEAN_SHIFT`], so that a comparison makes a boolean by shift and or.
pub const TRUE: Word = 0x0e;
/// `NIL | flag << BOOLEAN_SHIFT` is the boolean of a flag.
pub const BOOLEAN_SHIFT: u32 = 3;
/// Low byte of the mark of an unbound cell; the other bits are the index of the symbol. Never seen by a program.
pub const UNBOUND: Word = 0x16;
/// Bit at which the index of the symbol starts in the mark of an unbound cell.
pub const UNBOUND_SYMBOL_SHIFT: u32 = 8;
/// The low byte, which tells [`UNBOUND`] marks from all values.
pub const UNBOUND_MASK: Word = 0xff;
/// Returned in place of a value when an error is on its way; the error is in the context.
pub const FAILURE: Word = 0x1e;
/// Returned by the interpreter to native code that called it: jump to the callee that the context names.
pub const TAIL_REQUEST: Word = 0x26;
/// In the context in place of an error: the program asked to exit. Handlers let it pass.
pub const EXIT: Word = 0x2e;

/// Largest fixnum.
pub const FIXNUM_MAX: i64 = i64::MAX >> TAG_BITS;
/// Smallest fixnum.
pub const FIXNUM_MIN: i64 = i64::MIN >> TAG_BITS;

/// Granule of the heap in bytes: every object starts at a multiple of it and takes a multiple of it.
pub const GRANULE: usize = 16;
/// The largest object, in bytes, that code may allocate by bumping the context's pointer inline.
pub const INLINE_ALLOCATION_MAX: usize = 128;

/// The first kind whose objects can be called; all kinds from here on can.
pub const FIRST_CALLABLE: u8 = Kind::Closure as u8;
/// Words before the fields of an object: its header.
pub const HEADER_WORDS: usize = 1;
/// Bit at which the header's kind starts.
pub const HEADER_KIND_SHIFT: u32 = 8;
/// Bit at which the header's size in bytes, header included, starts.
pub const HEADER_SIZE_SHIFT: u32 = 16;
/// Byte offset of the car from a pair's address.
pub const PAIR_CAR: i32 = word_offset(0);
/// Byte offset of the cdr from a pair's address.
pub const PAIR_CDR: i32 = word_offset(1);
/// Bytes of a pair.
pub const PAIR_SIZE: usize = 2 * WORD_SIZE;
}

/// What a heap object with a header is. The number stands in bits 8..16 of the header.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Kind {
    /// Unused granules that a parser of the heap skips.
    Filler = 0,
    /// An integer too large for a fixnum: sign word (0 or 1), then limbs, least significant first.
    Big = 1,
    /// A double that is no immediate: its bits.
    Double = 2,
    /// Raw bytes, the storage of strings (four bytes a code point) and data.
    Bytes = 3,
    /// Value slots, the storage of arrays and tables.
    Slots = 4,
    /// `<string>`: length, storage, hash.
    String = 5,
    /// `<symbol>`: index into the table of names.
    Symbol = 6,
    /// `<array>`: length, storage.
    Array = 7,
    /// `<data>`: length, storage.
    Data = 8,
    /// A variable that closures share and somebody assigns: its value.
    Box = 9,
    /// What several closures of one lambda share: native entry, index of its prototype.
    Code = 10,
    /// `<environment>`: index of its table of cells.
    Environment = 11,
    /// `<error>`: kind, message, irritants, position, backtrace.
    Error = 12,
    /// `<class>`: index of its description.
    Class = 13,
    /// An instance of a user's class: class, then fields.
    Instance = 14,
    /// A hash table: count, storage.
    Table = 15,
    /// `<architecture>`: index into the registry.
    Architecture = 16,
    /// `<form>`, a macro: its expansion function.
    Form = 17,
    /// A file or string that is read or written: index.
    Port = 18,
    /// `<expr>`: code, then captured values. The first of the callable kinds.
    Closure = 24,
    /// `<subr>`: code, index of the primitive.
    Primitive = 25,
    /// `<selector>`: code, index.
    Selector = 26,
    /// `<generic>`: code, index. The last of the callable kinds.
    Generic = 27,
}

impl Kind {
    /// Every kind, for tables indexed by it.
    pub const ALL: [Kind; 23] = [
        Kind::Filler,
        Kind::Big,
        Kind::Double,
        Kind::Bytes,
        Kind::Slots,
        Kind::String,
        Kind::Symbol,
        Kind::Array,
        Kind::Data,
        Kind::Box,
        Kind::Code,
        Kind::Environment,
        Kind::Error,
        Kind::Class,
        Kind::Instance,
        Kind::Table,
        Kind::Architecture,
        Kind::Form,
        Kind::Port,
        Kind::Closure,
        Kind::Primitive,
        Kind::Selector,
        Kind::Generic,
    ];

    /// The kind with this number.
    #[inline]
    pub fn from_number(number: u8) -> Option<Kind> {
        const KINDS: [Option<Kind>; 256] = {
            let (mut kinds, mut index) = ([None; 256], 0);
            while index < Kind::ALL.len() {
                kinds[Kind::ALL[index] as usize] = Some(Kind::ALL[index]);
                index += 1;
            }
            kinds
        };
        KINDS[number as usize]
    }

    /// Whether the words after the header are raw bits rather than values.
    #[inline]
    pub fn is_raw(self) -> bool {
        matches!(self, Kind::Filler | Kind::Big | Kind::Double | Kind::Bytes)
    }
}

/// The header of an object of `size` bytes, header included. A size need not be a multiple of the granule: the
/// heap rounds up, and the slack at the end holds zeros.
#[inline]
pub const fn header(kind: Kind, size: usize) -> Word {
    TAG_HEADER | (kind as Word) << HEADER_KIND_SHIFT | (size as Word) << HEADER_SIZE_SHIFT
}

/// The header that all arrays, all data and all strings have.
#[inline]
pub const fn sequence_header(kind: Kind) -> Word {
    let fields = if matches!(kind, Kind::String) { 3 } else { 2 };
    header(kind, field(fields) as usize)
}

/// Byte offset of field `index` (0 is the first after the header) from an object's address.
#[inline]
pub const fn field(index: usize) -> i32 {
    word_offset(HEADER_WORDS + index)
}

/// Byte offset of the byte of an object's header that is the number of its kind, for a target with that order of bytes.
#[inline]
pub const fn offset_of_kind(little_endian: bool) -> i32 {
    let from_lowest = (HEADER_KIND_SHIFT / u8::BITS) as i32;
    offset::HEADER + if little_endian { from_lowest } else { WORD_SIZE as i32 - 1 - from_lowest }
}

/// Field offsets from the object's address (tag removed), by kind.
pub mod offset {
    use super::super::fact::facts;
    use super::field;

    facts! { "offset":
    /// The header.
    pub const HEADER: i32 = 0;
    /// Box: the value.
    pub const BOX_VALUE: i32 = field(0);
    /// Double: the bits.
    pub const DOUBLE_BITS: i32 = field(0);
    /// Any callable: its code object, a value.
    pub const CALLABLE_CODE: i32 = field(0);
    /// Closure: the first captured value.
    pub const CLOSURE_CAPTURES: i32 = field(1);
    /// Primitive, selector, generic: the index, a fixnum.
    pub const CALLABLE_INDEX: i32 = field(1);
    /// Code: address that native callers jump to, a multiple of 8 (so it looks like a fixnum); 0 while no native
    /// machine is set up.
    pub const CODE_ENTRY: i32 = field(0);
    /// Fields of a code object.
    pub const CODE_FIELDS: usize = 2;
    /// Code: index of the prototype, a fixnum.
    pub const CODE_PROTOTYPE: i32 = field(1);
    /// Array, string, data: the length, a fixnum.
    pub const SEQUENCE_LENGTH: i32 = field(0);
    /// Array, string, data: the storage, a value of kind Slots or Bytes.
    pub const SEQUENCE_STORAGE: i32 = field(1);
    /// String: the hash of its text, as tables have it, or 0 while nobody asked for it. Once it is known, the storage may
    /// be another string's too: who changes the text must take a storage of its own first, and put 0 here.
    pub const STRING_HASH: i32 = field(2);
    /// Slots: the first slot.
    pub const SLOTS_FIRST: i32 = field(0);
    /// Bytes: the first byte.
    pub const BYTES_FIRST: i32 = field(0);
    /// Instance: its class, a value.
    pub const INSTANCE_CLASS: i32 = field(0);
    /// Instance: the first field.
    pub const INSTANCE_FIELDS: i32 = field(1);
    /// Symbol, environment, class, architecture, port: the index, a fixnum.
    pub const INDEX: i32 = field(0);
    /// Form: the expansion function, a value.
    pub const FORM_FUNCTION: i32 = field(0);
    /// Error: kind, a symbol.
    pub const ERROR_KIND: i32 = field(0);
    /// Error: message, a string.
    pub const ERROR_MESSAGE: i32 = field(1);
    /// Error: irritants, a list.
    pub const ERROR_IRRITANTS: i32 = field(2);
    /// Error: position, a fixnum made by `Position::to_fixnum`, or nil while unknown.
    pub const ERROR_POSITION: i32 = field(3);
    /// Error: backtrace, a list of pairs (function name . position), innermost first.
    pub const ERROR_BACKTRACE: i32 = field(4);
    }
}

/// A value: one tagged word. Copied freely; the collector never moves what it points to.
///
/// Values on the Rust stack keep their objects alive (stacks are scanned conservatively). Values inside Rust's own
/// heap (`Vec`, `Box`, maps) do not, unless the structure is traced by the runtime.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value(pub Word);

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match (self.as_fixnum(), self.as_immediate_double()) {
            (Some(number), _) => write!(f, "{number}"),
            (_, Some(number)) => write!(f, "{number:?}"),
            _ => write!(f, "{:#x}", self.0),
        }
    }
}

impl Value {
    /// Nil.
    pub const NIL: Value = Value(NIL);
    /// True.
    pub const TRUE: Value = Value(TRUE);

    /// The fixnum of `number`, which must lie in `FIXNUM_MIN..=FIXNUM_MAX`.
    #[inline]
    pub const fn fixnum(number: i64) -> Value {
        debug_assert!(number <= FIXNUM_MAX && number >= FIXNUM_MIN);
        Value((number as Word) << TAG_BITS)
    }
    /// `#t` or nil.
    #[inline]
    pub const fn boolean(flag: bool) -> Value {
        Value(NIL | (flag as Word) << BOOLEAN_SHIFT)
    }
    /// The immediate double, or `None` where the number must be boxed.
    #[inline]
    pub fn immediate_double(number: f64) -> Option<Value> {
        let word = number.to_bits().rotate_left(DOUBLE_ROTATE).wrapping_add(DOUBLE_BIAS);
        (DOUBLE_TAGS >> (word & TAG_MASK) & 1 != 0).then_some(Value(word))
    }
    /// The pair at an address.
    #[inline]
    pub const fn pair_at(address: usize) -> Value {
        Value(address as Word | TAG_PAIR)
    }
    /// The object at an address.
    #[inline]
    pub const fn object_at(address: usize) -> Value {
        Value(address as Word | TAG_OBJECT)
    }
    /// The mark of an unbound cell for the symbol with this index.
    #[inline]
    pub const fn unbound(symbol: u32) -> Value {
        Value(UNBOUND | (symbol as Word) << UNBOUND_SYMBOL_SHIFT)
    }

    /// The tag.
    #[inline]
    pub const fn tag(self) -> Word {
        self.0 & TAG_MASK
    }
    /// Whether this is nil.
    #[inline]
    pub const fn is_nil(self) -> bool {
        self.0 == NIL
    }
    /// Whether a condition holds: everything but nil.
    #[inline]
    pub const fn is_true(self) -> bool {
        self.0 != NIL
    }
    /// Whether this is a fixnum.
    #[inline]
    pub const fn is_fixnum(self) -> bool {
        self.tag() == TAG_FIXNUM
    }
    /// The fixnum's number.
    #[inline]
    pub const fn as_fixnum(self) -> Option<i64> {
        if self.is_fixnum() {
            Some((self.0 as i64) >> TAG_BITS)
        } else {
            None
        }
    }
    /// The number of an immediate double.
    #[inline]
    pub fn as_immediate_double(self) -> Option<f64> {
        (DOUBLE_TAGS >> self.tag() & 1 != 0)
            .then(|| f64::from_bits(self.0.wrapping_sub(DOUBLE_BIAS).rotate_right(DOUBLE_ROTATE)))
    }
    /// Whether this is a pair.
    #[inline]
    pub const fn is_pair(self) -> bool {
        self.tag() == TAG_PAIR
    }
    /// Whether this points to an object with a header.
    #[inline]
    pub const fn is_object(self) -> bool {
        self.tag() == TAG_OBJECT
    }
    /// Whether this points into the heap.
    #[inline]
    pub const fn is_pointer(self) -> bool {
        self.is_pair() || self.is_object()
    }
    /// The symbol's index if this is the mark of an unbound cell.
    #[inline]
    pub const fn as_unbound(self) -> Option<u32> {
        if self.0 & UNBOUND_MASK == UNBOUND {
            Some((self.0 >> UNBOUND_SYMBOL_SHIFT) as u32)
        } else {
            None
        }
    }
    /// The address of a pair or object, tag removed.
    #[inline]
    pub const fn address(self) -> usize {
        (self.0 & !TAG_MASK) as usize
    }
}
