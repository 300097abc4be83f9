//! Programs of primitives: each of them called with operands of the kinds that it is for, at boundaries, and now and
//! then of others. What comes out is known to the model, which has another implementation of each.
//!
//! Programs sweep through the list of primitives, each as functions of operands that no compiler knows.

use super::dice::Dice;
use super::shifting::read;
use super::syntax::{Item, Prediction, Program};
use super::text::double_text;
use super::values;

/// What primitives are applied to, a letter for each kind of operand; the last letter is the kind of the result.
///
/// `n` integer, `r` any number, `d` double, `k` count of a shift, `i` index, `c` character, `s` string, `y` symbol, `l` list,
/// `m` list of numbers, `w` list of strings, `C` list and `B` array of characters, `q` list of pairs, `a` array, `b` array of
/// numbers, `t` table, `o` data, `x` anything, `f` function of one element, `g` function of two, `h` test of numbers.
#[rustfmt::skip]
const SIGNATURES: &[(&str, &str)] = &[
    ("+", "rrr"), ("+", "nnn"), ("+", "nnnn"), ("+", "nn"), ("-", "rrr"), ("-", "nnn"), ("-", "rr"), ("-", "nnnn"),
    ("*", "rrr"), ("*", "nnn"), ("*", "nn"), ("*", "nnnn"), ("/", "nnn"), ("/", "rrr"), ("/", "rr"), ("/", "ddd"),
    ("quotient", "nnn"), ("quotient", "rrr"), ("remainder", "nnn"), ("remainder", "rrr"), ("modulo", "nnn"),
    ("modulo", "rrr"), ("%", "nnn"), ("&", "nnn"), ("&", "nnnn"), ("|", "nnn"), ("^", "nnn"), ("^", "nnnn"),
    ("~", "nn"), ("<<", "nkn"), (">>", "nkn"), ("gcd", "nnn"), ("gcd", "nnnn"), ("lcm", "nnn"), ("abs", "rr"),
    ("min", "rrr"), ("min", "nnnn"), ("max", "rrr"), ("max", "nnnn"), ("expt", "iin"), ("expt", "rir"),
    ("expt", "ddd"), ("<", "rrx"), ("<", "nnnx"), ("<=", "rrx"), (">", "rrx"), (">", "rrrx"), (">=", "rrx"),
    ("=", "rrx"), ("=", "xxx"), ("=", "nnnx"), ("!=", "rrx"), ("!=", "xxx"), ("zero?", "rx"), ("positive?", "rx"),
    ("negative?", "rx"), ("even?", "nx"), ("odd?", "nx"), ("nan?", "rx"), ("sqrt", "rd"), ("floor", "rr"),
    ("ceiling", "rr"), ("round", "rr"), ("truncate", "rr"), ("exact->inexact", "rd"), ("inexact->exact", "rn"),
    ("long->double", "nd"), ("double->long", "dn"), ("sin", "rd"), ("cos", "rd"), ("tan", "rd"), ("asin", "rd"),
    ("acos", "rd"), ("atan", "rd"), ("atan", "rrd"), ("exp", "rd"), ("log", "rd"), ("long->string", "ns"),
    ("long->string", "nis"), ("number->string", "rs"), ("double->string", "ds"), ("string->long", "sx"),
    ("eq", "xxx"), ("eq", "nnx"), ("eq?", "xxx"), ("equal", "xxx"), ("equal", "llx"), ("equal", "aax"),
    ("equal?", "mmx"), ("not", "xx"), ("null?", "xx"), ("nil?", "lx"), ("pair?", "xx"), ("atom?", "xx"),
    ("list?", "xx"), ("symbol?", "xx"), ("string?", "xx"), ("array?", "xx"), ("data?", "xx"), ("table?", "xx"),
    ("error?", "xx"), ("class?", "xx"), ("environment?", "xx"), ("subr?", "xx"), ("expr?", "xx"), ("number?", "xx"),
    ("integer?", "xx"), ("long?", "xx"), ("double?", "xx"), ("function?", "xx"), ("procedure?", "xx"),
    ("class-of", "xx"), ("type-of", "xy"), ("cons", "xxl"), ("cons", "xll"), ("set-car", "lxx"), ("set-cdr", "lxx"),
    ("list", "xl"), ("list", "xxxl"), ("list*", "xlx"), ("list*", "xxxx"), ("first", "lx"), ("second", "lx"),
    ("third", "lx"), ("last", "lx"), ("last-pair", "lx"), ("list-length", "ln"), ("length", "xn"), ("length", "ln"),
    ("append", "lll"), ("append", "llll"), ("append", "lxx"), ("concat-list", "lll"), ("reverse", "ll"),
    ("list-copy", "ll"), ("list-ref", "lix"), ("list-tail", "lix"), ("memq", "xlx"), ("memq", "nmx"),
    ("member", "xlx"), ("member", "swx"), ("member?", "xlx"), ("assq", "xqx"), ("assq", "nqx"), ("assoc", "xqx"),
    ("assoc", "sqx"), ("iota", "im"), ("iota", "inm"), ("iota", "innm"), ("apply", "gqx"), ("map", "fll"),
    ("map", "gmml"), ("filter", "hmm"), ("remove", "hmm"), ("fold", "gxmx"), ("fold-left", "gxmx"),
    ("fold-right", "gxmx"), ("foldr", "gxlx"), ("reduce", "gxmx"), ("find", "hmx"), ("find-tail", "hmx"),
    ("any", "hmx"), ("every", "hmx"), ("count", "hmn"), ("append-map", "fql"), ("delete", "xll"), ("delete", "nmm"),
    ("zip", "llq"), ("sort", "mm"), ("sort", "bb"), ("array-map", "faa"), ("make-array", "ixa"), ("array", "ixa"),
    ("array-of", "xxxa"), ("array-length", "an"), ("array-at", "aix"), ("array-at", "ain"), ("set-array-at", "aixx"),
    ("array-append", "axx"), ("array-append-all", "ala"), ("array-append-all", "aaa"), ("array-insert", "aixx"),
    ("array-remove", "aix"), ("array-fill", "axa"), ("subarray", "aia"), ("subarray", "aiia"), ("array-copy", "aa"),
    ("array->list", "al"), ("array->list", "ail"), ("array->list", "aiil"), ("concat-array", "aaa"),
    ("list->array", "la"), ("data", "io"), ("data-length", "on"), ("byte-at", "oix"), ("set-byte-at", "oicx"),
    ("make-string", "ics"), ("string-length", "sn"), ("string-at", "six"), ("set-string-at", "sicx"),
    ("string-append", "sss"), ("concat-string", "ssss"), ("concat-string", "sss"), ("concat-strings", "ws"),
    ("concat-strings", "wss"), ("substring", "sis"), ("substring", "siis"), ("string-copy", "ss"),
    ("string-index", "ssx"), ("string-index", "scx"), ("string-index", "scix"), ("string-begins-with?", "ssx"),
    ("string-ends-with?", "ssx"), ("string-compare", "ssn"), ("string<?", "ssx"), ("string<=?", "ssx"),
    ("string>?", "sssx"), ("string>=?", "ssx"), ("string=?", "ssx"), ("string-upcase", "ss"),
    ("string-downcase", "ss"), ("string-trim", "ss"), ("string-replace", "ssss"), ("string-split", "ssw"),
    ("character->string", "cs"), ("list->string", "Cs"), ("array->string", "Bs"), ("string->list", "sl"), ("string->array", "sa"), ("string->symbol", "sy"),
    ("symbol->string", "ys"), ("concat-symbol", "yyy"), ("symbol<?", "yyx"), ("symbol-compare", "yyn"),
    ("table-at", "txx"), ("table-at", "txxx"), ("table-ref", "txx"), ("set-table-at", "txxx"), ("table-has?", "txx"),
    ("table-remove", "txx"), ("table-length", "tn"), ("table-keys", "tl"), ("table-values", "tl"),
    ("table->list", "tq"), ("list->table", "qt"), ("table-clear", "tt"), ("print->string", "xs"),
    ("print->string", "xxs"), ("dump->string", "xs"), ("function-name", "fx"), ("car", "lx"), ("cdr", "lx"),
    ("caar", "qx"), ("cadr", "lx"), ("cdar", "qx"), ("cddr", "lx"), ("caaar", "qx"), ("caadr", "qx"), ("cadar", "qx"),
    ("caddr", "lx"), ("cdaar", "qx"), ("cdadr", "qx"), ("cddar", "qx"), ("cdddr", "lx"), ("caddar", "qx"),
    ("cadddr", "lx"), ("cdddar", "qx"), ("cddddr", "lx"), ("caaaar", "qx"), ("caaadr", "qx"), ("caadar", "qx"),
    ("caaddr", "qx"), ("cadaar", "qx"), ("cadadr", "qx"), ("cdaaar", "qx"), ("cdaadr", "qx"), ("cdadar", "qx"),
    ("cdaddr", "qx"), ("cddaar", "qx"), ("cddadr", "qx"),
];

