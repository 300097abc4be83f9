//! Programs at the boundaries of what instructions can hold: constants about each power of two beside operands that no
//! compiler knows, in every operation, either side, as values and in branches; and shapes that fill registers, frames and
//! argument lists.
//!
//! What is to be tried at all is a list ([`cells`]), and the programs sweep through it: a program's position decides which
//! part of the list it holds, so that some hundred programs hold everything once. Values are drawn.

mod shapes;

pub use shapes::SHAPES;

use super::dice::Dice;
use super::shifting::read;
use super::syntax::{Item, Prediction, Program};
use maru_core::abi::layout::{FIXNUM_MAX, FIXNUM_MIN, TAG_BITS};
use std::sync::LazyLock;

/// Groups of operations that a program holds.
const GROUPS: usize = 4;

/// Programs of the family after which each group of operations was met with each of its constants.
pub fn programs_for_all() -> u64 {
    cells().len().div_ceil(GROUPS) as u64
}

/// Widths at which fields of instructions end, for one CPU or another: immediates, displacements, halves of words.
const WIDTHS: [u32; 12] = [7, 8, 11, 12, 15, 16, 20, 24, 31, 32, 47, 62];

/// Constants that are no powers of two, for products and quotients.
const FACTORS: [i64; 16] =
    [3, -3, 5, 6, 7, -7, 10, 11, -13, 100, 200, 641, 1000, -12345, 0x55_5555_5555, 0x12_3456_789a_bcde];

/// Doubles at which their arithmetic, or the way they are held, changes.
const DOUBLES: [&str; 22] = [
    "0.0",
    "-0.0",
    "1.0",
    "-1.0",
    "0.5",
    "1.5",
    "2.0",
    "-2.75",
    "31.0",
    "32.0",
    "0.1",
    "1e10",
    "-1e300",
    "1.7976931348623157e308",
    "2.2250738585072014e-308",
    "5e-324",
    "-5e-324",
    "9007199254740993.0",
    "9223372036854775808.0",
    "1.157920892373162e77",
    "1.7272337110188893e-77",
    "123456.75",
];

/// What is tried with a constant: each is an expression of `x`, which nobody knows, and of `K`, the constant; `J` is
/// another that is drawn.
const SUMS: &[&str] = &["(+ x K)", "(+ K x)", "(- x K)", "(- K x)", "(& x K)", "(| K x)", "(^ x K)", "(- (+ x K) K)"];
const PRODUCTS: &[&str] = &[
    "(* x K)",
    "(* K x)",
    "(quotient x K)",
    "(remainder x K)",
    "(modulo x K)",
    "(% x K)",
    "(/ x K)",
    "(* x J)",
    "(quotient x J)",
    "(* J (- x K))",
    "(quotient K (| x 1))",
    "(remainder K (| x 1))",
];
const VALUES: &[&str] = &[
    "(< x K)", "(<= x K)", "(> x K)", "(>= x K)", "(= x K)", "(!= x K)", "(< K x)", "(<= K x)", "(> K x)", "(>= K x)",
    "(eq x K)",
];
const BRANCHES: &[&str] = &[
    "(if (< x K) 1 2)",
    "(if (<= x K) 1 2)",
    "(if (> x K) 1 2)",
    "(if (>= x K) 1 2)",
    "(if (= x K) 1 2)",
    "(if (!= x K) 1 2)",
    "(if (< K x) 1 2)",
    "(if (<= K x) 1 2)",
    "(if (> K x) x 2)",
    "(if (>= K x) x 2)",
    "(if (= 0 (& x K)) 1 2)",
];
/// Operations fused with others, each part used once or again.
const FUSED: &[&str] = &[
    "(if (< (+ x K) x) 1 2)",
    "(let ((s (+ x K))) (if (> s K) s (- K s)))",
    "(+ x (* y K))",
    "(- x (* K y))",
    "(+ K (* x y))",
    "(let ((p (* x y))) (list (+ p x) (- K p)))",
    "(if (zero? (& K x)) 1 2)",
    "(max (min x K) y)",
    "(+ x (<< (& y 255) 3))",
    "(& (>> x 5) K)",
    "(if (and (< x K) (> y K)) x y)",
    "(let ((p (cons x y))) (let ((old (car p))) (set-car p K) (if (= old K) (+ 1 old) (car p))))",
];
const SHIFTS: &[&str] =
    &["(<< x K)", "(>> x K)", "(<< (& x 65535) K)", "(>> (<< (& x 4095) 47) K)", "(<< x (& K z))", "(>> x (& K z))"];
