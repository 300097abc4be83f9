//! Trials at the boundaries of what instructions can hold: every operation with constants about each power of two, on
//! either side, as offsets and as words that are stored; results as values, as flags and in branches; operands used once and
//! again; divisions by many numbers; doubles at their edges; branches just inside and outside of each reach.
//!
//! What must be met is every cell of [`maru_core::ir::coverage`]; that it is, is part of the trials.

use super::sheet::{agree, Pair, Sheet, INPUTS};
use super::{Bench, DOUBLES};
use maru_core::codegen::verify_allocation;
use maru_core::ir::coverage::{self, Cell, Cells, Class, Operands, Operation};
use maru_core::ir::*;
use maru_generate::stream;

/// Constants about each power of two, and some whose bits have a pattern.
fn constants() -> Vec<i64> {
    let mut all: Vec<i64> = vec![
        0x55_5555_5555,
        0x0123_4567_89ab_cdef,
        0x7fff_ffff_ffff_0000,
        0x0000_ffff_0000_0000,
        -0x00ff_00ff_00ff_0100,
        0x1_0001,
        0xff_f000,
        -0xff_f000,
        0x1fff,
        200,
        1000,
    ];
    for width in 0..64 {
        // Offsets of words end a word further.
        for near in [-8i64, -1, 0, 1, 8].into_iter().filter(|near| width < 34 || near.abs() < 8) {
            let number = (1i64 << width).wrapping_add(near);
            all.extend([number, number.wrapping_neg()]);
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// Words to try beside a constant.
fn words_beside(number: i64) -> Vec<[u64; 2]> {
    let mut random = stream(number as u64);
    let mut all: Vec<[i64; 2]> = Vec::new();
    for near in -1..=1 {
        all.push([number.wrapping_add(near), number.wrapping_sub(near)]);
    }
    let random_word = random() as i64;
    all.extend([
        [number.wrapping_neg(), 3],
        [0, number],
        [-1, 1],
        [i64::MIN, -7],
        [i64::MAX, i64::MIN],
        [number.wrapping_mul(5).wrapping_sub(1), number >> 1],
        [random_word, random() as i64 >> 20],
    ]);
    all.into_iter().map(|words| words.map(|word| word as u64)).collect()
}

/// Every operation on words, with a constant on either side.
pub fn constants_on_either_side(bench: &Bench) {
    verify_allocation(true);
    coverage::record();
    for number in constants() {
        agree(bench, &format!("constant {number:#x}"), &words_beside(number), &|sheet| {
            for left in [false, true] {
                binaries(sheet, number, left);
                overflows(sheet, number, left);
                comparisons(sheet, number, left);
            }
            fused(sheet, number);
            addresses(sheet, number);
        });
    }
    agree(bench, "no constant", &words_beside(200), &without_constants);
    must_have(&coverage::recorded(), |cell| match cell.operation {
        Operation::Binary(Binary::Div | Binary::Rem) => cell.operands != Operands::Right(Class::of(0)),
        Operation::Binary(_) | Operation::Overflowing(_) | Operation::Compare(_) | Operation::CompareBranch(_) => true,
        Operation::Load(_) | Operation::LoadIndexed(_) | Operation::Store(_) | Operation::StoreIndexed(_) => true,
        Operation::StoredValue(width) => width != Width::Double,
        Operation::HasTag | Operation::HasTagBranch | Operation::NonZeroBranch => true,
        _ => false,
    });
}

/// Fail if some cell that is wanted was not met.
fn must_have(met: &Cells, wanted: impl Fn(&Cell) -> bool) {
    let missing = Cell::all().iter().filter(|cell| wanted(cell) && !met.contains(&(cell.number() as u16)));
    let missing: Vec<String> = missing.map(Cell::to_string).collect();
    assert!(missing.is_empty(), "these trials no longer execute: {}", missing.join("; "));
}

/// The operands in their order; a division's are such that it is defined.
fn operands(sheet: &mut Sheet, op: Option<Binary>, number: i64, left: bool) -> [Val; 2] {
    let constant = sheet.word(number);
    let other = sheet.words[0];
    match (op, left) {
        (Some(Binary::Div | Binary::Rem), true) => {
            let low = sheet.binary_with(Binary::And, other, 0xff);
            [constant, sheet.binary_with(Binary::Or, low, 1)]
        }
        (Some(Binary::Div | Binary::Rem), false) if number == -1 => {
            [sheet.binary_with(Binary::Ashr, other, 1), constant]
        }
        (_, true) => [constant, other],
        (_, false) => [other, constant],
    }
}

fn binaries(sheet: &mut Sheet, number: i64, left: bool) {
    let side = if left { "left" } else { "right" };
    for op in Binary::ALL.iter().copied() {
        if matches!(op, Binary::Div | Binary::Rem) && !left && number == 0 {
            continue;
        }
        sheet.item(
            || format!("{} with {number:#x} {side}", op.name()),
            |sheet| {
                let [a, b] = operands(sheet, Some(op), number, left);
                sheet.binary(op, a, b)
            },
        );
        sheet.item(
            || format!("{} with {number:#x} {side}, then its operand", op.name()),
            |sheet| {
                let [a, b] = operands(sheet, Some(op), number, left);
                let result = sheet.binary(op, a, b);
                let turned = sheet.binary_with(Binary::Rotl, result, 7);
                sheet.binary(Binary::Xor, turned, if left { b } else { a })
            },
        );
    }
}

fn overflows(sheet: &mut Sheet, number: i64, left: bool) {
    let side = if left { "left" } else { "right" };
    for op in Overflowing::ALL.iter().copied() {
        for use_of in ["value", "flag", "both", "branch", "branch on the flag", "flag after the operand's use"] {
            sheet.item(
                || format!("{}.overflow with {number:#x} {side}: {use_of}", op.name()),
                |sheet| {
                    let [a, b] = operands(sheet, None, number, left);
                    let [result, flag] = sheet.builder.push(Op::Overflowing(op, a, b));
                    let [result, flag] = [result, flag].map(|result| result.expect("two results"));
                    match use_of {
                        "value" => result,
                        "flag" => flag,
                        "both" => {
                            let turned = sheet.binary_with(Binary::Rotl, result, 1);
                            sheet.binary(Binary::Xor, turned, flag)
                        }
                        "branch" => {
                            let other = sheet.branch(Condition::NonZero(flag), true);
                            sheet.binary(Binary::Sub, result, other)
                        }
                        "branch on the flag" => sheet.branch(Condition::NonZero(flag), false),
                        _ => {
                            let sum = sheet.binary(Binary::Add, if left { b } else { a }, flag);
                            sheet.binary(Binary::Xor, sum, result)
                        }
                    }
                },
            );
        }
    }
}

/// What is done with a condition.
const USES: [&str; 4] = ["value", "branch", "branch turned round", "branch on the value"];

fn comparisons(sheet: &mut Sheet, number: i64, left: bool) {
    let side = if left { "left" } else { "right" };
    for op in Compare::ALL.iter().copied() {
        for use_of in USES {
            sheet.item(
                || format!("compare.{} with {number:#x} {side}: {use_of}", op.name()),
                |sheet| {
                    let [a, b] = operands(sheet, None, number, left);
                    compared(sheet, use_of, Op::Compare(op, a, b), Condition::Compare(op, a, b))
                },
            );
        }
    }
}

fn compared(sheet: &mut Sheet, use_of: &str, value: Op, condition: Condition) -> Val {
    match use_of {
        "value" => sheet.op(value),
        "branch" => sheet.branch(condition, false),
        "branch turned round" => sheet.branch(condition, true),
        _ => {
            let flag = sheet.op(value);
            sheet.branch(Condition::NonZero(flag), false)
        }
    }
}

/// Operations that a target may fuse: with the part used by nobody else, and used again.
fn fused(sheet: &mut Sheet, number: i64) {
    use Binary::*;
    let [a, b] = sheet.words;
    for again in [false, true] {
        let also = if again { ", its part used again" } else { "" };
        let mut item = |name: &str, part: &dyn Fn(&mut Sheet) -> Val, whole: &dyn Fn(&mut Sheet, Val) -> Val| {
            sheet.item(
                || format!("{name} with {number:#x}{also}"),
                |sheet| {
                    let part = part(sheet);
                    let whole = whole(sheet, part);
                    if again {
                        let turned = sheet.binary_with(Rotl, whole, 9);
                        sheet.binary(Xor, turned, part)
                    } else {
                        whole
                    }
                },
            );
        };
        let and = |sheet: &mut Sheet| sheet.binary_with(And, a, number);
        let product = |sheet: &mut Sheet| sheet.binary(Mul, a, b);
        let shifted = |sheet: &mut Sheet| sheet.binary_with(Shl, a, number & 63);
        for turned in [false, true] {
            item("branch on bits", &and, &|sheet, part| sheet.branch(Condition::NonZero(part), turned));
            for op in [Compare::Eq, Compare::Ne] {
                item("branch on no bits", &and, &|sheet, part| {
                    let zero = sheet.word(0);
                    sheet.branch(Condition::Compare(op, part, zero), turned)
                });
                item("bits as a value", &and, &|sheet, part| {
                    let zero = sheet.word(0);
                    sheet.op(Op::Compare(op, part, zero))
                });
            }
        }
        item("product added", &product, &|sheet, part| sheet.binary(Add, b, part));
        item("product added to a constant", &product, &|sheet, part| sheet.binary_with(Add, part, number));
        item("product subtracted", &product, &|sheet, part| sheet.binary(Sub, a, part));
        item("product subtracted from", &product, &|sheet, part| sheet.binary(Sub, part, b));
        item("shifted and added", &shifted, &|sheet, part| sheet.binary(Add, b, part));
        item("shifted and added to", &shifted, &|sheet, part| sheet.binary(Add, part, b));
        item("shifted and subtracted", &shifted, &|sheet, part| sheet.binary(Sub, b, part));
        item("shifted there and back", &shifted, &|sheet, part| sheet.binary_with(Ashr, part, number & 63));
        item("shifted there and back, unsigned", &shifted, &|sheet, part| sheet.binary_with(Lshr, part, number & 63));
        item("sum compared", &|sheet| sheet.binary_with(Add, a, number), &|sheet, part| {
            sheet.branch(Condition::Compare(Compare::Below, part, a), false)
        });
        item("sum of sums", &|sheet| sheet.binary_with(Add, a, number), &|sheet, part| {
            sheet.binary_with(Add, part, number)
        });
        let load = |sheet: &mut Sheet| sheet.op(Op::Load(Width::Word, sheet.memory, 16));
        for op in [Compare::Eq, Compare::Lt, Compare::Below, Compare::Ge] {
            item("loaded and compared", &load, &|sheet, part| {
                let constant = sheet.word(number);
                sheet.branch(Condition::Compare(op, part, constant), false)
            });
            item("loaded, stored over and compared", &load, &|sheet, part| {
                sheet.effect(Op::Store(Width::Word, b, sheet.memory, 16));
                let constant = sheet.word(number);
                sheet.branch(Condition::Compare(op, part, constant), false)
            });
            item("data compared", &|sheet| sheet.op(Op::LoadData(1)), &|sheet, part| {
                sheet.branch(Condition::Compare(op, part, a), false)
            });
            item("compared with data", &|sheet| sheet.op(Op::LoadData(1)), &|sheet, part| {
                sheet.branch(Condition::Compare(op, a, part), true)
            });
        }
        item("loaded and tested", &load, &|sheet, part| sheet.branch(Condition::NonZero(part), false));
        for use_of in USES {
            item("tags", &|sheet| sheet.binary_with(Add, a, 1), &|sheet, part| {
                compared(sheet, use_of, Op::HasTag(number as u8, part), Condition::HasTag(number as u8, part))
            });
        }
    }
}

/// The number as an offset, as an index, and as a word that is stored.
fn addresses(sheet: &mut Sheet, number: i64) {
    /// Where words are loaded and stored, from the start of each half.
    const PLACE: i32 = 64;
    for width in Width::ALL.iter().copied() {
        let start = if width == Width::Double { sheet.half } else { 0 };
        let place = start + PLACE;
        stored(sheet, width, number, place);
        let Ok(offset) = i32::try_from(number) else { continue };
        // Base, index and offset together are the place: what targets may take apart, and what they must compute.
        let base = |sheet: &mut Sheet, more: i64| {
            let distance = sheet.opaque(i64::from(place) - number - more);
            sheet.binary(Binary::Add, sheet.memory, distance)
        };
        let known = |sheet: &mut Sheet, more: i64| {
            sheet.binary_with(Binary::Add, sheet.memory, i64::from(place) - number - more)
        };
        let name = |what: &str| format!("{what} {} at {number:#x}", width.name());
        sheet.item(
            || name("load"),
            |sheet| {
                let base = base(sheet, 0);
                sheet.op(Op::Load(width, base, offset))
            },
        );
        sheet.item(
            || name("load from a sum"),
            |sheet| {
                let base = known(sheet, 0);
                sheet.op(Op::Load(width, base, offset))
            },
        );
        sheet.item(
            || name("load with an index"),
            |sheet| {
                let (base, index) = (base(sheet, 24), sheet.opaque(24));
                sheet.op(Op::LoadIndexed(width, base, index, offset))
            },
        );
        sheet.item(
            || name("load from a sum with an index"),
            |sheet| {
                let (base, index) = (known(sheet, 24), sheet.opaque(24));
                sheet.op(Op::LoadIndexed(width, base, index, offset))
            },
        );
        sheet.item(
            || name("load with a scaled index"),
            |sheet| {
                let (base, count) = (base(sheet, 24), sheet.opaque(3));
                let index = sheet.binary_with(Binary::Shl, count, 3);
                sheet.op(Op::LoadIndexed(width, base, index, offset))
            },
        );
        sheet.item(
            || name("load with a constant index"),
            |sheet| {
                let (base, index) = (base(sheet, 8), sheet.word(number));
                sheet.op(Op::LoadIndexed(width, base, index, 8))
            },
        );
        sheet.item(
            || name("store"),
            |sheet| {
                let (base, value) = (base(sheet, 0), value_of(sheet, width));
                sheet.effect(Op::Store(width, value, base, offset));
                sheet.op(Op::Load(width, sheet.memory, place))
            },
        );
        sheet.item(
            || name("store with an index"),
            |sheet| {
                let (base, index, value) = (base(sheet, 8), sheet.opaque(8), value_of(sheet, width));
                sheet.effect(Op::StoreIndexed(width, value, base, index, offset));
                sheet.op(Op::Load(width, sheet.memory, place))
            },
        );
        sheet.item(
            || name("store zero with an index"),
            |sheet| {
                let (base, index) = (base(sheet, 16), sheet.opaque(16));
                let zero = if width == Width::Double { sheet.double(0) } else { sheet.word(0) };
                sheet.effect(Op::StoreIndexed(width, zero, base, index, offset));
                sheet.op(Op::Load(width, sheet.memory, place))
            },
        );
    }
}

/// Something to store.
fn value_of(sheet: &mut Sheet, width: Width) -> Val {
    match width {
        Width::Double => sheet.op(Op::Load(Width::Double, sheet.memory, sheet.half + 24)),
        _ => sheet.words[0],
    }
}

fn stored(sheet: &mut Sheet, width: Width, number: i64, place: i32) {
    if width == Width::Double {
        return;
    }
    for indexed in [false, true] {
        sheet.item(
            || format!("store {} of {number:#x}{}", width.name(), if indexed { " with an index" } else { "" }),
            |sheet| {
                let number = sheet.word(number);
                if indexed {
                    let index = sheet.opaque(place.into());
                    sheet.effect(Op::StoreIndexed(width, number, sheet.memory, index, 0));
                } else {
                    sheet.effect(Op::Store(width, number, sheet.memory, place));
                }
                sheet.op(Op::Load(Width::Word, sheet.memory, place))
            },
        );
    }
    sheet.item(
        || format!("{number:#x} in the context"),
        |sheet| {
            let number = sheet.word(number);
            sheet.effect(Op::StoreContext(number, maru_generate::CONTEXT_OFFSETS[0]));
            let back = sheet.op(Op::LoadContext(maru_generate::CONTEXT_OFFSETS[0]));
            let same = sheet.branch(Condition::Compare(Compare::Eq, back, number), false);
            sheet.binary(Binary::Add, back, same)
        },
    );
}

/// Operations on two values, and on one value twice.
fn without_constants(sheet: &mut Sheet) {
    let [a, b] = sheet.words;
    for same in [false, true] {
        let number = sheet.opaque(12_345);
        let (a, b) = if same { (number, number) } else { (a, b) };
        for op in Binary::ALL.iter().copied() {
            let divides = matches!(op, Binary::Div | Binary::Rem);
            sheet.item(
                || op.name().to_string(),
                |sheet| {
                    let b = if divides && !same { number } else { b };
                    sheet.binary(op, a, b)
                },
            );
        }
        for op in Overflowing::ALL.iter().copied() {
            sheet.item(|| op.name().to_string(), |sheet| sheet.op(Op::Overflowing(op, a, b)));
        }
        for op in Compare::ALL.iter().copied() {
            for use_of in USES {
                sheet.item(
                    || op.name().to_string(),
                    |sheet| compared(sheet, use_of, Op::Compare(op, a, b), Condition::Compare(op, a, b)),
                );
            }
        }
    }
}

/// Quotients and remainders by many constants, of dividends where rounding changes.
pub fn divisions_by_constants(bench: &Bench) {
    let mut random = stream(1);
    let mut divisors: Vec<i64> = (1..=100).collect();
    divisors.extend([641, 1000, 12_345, 1_000_003, 0x55_5555_5555]);
    divisors.extend((2..63).flat_map(|width| (-1..=1).map(move |near| (1i64 << width) + near)));
    divisors.extend((0..60).map(|n| (random() >> (n + 1)) as i64 | 1));
    for divisor in divisors.iter().flat_map(|divisor| [*divisor, divisor.wrapping_neg()]).chain([i64::MIN]) {
        agree(bench, &format!("divisor {divisor}"), &dividends(divisor), &|sheet| {
            for op in [Binary::Div, Binary::Rem] {
                sheet.item(|| op.name().into(), |sheet| sheet.binary_with(op, sheet.words[0], divisor));
            }
            sheet.item(
                || "both".into(),
                |sheet| {
                    let quotient = sheet.binary_with(Binary::Div, sheet.words[0], divisor);
                    let rest = sheet.binary_with(Binary::Rem, sheet.words[0], divisor);
                    let back = sheet.binary_with(Binary::Mul, quotient, divisor);
                    let sum = sheet.binary(Binary::Add, back, rest);
                    sheet.binary(Binary::Sub, sum, sheet.words[0])
                },
            );
            sheet.item(
                || "a quotient by a value".into(),
                |sheet| {
                    let divisor = sheet.opaque(divisor);
                    let quotient = sheet.binary(Binary::Div, sheet.words[1], divisor);
                    let rest = sheet.binary(Binary::Rem, sheet.words[1], divisor);
                    let turned = sheet.binary_with(Binary::Rotl, quotient, 11);
                    sheet.binary(Binary::Xor, turned, rest)
                },
            );
        });
    }
}

/// Multiples of a divisor and their neighbours, the largest among them. MIN / -1 is undefined.
fn dividends(divisor: i64) -> Vec<[u64; 2]> {
    let mut quotients = vec![0, 1, -1, 2, 1000, -1000];
    quotients.extend([i64::MAX, i64::MIN + 1].map(|limit| limit.wrapping_div(divisor)));
    let mut random = stream(divisor as u64);
    quotients.extend((0..4).map(|n| (random() as i64 >> (16 * n)).wrapping_div(divisor)));
    let near = |quotient: i64| {
        let multiple = quotient.wrapping_mul(divisor);
        [-1, 0, 1].map(|near| multiple.wrapping_add(near))
    };
    let all = quotients.into_iter().flat_map(near).chain([i64::MAX, i64::MIN + 1, i64::MIN]);
    all.filter(|dividend| divisor != -1 || *dividend != i64::MIN).map(|word| [word as u64, !word as u64 | 1]).collect()
}

/// Doubles at their edges, with a constant on either side, as values and in branches; NaN made while code runs;
/// conversions up to their limits.
pub fn doubles_at_their_edges(bench: &Bench) {
    coverage::record();
    let mut specials: Vec<u64> = DOUBLES.iter().map(|double| double.to_bits()).collect();
    // Exponents about which immediate forms of doubles end.
    specials
        .extend((-5..=6).flat_map(|power| [1.0, 1.9375, 1.96875, -1.5].map(|by| (2f64.powi(power) * by).to_bits())));
    specials.extend([2f64.powi(63), 2f64.powi(53) + 2.0, 2f64.powi(31), -2f64.powi(63)].map(f64::to_bits));
    let words: Vec<[u64; 2]> =
        DOUBLES.iter().flat_map(|a| [1.5f64, -0.0, f64::NAN].map(|b| [a.to_bits(), b.to_bits()])).collect();
    for bits in specials {
        let mut words = words.clone();
        words.extend([[bits, bits], [bits + 1, bits], [bits ^ 1 << 63, bits]]);
        agree(bench, &format!("double {:?}", f64::from_bits(bits)), &words, &|sheet| doubles(sheet, bits));
    }
    must_have(&coverage::recorded(), |cell| match cell.operation {
        Operation::FloatBinary(_) | Operation::FloatCompare(_) | Operation::FloatCompareBranch(_) => true,
        Operation::FloatUnary(_) | Operation::IntToFloat | Operation::FloatToInt => true,
        Operation::StoredValue(width) => width == Width::Double,
        _ => false,
    });
}

fn doubles(sheet: &mut Sheet, bits: u64) {
    let [x, y] = sheet.words.map(|word| sheet.op(Op::FloatFromBits(word)));
    let infinity = sheet.double(f64::INFINITY.to_bits());
    for side in ["right", "left", "twice", "opaque", "NaN"] {
        let pair = |sheet: &mut Sheet| {
            let constant = sheet.double(bits);
            match side {
                "right" => [x, constant],
                "left" => [constant, x],
                "twice" => [x, x],
                "opaque" => [x, y],
                _ => {
                    // NaN for what is infinite, and otherwise a zero.
                    let product = sheet.op(Op::FloatBinary(FloatBinary::Mul, x, infinity));
                    [sheet.op(Op::FloatBinary(FloatBinary::Sub, product, infinity)), constant]
                }
            }
        };
        for op in FloatBinary::ALL.iter().copied() {
            sheet.item(
                || format!("float.{} {side}", op.name()),
                |sheet| {
                    let [a, b] = pair(sheet);
                    sheet.op(Op::FloatBinary(op, a, b))
                },
            );
            sheet.item(
                || format!("float.{} {side}, then its operand", op.name()),
                |sheet| {
                    let [a, b] = pair(sheet);
                    let result = sheet.op(Op::FloatBinary(op, a, b));
                    sheet.op(Op::FloatBinary(FloatBinary::Mul, result, a))
                },
            );
        }
        for op in FloatCompare::ALL.iter().copied() {
            for use_of in USES {
                sheet.item(
                    || format!("float.{} {side}: {use_of}", op.name()),
                    |sheet| {
                        let [a, b] = pair(sheet);
                        compared(sheet, use_of, Op::FloatCompare(op, a, b), Condition::FloatCompare(op, a, b))
                    },
                );
            }
        }
    }
    for op in FloatUnary::ALL.iter().copied() {
        sheet.item(|| format!("float.{}", op.name()), |sheet| sheet.op(Op::FloatUnary(op, x)));
    }
    sheet.item(
        || "stored".into(),
        |sheet| {
            let constant = sheet.double(bits);
            sheet.effect(Op::Store(Width::Double, constant, sheet.memory, sheet.half + 40));
            constant
        },
    );
    sheet.item(|| "int_to_float".into(), |sheet| sheet.op(Op::IntToFloat(sheet.words[0])));
    sheet.item(
        || "float_to_int".into(),
        |sheet| {
            let constant = sheet.double(bits);
            let sum = sheet.op(Op::FloatBinary(FloatBinary::Add, x, constant));
            truncated(sheet, sum)
        },
    );
}

/// A double truncated if it is in range, else 7.
fn truncated(sheet: &mut Sheet, double: Val) -> Val {
    let size = sheet.op(Op::FloatUnary(FloatUnary::Abs, double));
    let limit = sheet.double(9_223_372_036_854_775_808f64.to_bits());
    let [inside, outside, join] = [(); 3].map(|()| sheet.builder.block());
    let result = sheet.builder.parameter(join, Type::Word);
    let condition = Condition::FloatCompare(FloatCompare::Lt, size, limit);
    sheet.builder.branch(condition, inside, &[], outside, &[]);
    sheet.builder.switch_to(inside);
    let word = sheet.op(Op::FloatToInt(double));
    sheet.builder.jump(join, &[word]);
    sheet.builder.switch_to(outside);
    let seven = sheet.word(7);
    sheet.builder.jump(join, &[seven]);
    sheet.builder.switch_to(join);
    result
}

/// Operations on values that were spilled: more are alive than there are registers, words and doubles, across a helper.
pub fn operands_in_memory(bench: &Bench) {
    verify_allocation(true);
    for shift in 0..4 {
        agree(bench, "spilled operands", &words_beside(0x1_2345_6789), &|sheet| {
            let words: Vec<Val> = (0..50)
                .map(|n| {
                    let loaded = sheet.op(Op::Load(Width::Word, sheet.memory, 8 * (n % 40)));
                    sheet.binary(Binary::Xor, loaded, sheet.words[n as usize % 2])
                })
                .collect();
            let doubles: Vec<Val> =
                (0..50).map(|n| sheet.op(Op::Load(Width::Double, sheet.memory, sheet.half + 8 * n))).collect();
            let zero = sheet.word(0);
            sheet.effect(Op::Helper(Helper::DefineCell, vec![zero, words[0], words[1]]));
            let mut next = shift;
            let mut take = |values: &[Val]| {
                next += 7;
                values[next % values.len()]
            };
            for op in Binary::ALL.iter().copied() {
                let (a, b) = (take(&words), take(&words));
                let divides = matches!(op, Binary::Div | Binary::Rem);
                sheet.item(
                    || op.name().into(),
                    |sheet| {
                        let b = if divides { sheet.binary_with(Binary::Or, b, 1 << 40) } else { b };
                        let b = if divides { sheet.binary_with(Binary::And, b, i64::MAX) } else { b };
                        sheet.binary(op, a, b)
                    },
                );
                let number = if divides { 10 } else { 200 };
                sheet.item(|| op.name().into(), |sheet| sheet.binary_with(op, a, number));
            }
            for op in Overflowing::ALL.iter().copied() {
                let (a, b) = (take(&words), take(&words));
                sheet.item(
                    || op.name().into(),
                    |sheet| sheet.builder.push(Op::Overflowing(op, a, b))[1].expect("a flag"),
                );
            }
            for op in Compare::ALL.iter().copied() {
                let (a, b) = (take(&words), take(&words));
                for use_of in USES {
                    sheet.item(
                        || op.name().into(),
                        |sheet| compared(sheet, use_of, Op::Compare(op, a, b), Condition::Compare(op, a, b)),
                    );
                }
            }
            for op in FloatBinary::ALL.iter().copied() {
                let (a, b) = (take(&doubles), take(&doubles));
                sheet.item(|| op.name().into(), |sheet| sheet.op(Op::FloatBinary(op, a, b)));
            }
            for op in FloatCompare::ALL.iter().copied() {
                let (a, b) = (take(&doubles), take(&doubles));
                sheet.item(|| op.name().into(), |sheet| sheet.op(Op::FloatCompare(op, a, b)));
            }
            for op in FloatUnary::ALL.iter().copied() {
                let a = take(&doubles);
                sheet.item(|| op.name().into(), |sheet| sheet.op(Op::FloatUnary(op, a)));
            }
            for (word, double) in words.iter().copied().zip(doubles.iter().copied()) {
                sheet.item(|| "int_to_float".into(), |sheet| sheet.op(Op::IntToFloat(word)));
                sheet.item(|| "float_to_int".into(), |sheet| sheet.op(Op::FloatToInt(double)));
                sheet.item(|| "has_tag".into(), |sheet| sheet.op(Op::HasTag(0x32, word)));
            }
            // All of them live until here.
            for (n, word) in words.iter().enumerate() {
                sheet.item(|| format!("word {n}"), |_| *word);
            }
            for (n, double) in doubles.iter().enumerate() {
                sheet.item(|| format!("double {n}"), |_| *double);
            }
        });
    }
}

/// Words and doubles in frames past each limit of an offset: half of what lives is words, half is doubles.
pub fn large_frames_of_words_and_doubles(bench: &Bench) {
    verify_allocation(true);
    // Two slots each: past 128 bytes, 256, 512, a page, 32 KiB.
    for count in [9, 17, 33, 65, 130, 257, 514, 2100] {
        agree(bench, &format!("{count} words and doubles"), &[[3, 5]], &|sheet| {
            let both: Vec<[Val; 2]> = (0..count)
                .map(|n| {
                    let [a, b] = sheet.words;
                    let word = sheet.binary_with(Binary::Add, if n % 2 == 0 { a } else { b }, i64::from(n) << 33);
                    let loaded = sheet.op(Op::Load(Width::Double, sheet.memory, sheet.half + 8 * (n % 60)));
                    let number = sheet.double(f64::from(n).to_bits());
                    [word, sheet.op(Op::FloatBinary(FloatBinary::Add, loaded, number))]
                })
                .collect();
            let zero = sheet.word(0);
            sheet.effect(Op::Helper(Helper::DefineCell, vec![zero, both[0][0], zero]));
            for (n, [word, double]) in both.iter().copied().enumerate() {
                // Some are used once, so that nobody but the conversion asks for them.
                sheet.item(|| format!("word {n} as a double"), |sheet| sheet.op(Op::IntToFloat(word)));
                sheet.item(|| format!("double {n}"), |_| double);
                if n % 3 != 0 {
                    sheet.item(|| format!("word {n}"), |_| word);
                }
            }
        });
    }
}

/// Every register as a base, as an index, as a value of each width and as a flag: as many values live as there may be
/// registers, of which each has each of these roles.
pub fn registers_in_every_role(bench: &Bench) {
    verify_allocation(true);
    for count in [3, 6, 9, 11, 12, 13, 14, 15, 24, 26, 28, 30] {
        agree(bench, &format!("{count} registers"), &[[3, 0xfedc_ba98_7654_3210], [u64::MAX, 7]], &|sheet| {
            roles(sheet, count);
        });
    }
}

fn roles(sheet: &mut Sheet, count: i32) {
    let bases: Vec<Val> = (0..count)
        .map(|n| {
            let distance = sheet.opaque(8 * i64::from(n));
            sheet.binary(Binary::Add, sheet.memory, distance)
        })
        .collect();
    for (n, base) in bases.iter().copied().enumerate() {
        let other = bases[(n + 1) % bases.len()];
        for offset in [0, 8, 200] {
            sheet.item(|| format!("base {n}"), |sheet| sheet.op(Op::Load(Width::Word, base, offset)));
        }
        sheet.item(
            || format!("index {n}"),
            |sheet| {
                let index = sheet.binary(Binary::Sub, base, sheet.memory);
                sheet.op(Op::LoadIndexed(Width::Word, sheet.memory, index, 0))
            },
        );
        sheet.item(
            || format!("base with an index {n}"),
            |sheet| {
                let index = sheet.binary(Binary::Sub, other, base);
                sheet.op(Op::LoadIndexed(Width::Byte, base, index, 0))
            },
        );
        // The address itself may be no result: it differs from run to run.
        let value = |sheet: &mut Sheet| sheet.binary(Binary::Sub, base, sheet.memory);
        for width in [Width::Byte, Width::Four, Width::Word] {
            sheet.item(
                || format!("value {n} of width {}", width.name()),
                |sheet| {
                    let value = value(sheet);
                    sheet.effect(Op::Store(width, value, other, 0));
                    sheet.op(Op::Load(width, other, 0))
                },
            );
        }
        sheet.item(|| format!("flag {n}"), |sheet| sheet.op(Op::Compare(Compare::Below, base, other)));
        sheet.item(|| format!("tag {n}"), |sheet| sheet.op(Op::HasTag(1, base)));
        sheet.item(
            || format!("shift by {n}"),
            |sheet| {
                let value = value(sheet);
                sheet.binary(Binary::Shl, sheet.words[1], value)
            },
        );
        sheet.item(
            || format!("product of {n}"),
            |sheet| {
                let value = value(sheet);
                sheet.binary(Binary::Mul, value, sheet.words[1])
            },
        );
    }
    for (n, base) in bases.iter().copied().enumerate() {
        sheet.item(|| format!("base {n} at the end"), |sheet| sheet.op(Op::Load(Width::Byte, base, 1)));
    }
}

/// Words and doubles that change places on the way round a loop: each number of them turned by each distance.
pub fn rings_of_values(bench: &Bench) {
    for count in 2..=8usize {
        for by in 1..count {
            for swapped in [false, true] {
                agree(bench, &format!("{count} by {by}"), &[[5, 9], [1, 3]], &|sheet| {
                    ring(sheet, count, by, swapped);
                });
            }
        }
    }
}

fn ring(sheet: &mut Sheet, count: usize, by: usize, swapped: bool) {
    let [a, b] = sheet.words;
    let (head, done) = (sheet.builder.block(), sheet.builder.block());
    let turns = sheet.builder.parameter(head, Type::Word);
    let mut first = vec![a];
    for n in 0..count {
        first.push(sheet.binary_with(Binary::Add, b, 100 * n as i64));
        first.push(sheet.op(Op::Load(Width::Double, sheet.memory, sheet.half + 8 * n as i32)));
    }
    let types = (0..count).flat_map(|_| [Type::Word, Type::Double]);
    let values: Vec<Val> = types.map(|of| sheet.builder.parameter(head, of)).collect();
    sheet.builder.jump(head, &first);
    sheet.builder.switch_to(head);
    let left = sheet.binary_with(Binary::Sub, turns, 1);
    let place = |n: usize| if swapped { count - 1 - (n + by) % count } else { (n + by) % count };
    let mut next = vec![left];
    next.extend((0..count).flat_map(|n| [values[2 * place(n)], values[2 * place(n) + 1]]));
    sheet.builder.branch(Condition::NonZero(left), head, &next, done, &[]);
    sheet.builder.switch_to(done);
    for (n, value) in values.iter().enumerate() {
        sheet.item(|| format!("value {n}"), |_| *value);
    }
}

/// What a branch tests: targets have a form, and a reach, for each.
const TESTS: [&str; 5] = ["word", "flags", "bit", "tag", "double"];

/// Branches, forwards and back, over bodies that grow past each reach that a CPU's branches have.
pub fn branches_about_each_reach(bench: &Bench) {
    for test in TESTS {
        // Bodies of all sizes up to where the shortest forms end.
        for operations in 0..70 {
            for long in 0..4 {
                reach(bench, test, operations, long);
            }
        }
        let size = |operations: usize| {
            let (function, _) = body(test, operations, 0);
            bench.architecture.compile(&function).unwrap_or_else(|error| panic!("{error}")).bytes.len()
        };
        let each = (size(300) - size(100)) as f64 / 200.0;
        for reached in [9, 10, 11, 12, 13, 15].map(|bits| 1usize << bits) {
            let most = (reached as f64 / each) as usize;
            for operations in most.saturating_sub(8)..most + 3 {
                reach(bench, test, operations, 0);
            }
        }
    }
}

fn reach(bench: &Bench, test: &str, operations: usize, long: usize) {
    let (function, room) = body(test, operations, long);
    let functions = [function];
    let mut pair = Pair::new(bench, &functions, room);
    for words in [[0, 0x1234], [1 << 20 | 1, 77]] {
        if let Some((evaluated, ran)) = pair.differ(words) {
            let title =
                format!("a branch on a {test} over {operations} operations, {long} of them long, with {words:x?}");
            let what = format!("the target computed {:#x}, the IR evaluator {:#x}", ran.0, evaluated.0);
            let listing = if operations < 80 { bench.listing(&functions[0]) } else { String::new() };
            panic!("{title}\n{what}\n{listing}");
        }
    }
}

/// Two turns of a loop over a body that is done or passed over.
fn body(test: &str, operations: usize, long: usize) -> (Function, usize) {
    let signature = Signature { convention: Convention::Entry, parameters: vec![Type::Word; 3], result: Type::Word };
    let mut builder = FunctionBuilder::new("reach", signature);
    let [head, inside, join, done] = [(); 4].map(|()| builder.block());
    let (sum, turns) = (builder.parameter(head, Type::Word), builder.parameter(head, Type::Word));
    let out = builder.parameter(join, Type::Word);
    let two = builder.iconst(2);
    let double = builder.int_to_float(Val(1));
    let zero = builder.fconst(0.0);
    builder.jump(head, &[Val(2), two]);
    builder.switch_to(head);
    let condition = match test {
        "word" => Condition::NonZero(Val(1)),
        "flags" => Condition::Compare(Compare::Below, turns, Val(1)),
        "bit" => Condition::NonZero(builder.binary_immediate(Binary::And, Val(1), 1 << 20)),
        "tag" => Condition::HasTag(0b1000_0010, Val(1)),
        _ => Condition::FloatCompare(FloatCompare::Ne, double, zero),
    };
    builder.branch(condition, inside, &[], join, &[sum]);
    builder.switch_to(inside);
    let mut last = sum;
    for n in 0..operations {
        let number = if n < long { 0x123_4560 + n as i64 } else { 1 + (n as i64 & 0x1f) };
        let op = if n % 2 == 0 { Binary::Add } else { Binary::Sub };
        last = builder.binary_immediate(op, last, number);
    }
    builder.jump(join, &[last]);
    builder.switch_to(join);
    let left = builder.binary_immediate(Binary::Sub, turns, 1);
    let next = builder.binary_immediate(Binary::Xor, out, 5);
    builder.branch(Condition::NonZero(left), head, &[next, left], done, &[]);
    builder.switch_to(done);
    builder.ret(next);
    (builder.finish(), INPUTS as usize / 4)
}
