//! Numbers of programs against independent oracles: arithmetic and comparisons of all boundary values with each other, the
//! text of doubles, and the conversion of long integers between radices.

use maru_core::abi::layout::Value;
use maru_language::interp;
use maru_language::runtime::{ErrorKind, Failure, JitMode, Options, Runtime};
use maru_language::syntax::print::{text, Style};
use maru_language::syntax::Reader;
use maru_language::value::number::Number;
use maru_language::value::on_large_stack;
use num_bigint::{BigInt, BigUint, Sign};
use num_rational::BigRational;
use std::cmp::Ordering;

/// A number as the oracle has it.
#[derive(Clone, Debug)]
enum Exact {
    Integer(BigInt),
    Double(f64),
}

/// What an operation should come to.
#[derive(Debug, PartialEq)]
enum Wanted {
    /// A number, by its text and the bits of a double.
    Number(String),
    Truth(bool),
    DivisionByZero,
}

use Exact::{Double, Integer};

impl Exact {
    /// The nearest double, by the standard library's parser.
    fn to_f64(&self) -> f64 {
        match self {
            Integer(number) => number.to_string().parse().unwrap(),
            Double(number) => *number,
        }
    }

    /// As a program writes it.
    fn literal(&self) -> String {
        match self {
            Integer(number) => number.to_string(),
            Double(number) if number.is_nan() => "+nan.0".into(),
            Double(number) if number.is_infinite() => format!("{}inf.0", if *number < 0.0 { '-' } else { '+' }),
            Double(number) => format!("{number:?}"),
        }
    }

    /// The value of a finite number.
    fn value(&self) -> Option<BigRational> {
        match self {
            Integer(number) => Some(BigRational::from(number.clone())),
            Double(number) => BigRational::from_float(*number),
        }
    }

    fn compare(&self, other: &Exact) -> Option<Ordering> {
        match (self.value(), other.value()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            // An infinity is beyond all finite numbers, NaN beside them.
            _ => {
                let beyond = |number: &Exact| number.value().map_or(number.to_f64(), |_| 0.0);
                beyond(self).partial_cmp(&beyond(other))
            }
        }
    }
}

/// Integers and doubles where a representation changes, or something else does.
fn boundaries() -> Vec<Exact> {
    let mut integers: Vec<BigInt> = (-3..=3).map(BigInt::from).collect();
    for exponent in [31u32, 32, 52, 53, 54, 59, 60, 61, 62, 63, 64, 127, 128, 1023, 1024] {
        for distance in [-1, 0, 1] {
            let number: BigInt = (BigInt::from(1) << exponent) + distance;
            integers.extend([-number.clone(), number]);
        }
    }
    // Halfway between the largest double and what would be the next one, and beside it.
    let edge: BigInt = (BigInt::from(1) << 1024u32) - (BigInt::from(1) << 970u32);
    integers.extend([edge.clone() - 1, edge.clone(), edge + 1]);
    let mut doubles = vec![0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 1e16, 1e300, f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e-310];
    for exponent in [52, 53, 60, 61, 62, 63, 64] {
        let power = 2f64.powi(exponent);
        doubles.extend([power.next_down(), power, power.next_up()]);
    }
    doubles.push(f64::INFINITY);
    doubles = doubles.iter().flat_map(|number| [-number, *number]).collect();
    doubles.push(f64::NAN);
    integers.into_iter().map(Integer).chain(doubles.into_iter().map(Double)).collect()
}

const OPERATIONS: [&str; 16] =
    ["+", "-", "*", "/", "<", "<=", ">", ">=", "=", "!=", "&", "|", "^", "quotient", "%", "modulo"];

/// What an operation should come to; none where the oracle has no opinion.
fn wanted(operation: &str, left: &Exact, right: &Exact) -> Option<Wanted> {
    let order = left.compare(right);
    let truth = match operation {
        "<" => order.map(Ordering::is_lt),
        "<=" => order.map(Ordering::is_le),
        ">" => order.map(Ordering::is_gt),
        ">=" => order.map(Ordering::is_ge),
        "=" => order.map(Ordering::is_eq),
        "!=" => Some(order != Some(Ordering::Equal)),
        _ => return arithmetic(operation, left, right),
    };
    Some(Wanted::Truth(truth.unwrap_or(false)))
}

fn arithmetic(operation: &str, left: &Exact, right: &Exact) -> Option<Wanted> {
    let result = match (left, right) {
        (Integer(left), Integer(right)) => {
            let zero = right.sign() == Sign::NoSign;
            if zero && ["/", "quotient", "%", "modulo"].contains(&operation) {
                return Some(Wanted::DivisionByZero);
            }
            Integer(match operation {
                "+" => left + right,
                "-" => left - right,
                "*" => left * right,
                "/" | "quotient" => left / right,
                "%" => left % right,
                "modulo" => ((left % right) + right) % right,
                "&" => left & right,
                "|" => left | right,
                _ => left ^ right,
            })
        }
        _ => {
            let (left, right) = (left.to_f64(), right.to_f64());
            Double(match operation {
                "+" => left + right,
                "-" => left - right,
                "*" => left * right,
                "/" => left / right,
                _ => return None,
            })
        }
    };
    Some(Wanted::Number(result.literal()))
}

