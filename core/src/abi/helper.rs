//! The runtime helpers that native code may call, by name. Their numbers and parameters are facts.

use super::fact::facts;

facts! { "helper":
/// Words of the context that are addresses of helpers, or free for them.
pub const HELPER_WORDS: usize = 96;
}

macro_rules! helpers {
    ($($(#[$doc:meta])* $name:ident $text:literal $count:literal,)*) => {
        /// A runtime helper. Takes the context and some words; returns a word, which is
        /// [`crate::abi::FAILURE`] if an error is on its way.
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
    /// The value of a double whose bits are given as a word: immediate or boxed, NaN made the one NaN.
    BoxDouble "box_double" 1,
    /// Allocate that many bytes (a multiple of the granule); the address, untagged. Never fails by returning 0:
    /// it returns `FAILURE` when memory is out.
    Allocate "allocate" 1,
    /// Value of a cell whose address is given: raises `unbound`.
    UnboundVariable "unbound_variable" 1,
    /// Assign the variable that a cell (address) stands for: cell, value.
    SetCell "set_cell" 2,
    /// Define in the cell's environment: cell, value, 1 for a constant.
    DefineCell "define_cell" 3,
    /// Make a closure of a prototype's code (value) with room for n captures (raw count), filled with nil.
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
    /// Call a value with one argument: callee, argument.
    Call1 "call_1" 2,
    /// Call a value with two arguments.
    Call2 "call_2" 3,
    /// Call a value with three arguments.
    Call3 "call_3" 4,
    /// Call a primitive's function (address) with one argument.
    Primitive1 "primitive_1" 2,
    /// The same with two arguments.
    Primitive2 "primitive_2" 3,
    /// The same with three arguments.
    Primitive3 "primitive_3" 4,
    /// The bits of the double that a number (a value) is, as far as a mode (see [`number_bits`]) allows.
    NumberBits "number_bits" 2,
    /// An object with that many slots (raw count), filled with nil, for the variables of a function.
    MakeFrame "make_frame" 1,
    /// An error leaves a loop that runs natively in a frame of the interpreter: the image's number and the number of
    /// the site. Completes the error's position, and tells the interpreter where its frame was.
    LeaveLoop "leave_loop" 2,
    /// Call a value with that many arguments, which are in the argument area.
    CallValue "call_value" 2,
    /// An error is about to be handled: the image's number and the number of the site. Completes its position.
    PlaceError "place_error" 2,
    /// Takes the error on its way out of the context, for a handler; `FAILURE` if handlers must not see it.
    CatchError "catch_error" 0,
    /// Takes what is on its way out of the context, whatever it is, for what must be done in any case.
    TakeError "take_error" 0,
    /// Puts an error value (caught before) back on its way; returns `FAILURE`.
    RaiseError "raise_error" 1,
    /// Evaluate the body of a `with-environment`: environment, code (value of its prototype's code object). The
    /// captured variables are in the argument area, their number is the third word.
    WithEnvironment "with_environment" 3,
    /// In metered code, a function was entered with this argument count (with `TAIL_CALL_FLAG`), and the context's
    /// fuel or depth is negative now: raises the error of the limit, and takes the entry's depth back.
    EntryLimit "entry_limit" 1,
    /// In metered code, a loop was about to turn, and the context's fuel is negative now: raises `out-of-fuel`.
    TurnLimit "turn_limit" 0,
    /// A place in code found nothing for its arguments in its inline cache: image, place of the cache, argument count. The
    /// arguments are in the argument area: object and field's name. Answers the field.
    GetField "get_field" 3,
    /// The same with a value to set, which it answers.
    SetField "set_field" 3,
    /// The same for object, class, and the field's index.
    GetFieldAt "get_field_at" 3,
    /// The same for object, class, the field's index, and a value to set, which it answers.
    SetFieldAt "set_field_at" 3,
    /// The same for a class and values of fields: answers a new instance. The cache is for classes of as many fields as
    /// the place has in its upper half.
    MakeInstance "make_instance" 3,
    /// The same for the arguments of a call of the fourth word: answers the method to call in its place, or itself if
    /// there is none. Leaves its entry in the context's `tail_entry`. The place has in its upper half how many arguments
    /// the cache has keys of. Never fails.
    FindMethod "find_method" 4,
    /// A guess failed: the image's number, the number of the site, and the operands (one of them twice if it is the
    /// only one). Returns nil, and allocates nothing. The operation itself is done by the code.
    Deviated "deviated" 4,
    /// Call a value with one argument, where code is that guessed types wrongly, and note the argument's type: callee,
    /// argument, the image's number, the number of the site.
    Note1 "note_1" 4,
    /// The same with two arguments.
    Note2 "note_2" 5,
    /// For code of narrow words only: the signed quotient, truncated. The divisor is not 0, nor -1 of the least word.
    Divide "divide" 2,
    /// The same: the signed remainder of that quotient.
    Remainder "remainder" 2,
    /// For code of narrow words only: the upper 64 bits of the signed product's 128.
    MultiplyHigh "multiply_high" 2,
}

impl Helper {
    /// The helpers that are arithmetic: they take no notice of the context. Only code of narrow words calls them.
    pub const ARITHMETIC: &'static [Helper] = &[Helper::Divide, Helper::Remainder, Helper::MultiplyHigh];

    /// What a helper that is arithmetic computes; `None` where that is undefined, and for all other helpers.
    pub fn arithmetic(self, a: u64, b: u64) -> Option<u64> {
        match self {
            Helper::Divide => (a as i64).checked_div(b as i64).map(|quotient| quotient as u64),
            Helper::Remainder => (a as i64).checked_rem(b as i64).map(|remainder| remainder as u64),
            Helper::MultiplyHigh => Some(((i128::from(a as i64) * i128::from(b as i64)) >> 64) as u64),
            _ => None,
        }
    }
}

const _: () = assert!(Helper::ALL.len() <= HELPER_WORDS, "the context has no room for all helpers");

/// Modes and results of [`Helper::NumberBits`].
pub mod number_bits {
    use super::super::fact::facts;

    facts! { "number_bits":
    /// Any number: an integer gives the nearest double.
    pub const ANY: i64 = 0;
    /// Doubles, and integers that a double holds exactly.
    pub const EXACT: i64 = 1;
    /// Doubles only.
    pub const DOUBLE: i64 = 2;
    /// The result for all other values: the bits of a NaN that no value has.
    pub const REFUSED: i64 = -1;
    }
}