const REALS: &[&str] = &[
    "(+ x K)",
    "(- x K)",
    "(- K x)",
    "(* x K)",
    "(/ x K)",
    "(/ K x)",
    "(sqrt (* x K))",
    "(abs (- x K))",
    "(- (* x K))",
    "(min x K)",
    "(max K x)",
];
const REAL_VALUES: &[&str] = &[
    "(< x K)",
    "(<= x K)",
    "(> x K)",
    "(>= x K)",
    "(= x K)",
    "(!= x K)",
    "(< (* x K) y)",
    "(>= y (- x K))",
    "(= (* x K) (* x K))",
    "(!= (- x y) (* K y))",
];
const REAL_BRANCHES: &[&str] = &[
    "(if (< x K) 1 2)",
    "(if (<= x K) 1 2)",
    "(if (> x K) 1 2)",
    "(if (>= x K) 1 2)",
    "(if (= x K) 1 2)",
    "(if (!= x K) 1 2)",
    "(let ((u (* x K))) (if (= u u) u 2.5))",
    "(let ((u (- x x))) (if (!= u u) 1 u))",
    "(let ((u (* x K)) (v (- y K))) (list (if (< u v) 1 2) (if (<= u v) 1 2) (if (> u v) 1 2) (if (>= u v) 1 2)))",
    "(let ((u (* x K)) (v (* y K))) (if (= u v) u v))",
];

/// Operations on operands neither of which is known, drawn for each program.
const OPAQUE: &[&str] = &[
    "(+ x y)",
    "(- x y)",
    "(- y x)",
    "(* x y)",
    "(quotient x y)",
    "(remainder x y)",
    "(modulo y x)",
    "(/ x y)",
    "(& x y)",
    "(| x y)",
    "(^ x y)",
    "(<< x (& y 63))",
    "(>> x (& y 127))",
    "(min x y)",
    "(max x y)",
    "(abs x)",
    "(- x)",
    "(~ x)",
    "(+ x x)",
    "(- x x)",
    "(* x x)",
    "(quotient x x)",
    "(remainder x x)",
    "(abs (- x y))",
    "(if (< x y) x y)",
    "(if (>= x y) (- x y) (- y x))",
    "(= x y)",
    "(<= x y)",
    "(if (= x y) 1 2)",
    "(if (even? x) 1 2)",
    "(list (zero? x) (positive? x) (negative? y) (odd? y))",
    "(list (double? x) (long? x) (number? y) (pair? x) (symbol? y))",
    "(exact->inexact x)",
    "(sqrt (* 1.0 (abs y)))",
];

/// A group of operations with its constant.
#[derive(Clone, Debug)]
struct Cell {
    /// What the function's name starts with, which is how a program's coverage is counted.
    about: &'static str,
    operations: &'static [&'static str],
    constant: String,
    /// Whether operands are doubles.
    real: bool,
}

/// What groups of operations are about: how names of functions start, and what that is in words.
pub const ABOUT: &[(&str, &str)] = &[
    ("sums", "sums and bits with a constant at a boundary"),
    ("products", "products and quotients with a constant at a boundary"),
    ("values", "comparisons with a constant at a boundary, as values"),
    ("branches", "comparisons with a constant at a boundary, in branches"),
    ("fused", "fused operations with a constant at a boundary"),
    ("shifts", "shifts by each count"),
    ("reals", "doubles with a special constant"),
    ("real-values", "comparisons of doubles, as values"),
    ("real-branches", "comparisons of doubles, in branches"),
];