/// What an operation comes to in a program.
fn found(runtime: &mut Runtime, function: Value, left: Value, right: Value) -> Wanted {
    match interp::call(runtime, function, &[left, right]) {
        Ok(value) if value.is_nil() || value == Value::TRUE => Wanted::Truth(value == Value::TRUE),
        Ok(value) => Wanted::Number(text(runtime, value, Style::Dump)),
        Err(Failure) => {
            let error = runtime.take_failure();
            assert_eq!(runtime.error_kind(error), Some(ErrorKind::DivisionByZero));
            Wanted::DivisionByZero
        }
    }
}

fn read(runtime: &mut Runtime, source: &str) -> Value {
    Reader::new(0, source).next(runtime).unwrap().unwrap()
}

fn all_combinations(options: Options) {
    let numbers = boundaries();
    on_large_stack(64 << 20, |stack| {
        let mut runtime = Runtime::new(options, stack).expect("a runtime");
        let values: Vec<Value> = numbers.iter().map(|number| read(&mut runtime, &number.literal())).collect();
        runtime.roots.extend(&values);
        let mut count = 0;
        for operation in OPERATIONS {
            let program = format!("(define (operation left right) ({operation} left right)) operation");
            let function = interp::run_program(&mut runtime, "operation.l", &program).expect("a function");
            runtime.roots.push(function);
            for (left, left_value) in numbers.iter().zip(&values) {
                for (right, right_value) in numbers.iter().zip(&values) {
                    let Some(wanted) = wanted(operation, left, right) else { continue };
                    let found = found(&mut runtime, function, *left_value, *right_value);
                    assert_eq!(found, wanted, "({operation} {} {})", left.literal(), right.literal());
                    count += 1;
                }
            }
        }
        assert!(count > 200_000, "only {count} combinations");
    })
    .expect("a stack");
}

#[test]
fn boundary_values_in_all_combinations_interpreted() {
    all_combinations(Options { jit: JitMode::Off, ..Options::default() });
}

#[test]
fn boundary_values_in_all_combinations_compiled_and_evaluated() {
    all_combinations(Options { jit: JitMode::Always, evaluator: true, ..Options::default() });
}

/// The next of a row of numbers without any pattern (splitmix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Bits of every kind: any at all, subnormal, near a power of two, with few digits.
fn double(round: u64, state: &mut u64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = next(state);
    match round % 4 {
        0 => f64::from_bits(bits & (FRACTION | 1 << 63)),
        1 => f64::from_bits((bits & !FRACTION).wrapping_add(next(state) % 5).wrapping_sub(2)),
        2 => (bits % 100_000) as f64 / 10f64.powi((next(state) % 40) as i32 - 8),
        _ => f64::from_bits(bits),
    }
}

#[test]
fn doubles_read_back_as_they_were() {
    on_large_stack(16 << 20, |stack| {
        let mut runtime = Runtime::new(Options::default(), stack).expect("a runtime");
        let mut state = 1;
        for round in 0..120_000 {
            let number = double(round, &mut state);
            let value = runtime.double(number).expect("memory");
            let shown = text(&runtime, value, Style::Dump);
            if number.is_finite() {
                let parsed: f64 = shown.parse().unwrap_or_else(|_| panic!("{shown} is no double"));
                assert_eq!(parsed.to_bits(), number.to_bits(), "{shown}");
                assert!(shown.contains(['.', 'e']), "{shown} looks like an integer");
            }
            let value = read(&mut runtime, &shown);
            let back = runtime.as_double(value).unwrap_or_else(|| panic!("{shown} reads as something else"));
            assert!(back.to_bits() == number.to_bits() || back.is_nan() && number.is_nan(), "{shown}");
        }
    })
    .expect("a stack");
}

/// The digits of a long number.
fn digits(count: usize) -> String {
    let mut state = count as u64;
    let first = char::from(b'1' + (next(&mut state) % 9) as u8);
    std::iter::once(first).chain((1..count).map(|_| char::from(b'0' + (next(&mut state) % 10) as u8))).collect()
}

#[test]
fn long_integers_have_the_same_text_in_every_radix() {
    for count in [1000, 10_007, 100_000] {
        let decimal = digits(count);
        let oracle = BigUint::parse_bytes(decimal.as_bytes(), 10).expect("digits");
        for sign in ["", "-"] {
            let number = Number::parse(&format!("{sign}{decimal}")).expect("an integer");
            assert_eq!(number.to_string(), format!("{sign}{decimal}"));
            for radix in [2, 7, 16, 36] {
                let shown = number.to_text(radix).expect("a text");
                assert!(
                    shown == format!("{sign}{}", oracle.to_str_radix(radix as u32)),
                    "{count} digits in radix {radix}"
                );
                let back = Number::parse_radix(&shown, radix as u32).expect("an integer");
                assert!(back.to_string() == format!("{sign}{decimal}"), "{count} digits from radix {radix}");
            }
        }
    }
}
