//! Tests of numbers: laws at the boundaries, 128-bit integers and the standard library's parser as oracles.

use super::*;
use proptest::prelude::*;
use std::cmp::Ordering;
use Operation::*;

/// The value of a number, in memory that nobody frees.
fn value(number: &Number) -> Value {
    number.clone().into_value(|bytes| Ok::<usize, ()>(memory(bytes))).unwrap()
}

fn memory(bytes: usize) -> usize {
    Box::leak(vec![0u128; bytes.div_ceil(16)].into_boxed_slice()).as_mut_ptr() as usize
}

/// The result of an operation on two numbers that have been values in between.
#[track_caller]
fn apply(operation: Operation, left: &Number, right: &Number) -> Number {
    let (left, right) = (value(left), value(right));
    let result = binary(operation, left, right).unwrap();
    for quick in quick_ways(operation, left, right) {
        same(&quick, &result);
    }
    result
}

/// What the ways come to that need no storage for digits, as far as they can be gone.
fn quick_ways(operation: Operation, left: Value, right: Value) -> Vec<Number> {
    let immediate = immediate(operation, left, right).map(|value| Number::from_value(value).unwrap());
    let short = short(operation, left, right).map(|number| {
        let value = short_value(number, |bytes| Ok::<usize, ()>(memory(bytes))).unwrap();
        Number::from_value(value).unwrap()
    });
    let double = of_doubles(operation, left, right).map(Number::Double);
    let mut digits = Digits::default();
    let limbs = limbwise(operation, left, right, &mut digits).then(|| {
        let value = digits.value(|bytes| Ok::<usize, ()>(memory(bytes))).unwrap();
        Number::from_value(value).unwrap()
    });
    immediate.into_iter().chain(short).chain(double).chain(limbs).collect()
}

fn whole_number(text: &str) -> Number {
    Number::parse(text).unwrap()
}

fn power_of_two(exponent: i64) -> Number {
    apply(ShiftLeft, &Number::Small(1), &Number::Small(exponent))
}

#[track_caller]
fn same(left: &Number, right: &Number) {
    assert_eq!(left.to_string(), right.to_string());
    assert_eq!(std::mem::discriminant(left), std::mem::discriminant(right));
}

/// Integers near the places where the representation changes, and integers of all sizes.
fn integers() -> impl Strategy<Value = Number> {
    let edge = prop_oneof![
        Just(60),
        Just(61),
        Just(62),
        Just(63),
        Just(64),
        (1i64..12).prop_map(|limbs| 32 * limbs),
        0i64..200
    ];
    let near_edge = (edge, -2i64..=2, any::<bool>()).prop_map(|(exponent, distance, negative)| {
        let number = apply(Add, &power_of_two(exponent), &Number::Small(distance));
        if negative {
            integer::negate(&number)
        } else {
            number
        }
    });
    let long = (any::<bool>(), proptest::collection::vec(prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)], 1..24))
        .prop_map(|(negative, limbs)| {
            Number::from(IBig::from_sign_words(if negative { Sign::Negative } else { Sign::Positive }, &limbs))
        });
    prop_oneof![near_edge, (-3i64..=3).prop_map(Number::Small), any::<i64>().prop_map(Number::Small), long]
}

/// Doubles of all bit patterns, and those where something changes.
fn doubles() -> impl Strategy<Value = f64> {
    let special = prop_oneof![
        Just(0.0),
        Just(-0.0),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
        Just(f64::MIN_POSITIVE),
        Just(5e-324),
        Just(f64::MAX),
        Just(-f64::MAX),
        Just(0.5),
        Just(-0.5),
        Just(1.5),
        Just(2.5),
    ];
    let near_edge = (0i32..130, -2i64..=2, any::<bool>()).prop_map(|(exponent, ulps, negative)| {
        let number = f64::from_bits((2f64.powi(exponent).to_bits() as i64 + ulps) as u64);
        if negative {
            -number
        } else {
            number
        }
    });
    prop_oneof![special, near_edge, any::<u64>().prop_map(f64::from_bits), any::<i32>().prop_map(|n| n as f64 / 8.0)]
}

/// A finite double times 2^1074, which is an integer.
fn scaled_exactly(double: f64) -> IBig {
    let bits = double.to_bits();
    let exponent = (bits >> 52) as usize & 0x7ff;
    let mantissa = (bits & ((1 << 52) - 1)) + if exponent > 0 { 1 << 52 } else { 0 };
    let magnitude = IBig::from(mantissa) << (exponent.max(1) - 1);
    if bits >> 63 != 0 {
        -magnitude
    } else {
        magnitude
    }
}