/// Integers about powers of two: as they are written, and as they are held, for a fixnum's word is larger than its value.
fn integers() -> Vec<i64> {
    let mut all: Vec<i64> = Vec::new();
    for width in WIDTHS.into_iter().flat_map(|width| [width, width.saturating_sub(TAG_BITS)]) {
        for near in -1..=1 {
            let number = (1i64 << width) + near;
            all.extend([number, -number].into_iter().filter(|number| (FIXNUM_MIN..=FIXNUM_MAX).contains(number)));
        }
    }
    all.extend([FIXNUM_MIN, FIXNUM_MAX, FIXNUM_MIN + 1, FIXNUM_MAX - 1]);
    all.extend([0, 1, -1, 2, -2, 3, -3, -4, 5, -5, 6, -7]);
    all.sort_unstable();
    all.dedup();
    all
}

/// Everything that is to be tried.
fn cells() -> &'static [Cell] {
    static CELLS: LazyLock<Vec<Cell>> = LazyLock::new(|| {
        let mut all = Vec::new();
        let mut add = |about, operations, constant: String, real| all.push(Cell { about, operations, constant, real });
        for number in integers() {
            for (about, operations) in [("sums", SUMS), ("values", VALUES), ("branches", BRANCHES)] {
                add(about, operations, number.to_string(), false);
            }
        }
        for number in integers().into_iter().filter(|number| number.unsigned_abs().is_power_of_two()) {
            add("fused", FUSED, number.to_string(), false);
        }
        for number in integers().into_iter().chain(FACTORS).filter(|number| *number != 0) {
            add("products", PRODUCTS, number.to_string(), false);
        }
        for count in -2..=66 {
            add("shifts", SHIFTS, count.to_string(), false);
        }
        for double in DOUBLES {
            for (about, operations) in
                [("reals", REALS), ("real-values", REAL_VALUES), ("real-branches", REAL_BRANCHES)]
            {
                add(about, operations, double.into(), true);
            }
        }
        all
    });
    &CELLS
}

/// The cell at a place of the sweep: neighbours in the list, which are much alike, lie far apart in it.
fn cell(place: u64) -> &'static Cell {
    /// A prime that does not divide the number of cells.
    const STRIDE: u64 = 7919;
    let cells = cells();
    &cells[(place.wrapping_mul(STRIDE) % cells.len() as u64) as usize]
}

/// The program at a position of the sweep.
pub fn boundary(position: u64, dice: &mut Dice) -> Program {
    let mut text = String::from(PREPARATION);
    for number in 0..GROUPS {
        let cell = cell(position * GROUPS as u64 + number as u64);
        text.push_str(&group(cell, number, dice));
    }
    text.push_str(&shapes::shape(position, dice));
    let items = read(&text).into_iter().map(Item::Form).collect();
    Program { items, prediction: Prediction::None, twin: None }
}

/// What all programs of the family use.
const PREPARATION: &str = "
    (define shared 0)
    (define (caught e) (list (error-kind e) (error-irritants e)))";

/// A factor or divisor: mostly one of few bits, of which each may be the first that some field cannot hold.
fn factor(dice: &mut Dice) -> i64 {
    match dice.below(4) {
        0 => dice.between(2, 127) as i64,
        1 => dice.between(128, 255) as i64,
        2 => -(dice.between(2, 300) as i64),
        _ => (dice.bits() >> dice.between(4, 60)) as i64 | 1,
    }
}

