//! Tests of hashes: the keys of every kind are spread over the places of a table.

use super::hash;
use crate::interp::evaluate_text;
use crate::runtime::{JitMode, Options, Runtime};
use crate::value::{on_large_stack, Value};

const KEYS: usize = 4096;
const PLACES: usize = 2 * KEYS;

/// Keys by what makes the key of the number `i`, which is below [`KEYS`].
const KINDS: &[(&str, &str)] = &[
    ("integers in a row", "i"),
    ("negative integers in a row", "(- 0 i)"),
    ("integers around zero", "(- i 2048)"),
    ("squares", "(* i i)"),
    ("multiples of ten", "(* i 10)"),
    ("multiples of a large number", "(* i 12345678901)"),
    ("integers beyond the fixnums", "(+ (<< 1 60) i)"),
    ("integers of two limbs", "(+ (<< 1 100) i)"),
    ("multiples of a long integer", "(* i (<< 1 90))"),
    ("halves", "(/ i 2.0)"),
    ("doubles in a row", "(exact->inexact i)"),
    ("large doubles", "(* i 1e30)"),
    ("small doubles", "(* i 1e-30)"),
    ("tiny doubles", "(* i 5e-324)"),
    ("tenths", "(* i 0.1)"),
    ("negative eighths", "(/ i -8.0)"),
    ("strings with a number behind", "(concat-string \"key\" (long->string i))"),
    ("strings with a number in front", "(concat-string (long->string i) \" is the number of this key\")"),
    ("numbers as strings", "(long->string i)"),
    ("strings of one character", "(character->string (+ i 1))"),
    ("strings of as many characters", "(make-string i ?a)"),
    ("symbols", "(string->symbol (concat-string \"symbol\" (long->string i)))"),
    ("pairs", "(cons i (+ i 1))"),
    ("points on a grid", "(list (quotient i 64) (remainder i 64))"),
    ("lists with one other element", "(list 'a 'b i 'c)"),
    ("lists of lists", "(list (list i) (list 1))"),
    ("arrays", "(array-of (quotient i 64) (remainder i 64))"),
    ("data", "(let ((d (data 8))) (set-int32-at d 0 i) d)"),
    ("tables", "(make-table)"),
];

fn keys(runtime: &mut Runtime, key: &str) -> Vec<Value> {
    let environment = runtime.global;
    let program = format!("(map (lambda (i) {key}) (iota {KEYS}))");
    let list = evaluate_text(runtime, "keys", &program, environment).expect("keys");
    runtime.roots.push(list);
    runtime.list_to_vec(list)
}

/// Places as many as twice the keys, taken from a part of the hash, are hit as by chance: the number of pairs of keys that
/// meet is about a quarter of the number of keys. Fewer are welcome.
#[track_caller]
fn check(runtime: &Runtime, name: &str, keys: &[Value]) {
    for shift in [maru_core::abi::HASH_PLACE_SHIFT, 8, 16] {
        let mut hits = vec![0; PLACES];
        for key in keys {
            hits[(hash(runtime, *key) >> shift) as usize % PLACES] += 1;
        }
        let meetings: usize = hits.iter().map(|hits| hits * (hits - usize::from(*hits > 0)) / 2).sum();
        assert!(meetings < KEYS / 3, "{name}: {meetings} pairs of keys meet in bits from {shift} on");
    }
}

#[test]
fn keys_of_every_kind_are_spread() {
    let options = Options { jit: JitMode::Off, ..Options::default() };
    on_large_stack(1 << 26, |stack| {
        let mut runtime = Runtime::new(options, stack).expect("a runtime");
        for (name, key) in KINDS {
            let keys = keys(&mut runtime, key);
            check(&runtime, name, &keys);
        }
        for exponent in 0..48 {
            let keys = keys(&mut runtime, &format!("(<< i {exponent})"));
            check(&runtime, &format!("multiples of 2 to the {exponent}"), &keys);
            let keys = self::keys(&mut runtime, &format!("(* i (expt 2.0 {}))", exponent - 200));
            check(&runtime, &format!("multiples of 2.0 to the {}", exponent - 200), &keys);
        }
    })
    .expect("a stack");
}