proptest! {
    #[test]
    fn values_and_text_keep_integers(number in integers(), radix in 2u32..=36) {
        let kept = value(&number);
        same(&Number::from_value(kept).unwrap(), &number);
        let fixnum = matches!(number, Number::Small(FIXNUM_MIN..=FIXNUM_MAX));
        prop_assert_eq!(kept.is_fixnum(), fixnum);
        prop_assert!(Number::is_integer(kept) && !Number::is_double(kept));
        same(&Number::parse(&number.to_string()).unwrap(), &number);
        let text = number.to_text(i64::from(radix)).unwrap();
        same(&Number::parse_radix(&text, radix).unwrap(), &number);
        same(&Number::parse_radix(&text.to_uppercase(), radix).unwrap(), &number);
    }

    #[test]
    fn integers_of_64_bits_agree_with_those_of_128(left: i64, right: i64, small in -5i64..=5) {
        let narrow = (left >> 3, right >> 3);
        for (left, right) in [(left, right), (left, small), (small, right), (i64::MIN, small), narrow] {
            let (a, b) = (Number::Small(left), Number::Small(right));
            let (left, right) = (i128::from(left), i128::from(right));
            let expect = |operation, expected: i128| {
                same(&apply(operation, &a, &b), &Number::from(IBig::from(expected)));
            };
            expect(Add, left + right);
            expect(Subtract, left - right);
            expect(Multiply, left * right);
            expect(BitAnd, left & right);
            expect(BitOr, left | right);
            expect(BitXor, left ^ right);
            expect(Min, left.min(right));
            expect(Max, left.max(right));
            if right == 0 {
                for operation in [Divide, Quotient, Remainder, Modulo] {
                    prop_assert_eq!(operation.apply(&a, &b).unwrap_err(), NumberError::DivisionByZero);
                }
            } else {
                expect(Divide, left / right);
                expect(Quotient, left / right);
                expect(Remainder, left % right);
                expect(Modulo, (left % right + right) % right);
            }
            prop_assert_eq!(compare(value(&a), value(&b)), Ok(Some(left.cmp(&right))));
        }
    }

    #[test]
    fn integers_obey_the_laws_of_arithmetic(a in integers(), b in integers(), c in integers()) {
        same(&apply(Subtract, &apply(Add, &a, &b), &b), &a);
        same(&apply(Add, &apply(Add, &a, &b), &c), &apply(Add, &a, &apply(Add, &b, &c)));
        same(&apply(Multiply, &a, &b), &apply(Multiply, &b, &a));
        let sum_of_products = apply(Add, &apply(Multiply, &a, &b), &apply(Multiply, &a, &c));
        same(&apply(Multiply, &a, &apply(Add, &b, &c)), &sum_of_products);
        same(&unary(UnaryOperation::Negate, value(&a)).unwrap(), &apply(Subtract, &Number::Small(0), &a));
        let difference = apply(Subtract, &a, &b).compare(&Number::Small(0));
        prop_assert_eq!(a.compare(&b), difference);
        prop_assert_eq!(compare(value(&a), value(&b)), Ok(difference));
        prop_assert_eq!(equal(value(&a), value(&b)), Some(difference == Some(Ordering::Equal)));
        let magnitude = UnaryOperation::Abs.apply(&a).unwrap();
        same(&magnitude, &apply(Max, &a, &integer::negate(&a)));
        prop_assert_ne!(magnitude.compare(&Number::Small(0)), Some(Ordering::Less));
    }

    #[test]
    fn integers_divide_with_the_right_remainders(a in integers(), b in integers()) {
        if b.is_zero() {
            for operation in [Divide, Quotient, Remainder, Modulo] {
                prop_assert_eq!(operation.apply(&a, &b).unwrap_err(), NumberError::DivisionByZero);
            }
            return Ok(());
        }
        let zero = Number::Small(0);
        let (quotient, remainder, modulo) = (apply(Quotient, &a, &b), apply(Remainder, &a, &b), apply(Modulo, &a, &b));
        same(&apply(Divide, &a, &b), &quotient);
        same(&apply(Add, &apply(Multiply, &quotient, &b), &remainder), &a);
        for rest in [&remainder, &modulo] {
            prop_assert_eq!(integer::abs(rest).compare(&integer::abs(&b)), Some(Ordering::Less));
        }
        prop_assert!(remainder.is_zero() || remainder.compare(&zero) == a.compare(&zero));
        prop_assert!(modulo.is_zero() || modulo.compare(&zero) == b.compare(&zero));
        prop_assert!(apply(Remainder, &apply(Subtract, &a, &modulo), &b).is_zero());
    }

    #[test]
    fn integers_have_common_divisors(a in integers(), b in integers()) {
        let divisor = apply(Gcd, &a, &b);
        prop_assert!(divisor.compare(&Number::Small(0)) != Some(Ordering::Less));
        if !divisor.is_zero() {
            let (x, y) = (apply(Quotient, &a, &divisor), apply(Quotient, &b, &divisor));
            prop_assert!(apply(Remainder, &a, &divisor).is_zero() && apply(Remainder, &b, &divisor).is_zero());
            same(&apply(Gcd, &x, &y), &Number::Small(1));
        } else {
            prop_assert!(a.is_zero() && b.is_zero());
        }
        let product = integer::abs(&apply(Multiply, &a, &b));
        same(&apply(Multiply, &divisor, &apply(Lcm, &a, &b)), &product);
    }

    #[test]
    fn bits_are_those_of_twos_complement(a in integers(), b in integers(), count in 0i64..300) {
        let (and, or, xor) = (apply(BitAnd, &a, &b), apply(BitOr, &a, &b), apply(BitXor, &a, &b));
        same(&apply(Add, &a, &b), &apply(Add, &xor, &apply(Multiply, &and, &Number::Small(2))));
        same(&or, &apply(Add, &xor, &and));
        let inverted = unary(UnaryOperation::BitNot, value(&a)).unwrap();
        same(&apply(Add, &inverted, &a), &Number::Small(-1));
        let factor = power_of_two(count);
        let count = Number::Small(count);
        same(&apply(ShiftLeft, &a, &count), &apply(Multiply, &a, &factor));
        same(&apply(ShiftRight, &apply(ShiftLeft, &a, &count), &count), &a);
        let floor = apply(Quotient, &apply(Subtract, &a, &apply(Modulo, &a, &factor)), &factor);
        same(&apply(ShiftRight, &a, &count), &floor);
        same(&apply(ShiftLeft, &a, &integer::negate(&count)), &floor);
        same(&apply(ShiftRight, &a, &integer::negate(&count)), &apply(Multiply, &a, &factor));
    }

    #[test]
    fn powers_are_repeated_products(base in integers(), exponent in 0i64..12) {
        let product = (0..exponent).fold(Number::Small(1), |product, _| apply(Multiply, &product, &base));
        same(&apply(Expt, &base, &Number::Small(exponent)), &product);
    }

    #[test]
    fn integers_become_the_nearest_doubles(number in integers(), shift in 0i64..1100) {
        for number in [number.clone(), apply(ShiftLeft, &number, &Number::Small(shift))] {
            let expected: f64 = number.to_string().parse().unwrap();
            prop_assert_eq!(number.to_f64().to_bits(), expected.to_bits());
            let sum = apply(Add, &number, &Number::Double(0.0));
            same(&sum, &Number::Double(expected + 0.0));
        }
    }

    #[test]
    fn numbers_of_the_same_value_are_the_same_keys(number in integers(), double in doubles(), shift in 0i64..1100) {
        let exact = [number.clone(), apply(ShiftLeft, &number, &Number::Small(shift))];
        let doubles = exact.iter().map(Number::to_f64).chain([double, double.trunc()]);
        for double in doubles.filter(|double| double.is_finite() && *double == double.trunc()) {
            let key = hash_key(value(&Number::Double(double)));
            prop_assert_eq!(key, hash_key(value(&Number::from(real::whole(double).unwrap()))), "{}", double);
        }
        let modulus = Number::Small((1 << 61) - 1);
        let residue = value(&apply(Remainder, &number, &modulus));
        prop_assert_eq!(hash_key(value(&number)), hash_key(residue), "{:?}", number);
    }

    #[test]
    fn doubles_keep_their_bits(double in doubles()) {
        let kept = value(&Number::Double(double));
        prop_assert!(Number::is_double(kept) && !Number::is_integer(kept) && Number::is_number(kept));
        let Some(Number::Double(read)) = Number::from_value(kept) else { panic!("a double") };
        prop_assert_eq!(read.to_bits(), canonical(double).to_bits());
        let text = Number::Double(double).to_string();
        prop_assert!(text.contains(['.', 'e']), "{}", text);
        let Some(Number::Double(read)) = Number::parse(&text) else { panic!("{text} is a double") };
        prop_assert_eq!(read.to_bits(), canonical(double).to_bits());
    }

    #[test]
    fn integers_and_doubles_compare_by_value(number in integers(), double in doubles(), ulps in -1i64..=1) {
        let near = f64::from_bits((number.to_f64().to_bits() as i64).wrapping_add(ulps) as u64);
        for double in [double, near] {
            let found = compare(value(&number), value(&Number::Double(double))).unwrap();
            let expected = if double.is_nan() {
                None
            } else if double.is_infinite() {
                0.0.partial_cmp(&double)
            } else {
                Some((number.to_integer().unwrap() << 1074).cmp(&scaled_exactly(double)))
            };
            prop_assert_eq!(found, expected, "{} and {}", number, double);
            let reversed = compare(value(&Number::Double(double)), value(&number)).unwrap();
            prop_assert_eq!(reversed, expected.map(Ordering::reverse));
            let same_value = equal(value(&number), value(&Number::Double(double)));
            prop_assert_eq!(same_value, Some(expected == Some(Ordering::Equal)));
        }
    }

    #[test]
    fn the_quick_way_of_one_operand_leads_to_the_same(number in integers(), double in doubles()) {
        use UnaryOperation::*;
        for operand in [value(&number), value(&Number::Double(double))] {
            for operation in [Negate, Abs, BitNot, Sqrt, Floor, Ceiling, Round, Truncate, ToInexact, ToExact, Sin] {
                if let Some(quick) = immediate_unary(operation, operand) {
                    same(&Number::from_value(quick).unwrap(), &unary(operation, operand).unwrap());
                }
            }
        }
    }

    #[test]
    fn exact_integers_of_doubles_are_truncated(double in doubles()) {
        let exact = unary(UnaryOperation::ToExact, value(&Number::Double(double)));
        if double.is_finite() {
            let exact = exact.unwrap();
            prop_assert_eq!(exact.to_f64(), double.trunc());
            prop_assert_eq!(exact.to_integer().unwrap() << 1074, scaled_exactly(double.trunc()));
        } else {
            prop_assert_eq!(exact.unwrap_err(), NumberError::Type { operand: 0, expected: Expected::Finite });
        }
    }

    #[test]
    fn doubles_follow_ieee(left in doubles(), right in doubles()) {
        // Of the many NaNs, programs see but the one.
        let (left, right) = (canonical(left), canonical(right));
        let (a, b) = (Number::Double(left), Number::Double(right));
        let expect = |operation, expected: f64| {
            let Some(Number::Double(found)) = Number::from_value(value(&apply(operation, &a, &b))) else {
                panic!("a double")
            };
            assert_eq!(found.to_bits(), canonical(expected).to_bits(), "{left} {operation:?} {right}");
        };
        expect(Add, left + right);
        expect(Subtract, left - right);
        expect(Multiply, left * right);
        expect(Divide, left / right);
        expect(Remainder, left % right);
        expect(Expt, left.powf(right));
        prop_assert_eq!(compare(value(&a), value(&b)), Ok(left.partial_cmp(&right)));
        if left.is_nan() || right.is_nan() {
            expect(Min, f64::NAN);
            expect(Max, f64::NAN);
        } else if left != right {
            expect(Min, left.min(right));
            expect(Max, left.max(right));
        }
    }

    #[test]
    fn no_text_is_read_in_a_way_that_panics(text in "[-+.0-9xXeEinfa_ ]{0,8}") {
        if let Some(number) = Number::parse(&text) {
            let plain = text.trim_start_matches(['+', '-']);
            prop_assert!(plain.starts_with(|c: char| c.is_ascii_digit() || c == '.') || plain.ends_with(".0"));
            prop_assert!(Number::parse(&number.to_string()).is_some());
        }
    }
}

