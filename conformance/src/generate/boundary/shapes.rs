//! Shapes: what fills registers, frames, argument lists and the reach of branches, with values that no compiler knows.

use super::super::dice::Dice;
use super::{integers, DOUBLES};

/// Shapes: what their functions are called, and what that is in words.
pub const SHAPES: &[(&str, &str)] = &[
    ("wide", "many live integers across a call"),
    ("wide-reals", "many live doubles across a call"),
    ("arguments", "9 to 30 arguments"),
    ("ring", "variables of a loop that change places"),
    ("far", "branches over bodies of all lengths"),
    ("elements", "elements where displacements end"),
    ("fields", "fields where displacements end"),
    ("entry", "values that live across functions called by the runtime"),
    ("captures", "many captured variables"),
    ("stored", "constants stored in objects"),
];

/// The text of a shape. Which one is decided by the program's position.
pub fn shape(position: u64, dice: &mut Dice) -> String {
    let (name, _) = SHAPES[(position % SHAPES.len() as u64) as usize];
    let turn = position / SHAPES.len() as u64;
    match name {
        "wide" => wide(turn, dice),
        "wide-reals" => wide_reals(turn, dice),
        "arguments" => arguments(dice),
        "ring" => ring(dice),
        "far" => far(dice),
        "elements" => elements(dice),
        "fields" => fields(dice),
        "entry" => entry(dice),
        "captures" => captures(dice),
        _ => stored(dice),
    }
}

fn number(dice: &mut Dice) -> i64 {
    *dice.pick(&integers())
}

fn words(count: usize, word: impl FnMut(usize) -> String) -> String {
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}

/// How many values live at once: some frames are larger than a byte counts, some larger than a page. `turn` counts the
/// programs of a shape, so that the large ones come up however few there are.
fn live(turn: u64, dice: &mut Dice) -> usize {
    match turn % 6 {
        2 => dice.between(126, 140),
        5 => dice.between(508, 530),
        _ if dice.chance(50) => dice.between(6, 20),
        _ => dice.between(21, 48),
    }
}

/// Something that the runtime does, in the middle of a function.
fn call(dice: &mut Dice) -> &'static str {
    dice.one_of(&["(gcd x 12)", "(length (list x y))", "(apply + (list x y))", "(map - (list x y))", "(cons x y)"])
}

fn wide(turn: u64, dice: &mut Dice) -> String {
    let count = live(turn, dice);
    // Bits need no check once the operands are known, so that what fills the frame is values, and not ways out.
    let bindings = words(count, |n| match n % 3 {
        0 => format!("(v{n} (^ x {}))", 3 * n + 1),
        1 => format!("(v{n} (| y {n}))"),
        _ => format!("(v{n} (& x {}))", 1_048_575 - n),
    });
    let steps = words(count, |n| format!("(s (^ s v{}))", count - 1 - n));
    let (call, x, y) = (call(dice), dice.below(100_000_000), dice.below(1_000_000));
    format!(
        "(define (wide x y)
           (let* ({bindings} (between {call}) (s 0) {steps}) (list s between)))
         (apply wide (list {x} {y})) (apply wide (list {y} {x}))"
    )
}

fn wide_reals(turn: u64, dice: &mut Dice) -> String {
    let count = live(turn, dice).min(140);
    let bindings = words(count, |n| match n % 4 {
        0 => format!("(v{n} (* x {}.5))", n + 1),
        1 => format!("(v{n} (- y {n}.25))"),
        2 => format!("(v{n} (+ i {n}))"),
        _ => format!("(v{n} (+ i 4294967296))"),
    });
    let steps = words(count, |n| {
        let v = count - 1 - n;
        match v % 4 {
            2 => format!("(k (^ k v{v}))"),
            3 => format!("(s (- (exact->inexact v{v}) (* s 0.5)))"),
            _ => format!("(s (- (* s 0.5) v{v}))"),
        }
    });
    let call = dice.one_of(&["(gcd i 12)", "(list s s)", "(apply + (list x i))", "(* k k k)"]);
    let x = *dice.pick(&DOUBLES);
    format!(
        "(define (wide-reals x y i)
           (let* ((k 1) (s 0.125) {bindings} (between {call}) {steps}) (list s k between)))
         (apply wide-reals (list {x} 2.5 7)) (apply wide-reals (list -0.75 {x} -9))"
    )
}

