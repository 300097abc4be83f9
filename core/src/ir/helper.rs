//! The runtime helpers that native code may call, by name. Numbers are part of the image's ABI stamp.

macro_rules! helpers {
    ($($(#[$doc:meta])* $name:ident $text:literal $count:literal,)*) => {
        /// A runtime helper. Takes the context and some words; returns a word, which is
        /// [`crate::value::FAILURE`] if an error is on its way.
        #[repr(u8)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
        pub enum Helper { $($(#[$doc])* $name,)* }
        impl Helper {
            /// All helpers, in order of their numbers.
            pub const ALL: &'static [Helper] = &[$(Helper::$name,)*];
            /// The name in IR text.
            pub fn name(self) -> &'static str { match self { $(Helper::$name => $text,)* } }
            /// How many words it takes after the context.
            pub fn parameters(self) -> usize { match self { $(Helper::$name => $count,)* } }
        }
    };
}

helpers! {
    /// `(+ a b)` for any values.
    Add "add" 2,
    /// `(- a b)`.
    Subtract "subtract" 2,
    /// `(* a b)`.
    Multiply "multiply" 2,
    /// `(/ a b)`.
    Divide "divide" 2,
    /// `(quotient a b)`.
    Quotient "quotient" 2,
    /// `(remainder a b)`.
    Remainder "remainder" 2,
    /// `(modulo a b)`.
    Modulo "modulo" 2,
    /// `(< a b)`, as `#t` or nil.
    Less "less" 2,
    /// `(<= a b)`.
    LessEqual "less_equal" 2,
    /// `(= a b)`.
    Equal "equal" 2,
    /// `(& a b)`.
    BitAnd "bit_and" 2,
    /// `(| a b)`.
    BitOr "bit_or" 2,
    /// `(^ a b)`.
    BitXor "bit_xor" 2,
    /// `(<< a b)`.
    ShiftLeft "shift_left" 2,
    /// `(>> a b)`.
    ShiftRight "shift_right" 2,
    /// The value of a double whose bits are given as a word: immediate or boxed, NaN made the one NaN.
    BoxDouble "box_double" 1,
    /// A fixnum-or-larger value of a signed 64-bit word.
    BoxInteger "box_integer" 1,
    /// Bits of the double nearest to a number; `FAILURE` cannot be told from bits, so callers test first that
    /// the value is a number.
    DoubleBits "double_bits" 1,
    /// Allocate that many bytes (a multiple of the granule); the address, untagged. Never fails by returning 0:
    /// it returns `FAILURE` when memory is out.
    Allocate "allocate" 1,
    /// Allocate a pair: car, cdr.
    Cons "cons" 2,
    /// `(array-at a i)`.
    ArrayAt "array_at" 2,
    /// `(set-array-at a i v)`.
    SetArrayAt "set_array_at" 3,
    /// `(string-at s i)`.
    StringAt "string_at" 2,
    /// `(set-string-at s i c)`.
    SetStringAt "set_string_at" 3,
    /// Call primitive number (a fixnum) with (count, …): the arguments are in the argument area. Inlined callers
    /// use it where they know the primitive.
    CallPrimitive "call_primitive" 2,
    /// Value of a cell whose address is given: raises `unbound`.
    UnboundVariable "unbound_variable" 1,
    /// Assign the variable that a cell (address) stands for: cell, value.
    SetCell "set_cell" 2,
    /// Define in the cell's environment: cell, value, 1 for a constant.
    DefineCell "define_cell" 3,
    /// Make a closure of a template's code (value) with room for n captures (raw count), filled with nil.
    MakeClosure "make_closure" 2,
    /// Callee value, argument count (with `TAIL_CALL_FLAG`): the wrong number of arguments.
    WrongCount "wrong_count" 2,
    /// Callee value, argument count: not something that can be called, or a cell that is unbound.
    NotCallable "not_callable" 2,
    /// Callee value, argument count: run it in the interpreter (or as a primitive). The arguments are in the
    /// argument area. May return `TAIL_REQUEST`.
    Interpret "interpret" 2,
    /// Number of fixed parameters, argument count: the list of the arguments past the fixed ones, which are all in
    /// the argument area.
    RestList "rest_list" 2,
    /// A function with this callee value found no room for its frame.
    StackOverflow "stack_overflow" 1,
    /// The context's interrupt word was not zero. Returns nil, or `FAILURE` for an interrupt.
    Poll "poll" 0,
    /// An error passes a frame: the image's handle and the number of the site. Completes the error's position and
    /// backtrace; returns `FAILURE`.
    PassError "pass_error" 2,
    /// Call what a cell (address) holds with that many arguments, which are in the argument area.
    CallCell "call_cell" 2,
    /// An error is about to be handled: the image's number and the number of the site. Completes its position.
    PlaceError "place_error" 2,
    /// Takes the error on its way out of the context, for a handler; `FAILURE` if handlers must not see it.
    CatchError "catch_error" 0,
    /// Takes what is on its way out of the context, whatever it is, for what must be done in any case.
    TakeError "take_error" 0,
    /// Puts an error value (caught before) back on its way; returns `FAILURE`.
    RaiseError "raise_error" 1,
    /// Evaluate the body of a `with-environment`: environment, code (value of its template's code object). The
    /// captured variables are in the argument area, their number is the third word.
    WithEnvironment "with_environment" 3,
    /// A field of a class or a generic operation that is rare: `p.x` with p, symbol.
    FieldGet "field_get" 2,
    /// `(set p.x v)`: p, symbol, v.
    FieldSet "field_set" 3,
    /// A loop in the interpreter's frame became native and asks for the frame's slot array to be reloaded.
    Reserved "reserved" 0,
}