/// Primitives that change an operand, which is shown as well.
const CHANGING: &[&str] = &[
    "set-car",
    "set-cdr",
    "set-array-at",
    "array-append",
    "array-append-all",
    "array-insert",
    "array-remove",
    "array-fill",
    "set-byte-at",
    "set-string-at",
    "set-table-at",
    "table-remove",
    "table-clear",
    "sort",
];

/// Functions of a program.
const FUNCTIONS: usize = 5;
/// In so many of a hundred cases an operand is of any kind.
const WRONG: u32 = 8;

/// The primitives that the programs call, each once.
#[cfg(test)]
pub(super) fn called() -> std::collections::BTreeSet<&'static str> {
    SIGNATURES.iter().map(|(name, _)| *name).collect()
}

/// The program at a position of the sweep.
pub fn primitives(position: u64, dice: &mut Dice) -> Program {
    let mut text = String::from("(define (caught e) (list (error-kind e) (error-irritants e) (error-where e)))");
    for number in 0..FUNCTIONS {
        let place = position.wrapping_mul(FUNCTIONS as u64).wrapping_add(number as u64);
        text.push_str(&function(place, number, dice));
    }
    let items = read(&text).into_iter().map(Item::Form).collect();
    Program { items, prediction: Prediction::None, twin: None }
}

