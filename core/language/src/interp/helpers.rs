//! The helpers that native code calls: `extern "C"` functions of the context and some words.
//!
//! Each turns the context into the runtime, does what its name says, and answers a word: a value, or `FAILURE`
//! with the error in the context.

use crate::interp::{self, instances};
use crate::runtime::{Cell, CellId, Failure, Outcome, Runtime, SiteFrame};
use crate::value::number::Number;
use crate::value::{offset, Kind, Value, Word, FAILURE, TAIL_REQUEST};
use maru_core::abi::{
    image_number, number_bits, split_cache_place, split_count, Context, Helper, Position, INTERRUPT_MEMORY,
};

/// Addresses by number, for the context.
pub fn addresses() -> [usize; Context::HELPERS] {
    let mut addresses = [0; Context::HELPERS];
    for helper in Helper::ALL {
        addresses[*helper as usize] = address(*helper);
    }
    addresses
}

type Helper0 = unsafe extern "C" fn(*mut Context) -> Word;
type Helper1 = unsafe extern "C" fn(*mut Context, Word) -> Word;
type Helper2 = unsafe extern "C" fn(*mut Context, Word, Word) -> Word;
type Helper3 = unsafe extern "C" fn(*mut Context, Word, Word, Word) -> Word;
type Helper5 = unsafe extern "C" fn(*mut Context, Word, Word, Word, Word, Word) -> Word;
type Helper4 = unsafe extern "C" fn(*mut Context, Word, Word, Word, Word) -> Word;

fn address(helper: Helper) -> usize {
    match helper {
        Helper::BoxDouble => box_double as Helper1 as usize,
        Helper::Allocate => allocate as Helper1 as usize,
        Helper::UnboundVariable => unbound_variable as Helper1 as usize,
        Helper::SetCell => set_cell as Helper2 as usize,
        Helper::DefineCell => define_cell as Helper3 as usize,
        Helper::MakeClosure => make_closure as Helper2 as usize,
        Helper::WrongCount => wrong_count as Helper2 as usize,
        Helper::NotCallable => not_callable as Helper2 as usize,
        Helper::Interpret => interpret as Helper2 as usize,
        Helper::RestList => rest_list as Helper2 as usize,
        Helper::StackOverflow => stack_overflow as Helper1 as usize,
        Helper::Poll => poll as Helper0 as usize,
        Helper::PassError => pass_error as Helper2 as usize,
        Helper::Call1 => call_1 as Helper2 as usize,
        Helper::Call2 => call_2 as Helper3 as usize,
        Helper::Call3 => call_3 as Helper4 as usize,
        Helper::Primitive1 => primitive_1 as Helper2 as usize,
        Helper::Primitive2 => primitive_2 as Helper3 as usize,
        Helper::Primitive3 => primitive_3 as Helper4 as usize,
        Helper::NumberBits => number_bits as Helper2 as usize,
        Helper::MakeFrame => make_frame as Helper1 as usize,
        Helper::CallValue => call_value as Helper2 as usize,
        Helper::LeaveLoop => leave_loop as Helper2 as usize,
        Helper::PlaceError => place_error as Helper2 as usize,
        Helper::CatchError => catch_error as Helper0 as usize,
        Helper::TakeError => take_error as Helper0 as usize,
        Helper::RaiseError => raise_error as Helper1 as usize,
        Helper::WithEnvironment => with_environment as Helper3 as usize,
        Helper::EntryLimit => entry_limit as Helper1 as usize,
        Helper::TurnLimit => turn_limit as Helper0 as usize,
        Helper::GetField => get_field as Helper3 as usize,
        Helper::SetField => set_field as Helper3 as usize,
        Helper::GetFieldAt => get_field_at as Helper3 as usize,
        Helper::SetFieldAt => set_field_at as Helper3 as usize,
        Helper::MakeInstance => make_instance as Helper3 as usize,
        Helper::FindMethod => find_method as Helper4 as usize,
        Helper::Deviated => deviated as Helper4 as usize,
        Helper::Note1 => note_1 as Helper4 as usize,
        Helper::Note2 => note_2 as Helper5 as usize,
        Helper::Divide => divide as Helper2 as usize,
        Helper::Remainder => remainder as Helper2 as usize,
        Helper::MultiplyHigh => multiply_high as Helper2 as usize,
    }
}