fn arguments(dice: &mut Dice) -> String {
    let count = dice.between(9, 30);
    let names = words(count, |n| format!("a{n}"));
    let by = dice.between(1, count - 1);
    let turned = words(count, |n| match (n + by) % count {
        from if n % 7 == 3 => format!("(+ a{from} 1)"),
        from => format!("a{from}"),
    });
    let values = words(count, |n| match dice.below(4) {
        0 => format!("{n}.5"),
        1 => number(dice).to_string(),
        _ => format!("{}", 10 * n),
    });
    let turns = dice.between(1, 9);
    let call = if dice.chance(50) {
        format!("(arguments (- turns 1) {turned})")
    } else {
        format!("(cons a0 (arguments (- turns 1) {turned}))")
    };
    format!(
        "(define (arguments turns {names}) (if (< turns 1) (list {names}) {call}))
         (arguments {turns} {values}) (apply arguments (list 2 {values}))"
    )
}

fn ring(dice: &mut Dice) -> String {
    let count = dice.between(2, 9);
    let reals = dice.below(4);
    let kept = dice.below(6);
    let initial = words(count + reals, |n| match n {
        n if n < count => format!("(a{n} (+ x {n}))"),
        n => format!("(d{n} (* y {n}.5))"),
    });
    let by = dice.between(1, count);
    // Some stay as they are, the others change places, one of them changes.
    let next = words(count + reals, |n| match n {
        n if n < count && n < kept.min(count - 1) && count > 3 => format!("a{n}"),
        n if n + 1 == count => format!("(^ a{} 1)", (n + by) % count),
        n if n < count => format!("a{}", (n + by) % count),
        n => format!("d{}", count + (n - count + 1) % reals.max(1)),
    });
    let all = words(count + reals, |n| if n < count { format!("a{n}") } else { format!("d{n}") });
    let turns = dice.between(3, 30);
    let first = number(dice);
    format!(
        "(define (ring turns x y)
           (let loop ((i 0) {initial})
             (if (< i turns) (loop (+ i 1) {next}) (list {all}))))
         (apply ring (list {turns} {first} 1.5)) (apply ring (list 7 5 -0.5)) (ring 2 1 1e300)"
    )
}

/// Branches over bodies of so many operations of several lengths, forwards and back.
fn far(dice: &mut Dice) -> String {
    let mut branches = String::new();
    for _ in 0..dice.between(5, 10) {
        // Mostly about where the shortest branches end.
        let count = if dice.chance(70) { dice.between(10, 30) } else { dice.between(3, 45) };
        let steps = words(count, |_| {
            let constant = *dice.pick(&[1, 7, 15, 17, 4095, 70_000, 300_000_000]);
            format!("(set s (^ s {constant}))")
        });
        let test = *dice.pick(&["(= (& i 1) 0)", "(< i 3)", "(> s 1000)", "(!= i s)"]);
        branches.push_str(&match dice.below(4) {
            0 | 1 => format!(" (let ((j 0)) (while (< j 2) {steps} (set j (+ j 1))))"),
            2 => format!(" (if {test} (let () {steps}) (set s (- s 1)))"),
            _ => format!(" (if {test} (let () {steps}))"),
        });
    }
    let turns = dice.between(4, 9);
    format!(
        "(define (far turns first)
           (let ((i 0) (s (& first 1048575)))
             (while (< i turns) {branches} (set i (+ i 1)))
             s))
         (apply far (list {turns} {})) (far 2 0)",
        number(dice)
    )
}