/// Operands for a constant: its neighbours, and others at boundaries.
fn operands(cell: &Cell, dice: &mut Dice) -> Vec<String> {
    let count = dice.between(4, 10);
    if cell.real {
        let odd = ["+inf.0", "-inf.0", "+nan.0", "3", "-1152921504606846976"];
        let mut operands = vec![cell.constant.clone()];
        operands.extend((0..count).map(|_| match dice.below(5) {
            0 => (*dice.pick(&odd)).to_string(),
            _ => (*dice.pick(&DOUBLES)).to_string(),
        }));
        return operands;
    }
    let constant: i64 = cell.constant.parse().unwrap_or(0);
    let mut operands: Vec<i64> = (-1..=1).map(|near| constant.saturating_add(near)).collect();
    operands.extend([constant.saturating_mul(-1), constant.saturating_mul(3).saturating_sub(1)]);
    let integers = integers();
    operands.extend((0..count).map(|_| match dice.below(8) {
        0 => *dice.pick(&[FIXNUM_MIN, FIXNUM_MAX, -1, 1]),
        1 => dice.below(40) as i64 - 20,
        2 => (dice.bits() as i64) >> TAG_BITS,
        3 => constant.wrapping_add(dice.bits() as i64 >> 40),
        _ => *dice.pick(&integers),
    }));
    let mut operands: Vec<String> = operands.into_iter().map(|number| number.to_string()).collect();
    if dice.chance(10) {
        operands.push((*dice.pick(&["1.5", "'a", "100000000000000000000", "+nan.0"])).into());
    }
    operands
}

/// A function of a group's operations, and calls of it with operands that it does not know.
fn group(cell: &Cell, number: usize, dice: &mut Dice) -> String {
    let name = format!("{}-{number}", cell.about);
    let mut used: Vec<String> = cell
        .operations
        .iter()
        .map(|operation| operation.replace('K', &cell.constant).replace('J', &factor(dice).to_string()))
        .collect();
    for _ in 0..dice.between(0, 2) {
        used.push((*dice.pick(OPAQUE)).to_string());
    }
    let at = dice.below(used.len());
    used.rotate_left(at);
    let operands = operands(cell, dice);
    let count = operands.len();
    let list = operands.join(" ");
    let body = format!("(list {})", used.join(" "));
    let body = format!("(try {body} (catch (e) (caught e)))");
    let second = dice.between(1, count - 1);
    match dice.below(5) {
        0 => format!(
            "(define ({name} x y z) {body})
             (map (lambda (x) ({name} x (car shared) 63)) (let () (set shared (list {list})) shared))"
        ),
        1 => format!(
            "(define ({name} x) (let ((y (car shared)) (z 63)) {body}))
             (set shared (list {list}))
             (map {name} shared)"
        ),
        2 => format!(
            "(define-class <{name}> () (a b c))
             (define ({name} object)
               (let ((x object.a) (y object.b) (z object.c)) {body}))
             (map (lambda (x) ({name} (new <{name}> x {} 63))) (list {list}))",
            operands[second]
        ),
        _ => format!(
            "(define ({name} xs n z)
               (let ((seen '()) (i 0))
                 (while (< i n)
                   (let ((x (array-at xs i)) (y (array-at xs (% (+ i {second}) n)))) (set seen (cons {body} seen)))
                   (set i (+ i 1)))
                 seen))
             ({name} (list->array (list {list})) {count} 63)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn programs_in_a_row_hold_every_cell_once() {
        let places = programs_for_all() * GROUPS as u64;
        let met: HashSet<*const Cell> = (0..places).map(|place| std::ptr::from_ref(cell(place))).collect();
        assert_eq!(met.len(), cells().len());
    }

    #[test]
    fn every_shape_comes_up() {
        let shapes: HashSet<String> = (0..programs_for_all())
            .map(|position| boundary(position, &mut Dice::new(position)).to_string())
            .flat_map(|text| {
                SHAPES
                    .iter()
                    .map(|(name, _)| *name)
                    .filter(move |name| text.contains(&format!("({name}")))
                    .map(String::from)
                    .collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(shapes.len(), SHAPES.len());
    }
}