/// A function that calls a primitive, and calls of it.
fn function(place: u64, number: usize, dice: &mut Dice) -> String {
    // A prime that does not divide the number of signatures: neighbours are much alike.
    const STRIDE: u64 = 7919;
    let (name, signature) = SIGNATURES[(place.wrapping_mul(STRIDE) % SIGNATURES.len() as u64) as usize];
    let (kinds, _) = signature.split_at(signature.len() - 1);
    let kinds: Vec<char> = kinds.chars().collect();
    let parameters: Vec<String> = (0..kinds.len()).map(|at| format!("x{at}")).collect();
    let parameters = parameters.join(" ");
    let call = format!("({name} {parameters})");
    let shown = match dice.below(6) {
        _ if CHANGING.contains(&name) => format!("(let ((result {call})) (list result x0))"),
        0 => format!("(if {call} 'yes 'no)"),
        1 => format!("(list {call} {call})"),
        2 => format!("(let loop ((i 0) (last '())) (if (< i 3) (loop (+ i 1) {call}) last))"),
        _ => call,
    };
    let mut text = format!(" (define (f{number} {parameters}) {shown})");
    for _ in 0..dice.between(3, 6) {
        let operands: Vec<String> = kinds.iter().map(|kind| operand(*kind, 2, dice)).collect();
        let mut operands = operands.join(" ");
        // The primitive itself, for what happens where nothing is compiled; and with another number of operands.
        let head = match dice.below(12) {
            0 => name.to_string(),
            1 if !CHANGING.contains(&name) => {
                operands = operands_of_another_number(&kinds, dice);
                name.to_string()
            }
            _ => format!("f{number}"),
        };
        text.push_str(&format!(" (try ({head} {operands}) (catch (e) (caught e)))"));
    }
    text
}

fn operands_of_another_number(kinds: &[char], dice: &mut Dice) -> String {
    let count = if dice.chance(50) { kinds.len() + 1 } else { kinds.len() - 1 };
    let kind = |at: usize| kinds.get(at).copied().unwrap_or('x');
    (0..count).map(|at| operand(kind(at), 1, dice)).collect::<Vec<_>>().join(" ")
}

/// An expression of a kind, as text.
fn operand(kind: char, depth: u32, dice: &mut Dice) -> String {
    if dice.chance(WRONG) {
        return value('x', depth, dice);
    }
    // Sometimes what another primitive answers.
    if depth > 0 && dice.chance(15) {
        let fitting: Vec<_> = SIGNATURES.iter().filter(|(_, signature)| signature.ends_with(kind)).collect();
        if !fitting.is_empty() {
            let (name, signature) = dice.pick(&fitting);
            let kinds = &signature[..signature.len() - 1];
            let operands: Vec<String> = kinds.chars().map(|kind| operand(kind, depth - 1, dice)).collect();
            return format!("({name} {})", operands.join(" "));
        }
    }
    value(kind, depth, dice)
}