/// Call a helper for a machine that does not run on this CPU.
///
/// # Safety
/// The context is a live runtime's, and the words are what the helper's description asks for.
///
/// # Panics
/// If their number is not the helper's.
pub unsafe fn call(helper: Helper, context: *mut Context, words: &[Word]) -> Word {
    let address = address(helper);
    // SAFETY: the address is that of a helper with as many parameters; the caller vouches for the rest.
    unsafe {
        match *words {
            [] => std::mem::transmute::<usize, Helper0>(address)(context),
            [a] => std::mem::transmute::<usize, Helper1>(address)(context, a),
            [a, b] => std::mem::transmute::<usize, Helper2>(address)(context, a, b),
            [a, b, c] => std::mem::transmute::<usize, Helper3>(address)(context, a, b, c),
            [a, b, c, d] => std::mem::transmute::<usize, Helper4>(address)(context, a, b, c, d),
            [a, b, c, d, e] => std::mem::transmute::<usize, Helper5>(address)(context, a, b, c, d, e),
            _ => panic!("{} takes {} words, not {}", helper.name(), helper.parameters(), words.len()),
        }
    }
}

/// The runtime that a context belongs to.
///
/// # Safety
/// Called by native code that the runtime entered with this context, so that nothing else uses the runtime.
unsafe fn runtime<'a>(context: *mut Context) -> &'a mut Runtime {
    // SAFETY: the runtime sets the pointer on each entry into native code, and lives longer than that.
    unsafe { &mut *(*context).runtime.cast::<Runtime>() }
}

// Arithmetic on whole words, for CPUs with narrower registers.

extern "C" fn divide(_: *mut Context, a: Word, b: Word) -> Word {
    Helper::Divide.arithmetic(a, b).unwrap_or(0)
}

extern "C" fn remainder(_: *mut Context, a: Word, b: Word) -> Word {
    Helper::Remainder.arithmetic(a, b).unwrap_or(0)
}

extern "C" fn multiply_high(_: *mut Context, a: Word, b: Word) -> Word {
    Helper::MultiplyHigh.arithmetic(a, b).unwrap_or(0)
}

fn word(outcome: Outcome) -> Word {
    outcome.map_or(FAILURE, |value| value.0)
}

/// Raise an error of kind `compile`: a machine met a fault of the code it was given.
///
/// # Safety
/// As for `call`.
pub unsafe fn machine_fault(context: *mut Context, message: &str) -> Word {
    // SAFETY: by the contract of helpers.
    let runtime = unsafe { runtime(context) };
    let Failure = runtime.error(crate::runtime::ErrorKind::Compile, message, &[]);
    FAILURE
}

/// The primitive's function at an address that native code was given.
///
/// # Safety
/// The address is that of a [`crate::runtime::PrimitiveFunction`].
unsafe fn function_at(address: Word) -> crate::runtime::PrimitiveFunction {
    // SAFETY: by this function's contract.
    unsafe { std::mem::transmute::<usize, crate::runtime::PrimitiveFunction>(address as usize) }
}

/// The number of the cell at an address that native code was given.
///
/// # Safety
/// The address came from `Cells::address`, and the cell's environment lives.
unsafe fn cell_at(address: Word) -> CellId {
    // SAFETY: by this function's contract.
    unsafe { (*(address as *const Cell)).id }
}

/// Where the tail call stands that led here: the call's image and site, or a position that the interpreter left there.
fn tail_position(runtime: &Runtime) -> Position {
    Position::unpack(runtime.context.tail_site)
}

/// An error reaches a handler in the function that a site of an image is in: the functions whose bodies were inlined
/// are left, the function itself is not. Where the error is in the latter.
fn handle_error(runtime: &mut Runtime, image: Word, site: Word) -> Option<SiteFrame> {
    let places = places_to_leave(runtime, image, site);
    let (outermost, inlined) = places.split_last()?;
    leave(runtime, inlined);
    runtime.place_error(outermost.position);
    Some(*outermost)
}

/// The functions that an error at a site leaves, innermost first. One that is raised again, where a handler is done, has
/// left those whose bodies were inlined on its way to the handler.
fn places_to_leave(runtime: &mut Runtime, image: Word, site: Word) -> Vec<SiteFrame> {
    let mut places = runtime.site_of(image_number(image), site as u32);
    if std::mem::take(&mut runtime.extensions.raised_again) {
        places.drain(..places.len().saturating_sub(1));
    }
    places
}