#[test]
fn text_of_doubles() {
    let cases = [
        (3.0, "3.0"),
        (-0.0, "-0.0"),
        (0.1, "0.1"),
        (1e100, "1e100"),
        (1.5e-7, "1.5e-7"),
        (1e21, "1e21"),
        (f64::INFINITY, "+inf.0"),
        (f64::NEG_INFINITY, "-inf.0"),
        (f64::NAN, "+nan.0"),
        (-f64::NAN, "+nan.0"),
        (5e-324, "5e-324"),
        (123456.75, "123456.75"),
    ];
    for (double, text) in cases {
        assert_eq!(Number::Double(double).to_string(), text);
    }
}

#[test]
fn what_is_a_number_in_a_program() {
    let numbers = [
        ("12", "12"),
        ("-7", "-7"),
        ("+7", "7"),
        ("0xff", "255"),
        ("-0xFF", "-255"),
        ("0X1F", "31"),
        ("#x1f", "31"),
        ("#x-1F", "-31"),
        ("0b101", "5"),
        ("-0o17", "-15"),
        ("#o17", "15"),
        ("#B101", "5"),
        ("007", "7"),
        ("1.5", "1.5"),
        ("-2e-3", "-0.002"),
        (".5", "0.5"),
        ("5.", "5.0"),
        ("1e5", "100000.0"),
        ("1E400", "+inf.0"),
        ("-0", "0"),
        ("-0.0", "-0.0"),
        ("+inf.0", "+inf.0"),
        ("-inf.0", "-inf.0"),
        ("+nan.0", "+nan.0"),
        ("1152921504606846976", "1152921504606846976"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("0xffffffffffffffffffff", "1208925819614629174706175"),
    ];
    for (text, printed) in numbers {
        assert_eq!(Number::parse(text).unwrap().to_string(), printed, "{text}");
    }
    let symbols = [
        "", "+", "-", ".", "...", "1+", "-1+", "x1", "0x", "0xg", "1_000", "inf", "nan", "infinity", "+inf", "e5",
        ".e5", "1e", "1.2.3", "--1", "+-1", "-+nan.0", "1.5x", "0x1.5", "١٢", "-nan.0", " 1", "1e+", "#x", "#xg", "#",
        "0b2", "#b", "#x1.5",
    ];
    for text in symbols {
        assert!(Number::parse(text).is_none(), "{text}");
    }
    assert_eq!(Number::parse_radix("-zz", 36).unwrap().to_string(), "-1295");
    assert!(Number::parse_radix("12", 2).is_none());
    assert!(Number::parse_radix("1", 1).is_none() && Number::parse_radix("1", 37).is_none());
}

#[test]
fn limits_are_errors() {
    // Not through values, since copies of such numbers take their time.
    let plainly = |operation: Operation, left: &Number, right: &Number| operation.apply(left, right).unwrap();
    let (one, huge) = (Number::Small(1), power_of_two(BITS_MAX as i64 - 1));
    let too_large = |operation: Operation, left: &Number, right: &Number| {
        assert_eq!(operation.apply(left, right).unwrap_err(), NumberError::TooLarge, "{operation:?}");
    };
    too_large(Add, &huge, &huge);
    too_large(Subtract, &integer::negate(&huge), &huge);
    too_large(Multiply, &huge, &Number::Small(2));
    too_large(ShiftLeft, &huge, &one);
    too_large(ShiftLeft, &one, &Number::Small(BITS_MAX as i64));
    too_large(ShiftLeft, &one, &Number::Small(i64::MAX));
    too_large(ShiftRight, &one, &Number::Small(i64::MIN));
    too_large(ShiftLeft, &one, &huge);
    too_large(Expt, &Number::Small(2), &Number::Small(BITS_MAX as i64));
    too_large(Expt, &Number::Small(3), &huge);
    same(&plainly(ShiftLeft, &Number::Small(0), &huge), &Number::Small(0));
    same(&plainly(ShiftRight, &huge, &huge), &Number::Small(0));
    same(&plainly(ShiftRight, &integer::negate(&huge), &huge), &Number::Small(-1));
    same(&plainly(Expt, &Number::Small(-1), &huge), &Number::Small(1));
    same(&plainly(Expt, &Number::Small(-1), &plainly(Add, &huge, &one)), &Number::Small(-1));
    assert!(plainly(Subtract, &huge, &one).compare(&huge) == Some(Ordering::Less));
}

#[test]
fn operands_must_have_the_right_type() {
    let (number, other) = (Value::fixnum(1), Value::NIL);
    let fault = |operand, expected| NumberError::Type { operand, expected };
    let outcome = |result: Result<Number, NumberError>| result.map(|number| number.to_string());
    for operation in [Add, Divide, BitAnd, Expt, Min] {
        assert_eq!(outcome(binary(operation, other, number)), Err(fault(0, Expected::Number)));
        assert_eq!(outcome(binary(operation, number, other)), Err(fault(1, Expected::Number)));
    }
    let double = Value::immediate_double(1.5).unwrap();
    for operation in [BitAnd, BitOr, BitXor, ShiftLeft, ShiftRight, Gcd, Lcm] {
        assert_eq!(outcome(binary(operation, double, number)), Err(fault(0, Expected::Integer)));
        assert_eq!(outcome(binary(operation, number, double)), Err(fault(1, Expected::Integer)));
    }
    assert_eq!(outcome(unary(UnaryOperation::BitNot, double)), Err(fault(0, Expected::Integer)));
    assert_eq!(compare(number, other), Err(fault(1, Expected::Number)));
    assert_eq!(equal(number, other), None);
    assert_eq!(Number::Small(1).to_text(37), Err(fault(1, Expected::Radix)));
    assert_eq!(Number::Double(1.5).to_text(2), Err(fault(0, Expected::Integer)));
}

#[test]
fn doubles_and_integers_mix_into_doubles() {
    let half = Number::Double(0.5);
    assert_eq!(apply(Add, &Number::Small(1), &half).to_string(), "1.5");
    assert_eq!(apply(Divide, &Number::Small(1), &Number::Double(0.0)).to_string(), "+inf.0");
    assert_eq!(apply(Divide, &Number::Double(-1.0), &Number::Small(0)).to_string(), "-inf.0");
    assert_eq!(apply(Quotient, &Number::Double(7.5), &Number::Small(-2)).to_string(), "-3.0");
    assert_eq!(apply(Modulo, &Number::Double(7.5), &Number::Small(-2)).to_string(), "-0.5");
    assert_eq!(apply(Max, &Number::Small(3), &Number::Double(2.0)).to_string(), "3.0");
    assert_eq!(apply(Multiply, &power_of_two(2000), &half).to_string(), "+inf.0");
    assert_eq!(apply(Expt, &Number::Small(2), &Number::Small(-2)).to_string(), "0.25");
    assert_eq!(apply(Expt, &Number::Small(2), &half).to_string(), "1.4142135623730951");
}

#[test]
fn functions_of_one_number() {
    use UnaryOperation::*;
    let text = |operation, text: &str| unary(operation, value(&whole_number(text))).unwrap().to_string();
    for (operation, argument, expected) in [
        (Sqrt, "16", "4.0"),
        (Sqrt, "2", "1.4142135623730951"),
        (Sqrt, "-1", "+nan.0"),
        (Exp, "0", "1.0"),
        (Log, "1", "0.0"),
        (Atan, "0", "0.0"),
        (Floor, "-1.5", "-2.0"),
        (Ceiling, "-1.5", "-1.0"),
        (Round, "2.5", "2.0"),
        (Round, "3.5", "4.0"),
        (Round, "7", "7"),
        (Truncate, "-1.5", "-1.0"),
        (ToExact, "-1.5", "-1"),
        (ToExact, "1e23", "99999999999999991611392"),
        (ToInexact, "3", "3.0"),
        (Abs, "-9223372036854775808", "9223372036854775808"),
        (Negate, "0.0", "-0.0"),
        (Negate, "9223372036854775808", "-9223372036854775808"),
        (BitNot, "0", "-1"),
    ] {
        assert_eq!(text(operation, argument), expected, "{operation:?} {argument}");
    }
    // The root and the logarithm of an integer beyond all doubles.
    assert_eq!(UnaryOperation::Sqrt.apply(&power_of_two(2000)).unwrap().to_f64(), 2f64.powi(1000));
    assert_eq!(UnaryOperation::Sqrt.apply(&power_of_two(2047)).unwrap().to_f64(), 2f64.powi(1023) * 2f64.sqrt());
    assert_eq!(UnaryOperation::Sqrt.apply(&power_of_two(3000)).unwrap().to_f64(), f64::INFINITY);
    let logarithm = UnaryOperation::Log.apply(&power_of_two(5000)).unwrap().to_f64();
    assert!((logarithm - 5000.0 * std::f64::consts::LN_2).abs() < 1e-9);
}

#[test]
fn bits_far_below_break_ties() {
    // The last bit of 55 is followed by a half and a little more.
    let number = apply(ShiftLeft, &Number::Small(-23731594936630475), &Number::Small(74));
    assert_eq!(number.to_f64().to_bits(), 14408444507065003827);
    let odd = apply(Add, &power_of_two(53), &Number::Small(1));
    let tie = apply(ShiftLeft, &odd, &Number::Small(100));
    assert_eq!(tie.to_f64(), 2f64.powi(153));
    assert!(apply(Add, &tie, &Number::Small(1)).to_f64() > 2f64.powi(153));
}