/// A literal or a constructor's call of a kind.
fn value(kind: char, depth: u32, dice: &mut Dice) -> String {
    let integer = |dice: &mut Dice| super::text::expr_form(&values::integer(dice)).to_string();
    match kind {
        'n' => integer(dice),
        // Halves, at which rounding is decided.
        'd' | 'r' if dice.chance(25) => double_text(dice.below(23) as f64 / 2.0 - 5.5),
        'd' => super::text::expr_form(&values::double(dice)).to_string(),
        'r' if dice.chance(45) => integer(dice),
        'r' if dice.chance(30) => double_text(dice.below(41) as f64 / 8.0 - 2.5),
        'r' => super::text::expr_form(&values::double(dice)).to_string(),
        'k' => dice
            .one_of(&[
                "0", "1", "2", "3", "31", "32", "59", "60", "61", "62", "63", "64", "65", "-1", "-2", "-64", "128",
            ])
            .into(),
        'i' => dice.one_of(&["0", "1", "2", "3", "0", "1", "2", "4", "5", "6", "7", "-1", "-3", "100"]).into(),
        'c' => dice.one_of(&["97", "65", "98", "0", "32", "122", "955", "127", "128", "255", "256", "120067"]).into(),
        's' => format!("(concat-string \"{}\" \"{}\")", text(dice), text(dice)),
        'y' => dice.one_of(&["'a", "'b", "'foo", "'list", "'x->y", "'a"]).into(),
        'l' => list(depth, 'x', dice),
        'm' => list(depth, if dice.chance(80) { 'i' } else { 'r' }, dice),
        'w' => list(depth, 's', dice),
        'C' => list(depth, 'c', dice),
        'B' => format!("(list->array {})", list(depth, 'c', dice)),
        'q' => {
            let count = dice.below(4);
            let entry = |dice: &mut Dice| format!("(cons {} {})", value('x', 0, dice), value('x', depth.min(1), dice));
            format!("(list{})", (0..count).map(|_| format!(" {}", entry(dice))).collect::<String>())
        }
        'a' => format!("(list->array {})", list(depth, 'x', dice)),
        'b' => format!("(list->array {})", list(depth, 'i', dice)),
        't' => format!("(list->table {})", value('q', depth, dice)),
        'o' => format!("(data {})", dice.below(5)),
        'f' => dice
            .one_of(&["car", "(lambda (x) (list x))", "(lambda (x) x)", "pair?", "list", "(lambda (x) (+ x 1))"])
            .into(),
        'g' => dice.one_of(&["+", "(lambda (x y) (list x y))", "cons", "(lambda (x y) (- x y))", "max", "list"]).into(),
        'h' => dice.one_of(&["zero?", "(lambda (x) (> x 2))", "even?", "(lambda (x) (= x 1))", "positive?"]).into(),
        _ => anything(depth, dice),
    }
}

fn anything(depth: u32, dice: &mut Dice) -> String {
    let kind = *dice.pick(&['n', 'n', 'i', 'i', 'd', 's', 'y', 'y', 'l', 'a', 'o', 't', 'f', '-', '#', 'm']);
    match kind {
        '-' => "'()".into(),
        '#' => "#t".into(),
        'l' | 'a' | 't' | 'm' if depth == 0 => dice.one_of(&["1", "'()", "'a", "1.5", "(list 1 2)"]).into(),
        kind => value(kind, depth.saturating_sub(1), dice),
    }
}

fn text(dice: &mut Dice) -> &'static str {
    dice.one_of(&["", "a", "ab", "b", "xyz", "λ", "a𝄞b", "two words", " a ", "Aé", "0", "12", "-7", "a,b", "aa", "ß"])
}

/// A list, mostly a proper one.
fn list(depth: u32, kind: char, dice: &mut Dice) -> String {
    let count = *dice.pick(&[0, 1, 2, 2, 3, 4, 6]);
    let elements: String = (0..count).map(|_| format!(" {}", value(kind, depth.saturating_sub(1), dice))).collect();
    match dice.below(14) {
        0 => format!("(list*{elements} {})", value('x', 0, dice)),
        _ => format!("(list{elements})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_primitive_of_the_model_is_called() {
        // They are written out in programs of other families, or change what the program itself is.
        const ELSEWHERE: &[&str] = &[
            "new",
            "is-a?",
            "for-each",
            "array-for-each",
            "table-for-each",
            "assoc-with",
            "error",
            "raise",
            "error-kind",
            "error-message",
            "error-irritants",
            "error-where",
            "exit",
            "print",
            "println",
            "dump",
            "dumpln",
            "make-environment",
            "environment-ref",
            "environment-define",
            "environment-parent",
            "eval",
            "make-table",
        ];
        let called = called();
        let missing: Vec<_> =
            maru_model::names().filter(|name| !called.contains(name) && !ELSEWHERE.contains(name)).collect();
        assert!(missing.is_empty(), "no program calls {missing:?}");
        let known: BTreeSet<_> = maru_model::names().collect();
        let unknown: Vec<_> = called.iter().filter(|name| !known.contains(*name)).collect();
        assert!(unknown.is_empty(), "the model does not know {unknown:?}");
    }
}