fn elements(dice: &mut Dice) -> String {
    let power = *dice.pick(&[3, 4, 4, 5, 6, 7, 8, 9, 9, 12]);
    let at = (1usize << power) - dice.below(4);
    let length = at + dice.below(3);
    let others = words(4, |_| {
        let index = dice.below(length + 2);
        format!("(array-at a {index}) (string-at s {})", index % 40)
    });
    let character = dice.one_of(&["a", "é", "λ", "𝄞"]);
    let characters = character.repeat(dice.between(1, 40));
    format!(
        "(define (elements a s x i)
           (list (array-at a {at}) (array-at a i) (set-array-at a {at} x) (set-array-at a (- i 1) {at})
                 (array-at a {at}) (array-at a (- i 1)) (if (array-at a {before}) 1 2) {others}
                 (string-at s 3) (string-at s i) (array-length a)))
         (let ((a (make-array {length})) (i 0))
           (while (< i {length}) (set-array-at a i (* i 3)) (set i (+ i 1)))
           (list (try (elements a \"{characters}\" 7 {at}) (catch (e) (caught e)))
                 (try (elements a \"{characters}\" 1.5 {before}) (catch (e) (caught e)))))",
        before = at - 1
    )
}

fn fields(dice: &mut Dice) -> String {
    let count = *dice.pick(&[3, 14, 15, 16, 17, 18, 31, 33, 34]);
    let names = words(count, |n| format!("f{n}"));
    let values = words(count, |n| if n % 5 == 4 { format!("{n}.5") } else { (n * n).to_string() });
    let one = dice.below(count);
    let last = count - 1;
    format!(
        "(define-class <fields> () ({names}))
         (define (fields o x)
           (set o.f{one} x)
           (set o.f{last} (+ o.f{last} o.f{one} 1))
           (list o.f{last} o.f{one} (if (= o.f{one} x) 1 2) (+ o.f{before} x) o))
         (fields (new <fields> {values}) {}) (apply fields (list (new <fields> {values}) 5))",
        number(dice),
        before = last - 1,
    )
}

/// Functions called by the runtime in the middle of a function that has many values in registers.
fn entry(dice: &mut Dice) -> String {
    let count = dice.between(5, 26);
    let bindings = words(count, |n| match n % 5 {
        4 => format!("(v{n} (* r {n}.5))"),
        3 => format!("(v{n} (+ r 0.25))"),
        _ => format!("(v{n} (^ x {}))", 5 * n + 2),
    });
    let body = words(count, |n| if n % 5 > 2 { format!("(set t (- t v{n}))") } else { format!("(set s (^ s v{n}))") });
    let middle = dice.one_of(&[
        "(map (lambda (e) (inner e r)) (list x 3 4))",
        "(apply inner (list x r))",
        "(eval (list (lambda () (inner x r))))",
        "(map (lambda (e) (if (< e 2) e (apply entry (list (- e 1) r)))) (list 1 x))",
    ]);
    let x = dice.between(2, 3);
    format!(
        "(define (inner x r)
           (let* ((a (+ x 1)) (b (* a 3)) (c (- b x)) (d (^ c a)) (e (+ r 1.5)) (f (* e r)) (g (gcd a b)))
             (list a b c d e f g (- a b) (^ c d) (+ e f))))
         (define (entry x r)
           (let* ({bindings} (s 1) (t 0.5))
             (let ((middle {middle})) {body} (list s t (length middle) (car middle)))))
         (apply entry (list {x} 2.5)) (entry 2 {})",
        dice.pick(&DOUBLES)
    )
}

fn captures(dice: &mut Dice) -> String {
    let count = *dice.pick(&[5, 13, 14, 15, 16, 17, 30]);
    let names = words(count, |n| format!("c{n}"));
    let values = words(count, |n| if n % 4 == 3 { format!("{n}.25") } else { format!("{}", 7 * n) });
    let steps = words(count, |n| format!("(set seen (cons c{n} seen))"));
    let (set, last) = (dice.below(count), count - 1);
    format!(
        "(define (captures {names})
           (list (lambda (x) (let ((seen (list x))) {steps} (if (= c{last} x) seen (cons c{last} seen))))
                 (lambda (x) (set c{set} x) (+ c{set} 1))))
         (let ((all (captures {values})))
           (list ((car all) 5) ((car (cdr all)) {}) ((car all) 1.5)))",
        number(dice)
    )
}

/// Constants of all sizes go to memory, and come back.
fn stored(dice: &mut Dice) -> String {
    let constants: Vec<i64> = (0..12).map(|_| number(dice)).collect();
    let list = |from: usize, to: usize| constants[from..to].iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
    let (double, character) = (*dice.pick(&DOUBLES), dice.between(0, 0x2ff));
    format!(
        "(define (stored p a i s)
           (set-car p {})
           (set-array-at a i {})
           (set-array-at a 1 {double})
           (set-string-at s 1 {character})
           (set shared {})
           (list p a s shared (list {}) (cons {} {}) (list {} {double})))
         (stored (cons 1 2) (list->array (list 1 2 3)) 2 (concat-string \"ab\" \"c\"))
         (apply stored (list (cons 1 2) (make-array 4) 3 (concat-string \"ab\" \"é\")))",
        constants[0],
        constants[1],
        constants[2],
        list(3, 8),
        constants[8],
        constants[9],
        list(10, 12)
    )
}