/// An error leaves functions, innermost first.
fn leave(runtime: &mut Runtime, places: &[SiteFrame]) {
    for (inlined, place) in places.iter().enumerate() {
        match place.has_left {
            false => runtime.place_error(place.position),
            // What it has left for is the body that stands here.
            true if inlined > 0 => {}
            true => runtime.place_error_of_call(place.position),
        }
        if let Some(name) = place.name {
            runtime.pass_frame(name, place.position);
        }
    }
}

/// The frame that a native tail call left: the call's position, and the name of the function that made it.
fn tail_frame(runtime: &Runtime, site: Position) -> Option<(Position, Value)> {
    let (image, site) = site.as_site()?;
    let places = runtime.site_of(image, site);
    places.first().and_then(|place| Some((place.position, place.name?)))
}

macro_rules! helpers {
    ($($(#[$doc:meta])* fn $name:ident($runtime:ident $(, $parameter:ident)*) $body:block)*) => {
        $($(#[$doc])*
        unsafe extern "C" fn $name(context: *mut Context $(, $parameter: Word)*) -> Word {
            // SAFETY: native code calls helpers with the context it was entered with.
            let $runtime = unsafe { runtime(context) };
            $body
        })*
    };
}

helpers! {
    fn box_double(runtime, bits) {
        let number = f64::from_bits(bits);
        runtime.double(number).map_or_else(|Failure| {
            // The caller cannot raise an error here: the next safepoint does.
            runtime.context.failure = Value::NIL;
            runtime.context.interrupt = INTERRUPT_MEMORY;
            Value(crate::value::DOUBLE_BIAS).0
        }, |value| value.0)
    }
    fn allocate(runtime, bytes) {
        runtime.allocate(bytes as usize).map_or(FAILURE, |address| address as Word)
    }
    fn unbound_variable(runtime, mark) {
        let Failure = unbound(runtime, Value(mark));
        FAILURE
    }
    fn set_cell(runtime, cell, value) {
        // SAFETY: the code's data table holds addresses of cells of its own environment.
        let cell = unsafe { cell_at(cell) };
        word(interp::set_variable(runtime, cell, Value(value)))
    }
    fn define_cell(runtime, cell, value, constant) {
        // SAFETY: as above.
        let cell = unsafe { cell_at(cell) };
        word(interp::define_variable(runtime, cell, Value(value), constant != 0))
    }
    fn make_closure(runtime, code, captures) {
        let closure = runtime.object(Kind::Closure, 1 + captures as usize);
        word(closure.inspect(|closure| runtime.set_field(*closure, offset::CALLABLE_CODE, Value(code))))
    }
    fn wrong_count(runtime, callee, count) {
        let (count, flagged) = split_count(count as i64);
        let position = if flagged { tail_position(runtime) } else { Position::UNKNOWN };
        let Failure = interp::wrong_count(runtime, Value(callee), count);
        if flagged {
            runtime.place_error(position);
        }
        FAILURE
    }
    fn not_callable(runtime, callee, _count) {
        let Failure = if Value(callee).as_unbound().is_some() {
            unbound(runtime, Value(callee))
        } else {
            interp::not_applicable(runtime, Value(callee))
        };
        FAILURE
    }
    fn interpret(runtime, callee, count) {
        let (_, flagged) = split_count(count as i64);
        let site = if flagged { tail_position(runtime) } else { Position::UNKNOWN };
        if Value(callee).as_unbound().is_some() {
            let Failure = unbound(runtime, Value(callee));
            runtime.place_error(site);
            return FAILURE;
        }
        match interp::interpret(runtime, Value(callee), count as i64) {
            Ok(Some(value)) => value.0,
            Ok(None) => TAIL_REQUEST,
            Err(Failure) => {
                // A primitive takes nobody's place, not even in tail position.
                if interp::is_plain_primitive(runtime, Value(callee)) {
                    if let Some((position, name)) = tail_frame(runtime, site) {
                        runtime.pass_frame(name, position);
                    }
                }
                FAILURE
            }
        }
    }
    fn rest_list(runtime, fixed, count) {
        let count = count as usize;
        runtime.context.arguments_used = count;
        // SAFETY: the prologue stored all `count` arguments there.
        let arguments = unsafe { std::slice::from_raw_parts(runtime.context.arguments, count) };
        let list = runtime.list(&arguments[fixed as usize..]);
        runtime.context.arguments_used = 0;
        word(list)
    }
    fn stack_overflow(runtime, _callee) {
        let Failure = interp::poll(runtime).err().unwrap_or_else(|| runtime.stack_overflow());
        FAILURE
    }
    fn poll(runtime) {
        interp::poll(runtime).map_or(FAILURE, |()| Value::NIL.0)
    }
    fn pass_error(runtime, image, site) {
        let places = places_to_leave(runtime, image, site);
        leave(runtime, &places);
        FAILURE
    }
    fn place_error(runtime, image, site) {
        handle_error(runtime, image, site);
        FAILURE
    }
    fn leave_loop(runtime, image, site) {
        let place = handle_error(runtime, image, site);
        runtime.extensions.failing_site = place.map_or(Position::UNKNOWN, |place| place.position);
        runtime.extensions.has_left = place.is_some_and(|place| place.name.is_none());
        FAILURE
    }
    fn call_1(runtime, callee, a) {
        word(interp::call_directly(runtime, Value(callee), &[Value(a)]))
    }
    fn call_2(runtime, callee, a, b) {
        word(interp::call_directly(runtime, Value(callee), &[Value(a), Value(b)]))
    }
    fn call_3(runtime, callee, a, b, c) {
        word(interp::call_directly(runtime, Value(callee), &[Value(a), Value(b), Value(c)]))
    }
    fn primitive_1(runtime, function, a) {
        // SAFETY: the code's data table holds the address, see `DataWord::Function`.
        word(unsafe { function_at(function) }(runtime, &[Value(a)]))
    }
    fn primitive_2(runtime, function, a, b) {
        // SAFETY: as above.
        word(unsafe { function_at(function) }(runtime, &[Value(a), Value(b)]))
    }
    fn primitive_3(runtime, function, a, b, c) {
        // SAFETY: as above.
        word(unsafe { function_at(function) }(runtime, &[Value(a), Value(b), Value(c)]))
    }
    fn number_bits(_runtime, number, mode) {
        number_as_bits(Value(number), mode as i64)
    }
    fn make_frame(runtime, slots) {
        word(runtime.object(Kind::Slots, slots as usize))
    }
    fn call_value(runtime, callee, count) {
        // SAFETY: the caller stored `count` arguments there.
        let arguments = unsafe { std::slice::from_raw_parts(runtime.context.arguments, count as usize) };
        // The area is used again by whatever is called; the copy lies on the stack, where it is a root.
        let mut few = [Value::NIL; COPIED_ARGUMENTS];
        match few.get_mut(..arguments.len()) {
            Some(copy) => {
                copy.copy_from_slice(arguments);
                word(interp::call_directly(runtime, Value(callee), copy))
            }
            None => word(interp::call(runtime, Value(callee), arguments)),
        }
    }
    fn catch_error(runtime) {
        interp::catch_failure(runtime).map_or(FAILURE, |error| error.0)
    }
    fn take_error(runtime) {
        runtime.wait().0
    }
    fn raise_error(runtime, error) {
        let Failure = runtime.go_on(Value(error));
        runtime.extensions.raised_again = true;
        FAILURE
    }
    fn entry_limit(runtime, count) {
        let (_, flagged) = split_count(count as i64);
        let position = if flagged { tail_position(runtime) } else { Position::UNKNOWN };
        runtime.context.depth += 1;
        let Failure = if runtime.context.fuel < 0 { interp::out_of_fuel(runtime) } else { runtime.stack_overflow() };
        if flagged {
            runtime.place_error(position);
        }
        FAILURE
    }
    fn turn_limit(runtime) {
        let Failure = interp::out_of_fuel(runtime);
        FAILURE
    }
    fn get_field(runtime, image, place, count) {
        fill_by(runtime, (image, place), count, instances::named_field)
    }
    fn set_field(runtime, image, place, count) {
        fill_by(runtime, (image, place), count, instances::set_named_field)
    }
    fn get_field_at(runtime, image, place, count) {
        fill_by(runtime, (image, place), count, instances::field_at)
    }
    fn set_field_at(runtime, image, place, count) {
        fill_by(runtime, (image, place), count, instances::set_field_at)
    }
    fn make_instance(runtime, image, place, count) {
        let (_, fields) = split_cache_place(place);
        fill_by(runtime, (image, place), count, |runtime, arguments| instances::make(runtime, arguments, fields))
    }
    fn find_method(runtime, image, place, callee, count) {
        // SAFETY: the caller stored `count` arguments there.
        let arguments = unsafe { std::slice::from_raw_parts(runtime.context.arguments, count as usize) };
        runtime.method_for(image, place, Value(callee), arguments)
    }
    fn deviated(runtime, image, site, a, b) {
        note(runtime, &[Value(a), Value(b)], image, site);
        Value::NIL.0
    }
    fn note_1(runtime, callee, a, image, site) {
        note(runtime, &[Value(a)], image, site);
        word(interp::call_directly(runtime, Value(callee), &[Value(a)]))
    }
    fn note_2(runtime, callee, a, b, image, site) {
        note(runtime, &[Value(a), Value(b)], image, site);
        word(interp::call_directly(runtime, Value(callee), &[Value(a), Value(b)]))
    }
    fn with_environment(runtime, environment, code, count) {
        // SAFETY: the caller stored `count` captured variables there.
        let captured = unsafe { std::slice::from_raw_parts(runtime.context.arguments, count as usize) };
        let Some(deferred) = runtime.prototype(Value(code)).cloned() else { return FAILURE };
        // The argument area is used again by the calls of the body.
        let top = runtime.stack.top;
        for value in captured {
            if runtime.push(*value).is_err() {
                return FAILURE;
            }
        }
        // SAFETY: the values stay where they are until the body is done.
        let captured = unsafe { runtime.stack.from(top) };
        let result = interp::with_environment(runtime, Value(environment), &deferred, captured);
        runtime.stack.top = top;
        word(result)
    }
}

/// Tell what operands came to a site whose code was made for others.
fn note(runtime: &mut Runtime, operands: &[Value], image: Word, site: Word) {
    let seen = operands.iter().fold(0, |seen, operand| seen | interp::kind_of_operand(runtime, *operand));
    let code = runtime.native.code;
    code.deviated(runtime, image_number(image), site as u32, seen);
}

/// Arguments up to which a call is made from a copy on the stack.
const COPIED_ARGUMENTS: usize = 16;

/// See [`Helper::NumberBits`].
fn number_as_bits(value: Value, mode: i64) -> Word {
    /// From here on doubles do not hold all integers.
    const EXACT: i64 = 1 << f64::MANTISSA_DIGITS;
    if let (Some(integer), true) = (value.as_fixnum(), mode != number_bits::DOUBLE) {
        if mode == number_bits::ANY || (-EXACT..=EXACT).contains(&integer) {
            return (integer as f64).to_bits();
        }
    }
    match Number::from_value(value) {
        Some(Number::Double(number)) => number.to_bits(),
        Some(number) if mode == number_bits::ANY => number.to_f64().to_bits(),
        _ => number_bits::REFUSED as Word,
    }
}

/// Do a primitive whose `count` arguments are in the argument area, where they stay reachable meanwhile; and fill the
/// inline cache with what it says, if it does.
fn fill_by<const WORDS: usize>(
    runtime: &mut Runtime,
    (image, place): (Word, Word),
    count: Word,
    primitive: impl FnOnce(&mut Runtime, &[Value]) -> instances::Found<WORDS>,
) -> Word {
    runtime.context.arguments_used = count as usize;
    // SAFETY: the caller stored `count` arguments there, and the area is not used again by what is called here.
    let arguments = unsafe { std::slice::from_raw_parts(runtime.context.arguments, count as usize) };
    let done = primitive(runtime, arguments);
    runtime.context.arguments_used = 0;
    let Ok((value, hint)) = done else { return FAILURE };
    if let Some(hint) = hint {
        runtime.fill_cache(image, place, &hint.cache, false);
        hint.lookup.into_iter().for_each(|found| runtime.remember_lookup(found));
    }
    value.0
}

fn unbound(runtime: &mut Runtime, mark: Value) -> Failure {
    let symbol = crate::runtime::Symbol(mark.as_unbound().unwrap_or(0));
    interp::unbound_name(runtime, symbol)
}
