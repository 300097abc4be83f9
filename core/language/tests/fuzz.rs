//! Reader, expander and evaluator meet whatever anybody may type: no panic, no hang, no memory without bound.
//!
//! Inputs follow from their numbers: random characters, tokens in any order, the case files with damage, and calls of
//! every primitive with every kind of value. Each is interpreted with a little fuel, depth and heap.
//! `MARU_FUZZ_INPUTS=1000000 cargo test --release -p maru-language --test fuzz` tries that many,
//! `MARU_FUZZ_FIRST` says from which number on, and a failure names its input's.

use maru_language::interp;
use maru_language::runtime::{JitMode, Options, Runtime};
use maru_language::value::heap::HeapOptions;
use maru_language::value::on_large_stack;
use std::fmt::Write;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Inputs of an ordinary run.
const INPUTS: u64 = 30_000;
/// After so many a runtime is replaced.
const PER_RUNTIME: u64 = 500;
/// How long one input may take: thousands of times as long as any should.
const PATIENCE: Duration = Duration::from_secs(20);
/// Calls and loop turns that an input may make.
const FUEL: i64 = 3000;
const DEPTH: i64 = 300;
const HEAP: usize = 32 << 20;
/// More memory than the whole process may ever take, in bytes.
const MEMORY: usize = 3 << 30;

/// What is not called: it changes files or waits for input, and a random name or text could be anybody's.
const EXCLUDED: &[&str] = &[
    "open",
    "load",
    "require",
    "delete-file",
    "string->file",
    "file->string",
    "call-with-output-to-file",
    "with-output-to-file",
    "save-compiled-environment",
    "load-compiled-environment",
    "getc",
    "getb",
    "read",
    "read-line",
    "read-string",
    "warn",
];

const TOKENS: &[&str] = &[
    "(",
    "(",
    "(",
    "(",
    ")",
    ")",
    ")",
    ")",
    "'",
    "`",
    ",",
    ",@",
    ".",
    "[",
    "]",
    "{",
    "}",
    "#(",
    "()",
    "#t",
    "#f",
    "0",
    "1",
    "-1",
    "2",
    "7",
    "1152921504606846975",
    "-1152921504606846976",
    "123456789012345678901234567890",
    "1.5",
    "-0.0",
    "+nan.0",
    "+inf.0",
    "1e308",
    "?a",
    "?\\x41",
    "\"\"",
    "\"text\"",
    "\"\\u03bb😀\"",
    "x",
    "y",
    "f",
    "self",
    "self.x",
    "p.x.y",
    "<a>",
    "<long>",
    "else",
    "=>",
    "rest",
    "*global-environment*",
    "; comment\n",
    "\n",
    "\u{0}",
    "λ",
    "\\",
    "\"",
    "?",
    "#",
];

/// Expressions for values of every kind.
const VALUES: &[&str] = &[
    "()",
    "#t",
    "0",
    "1",
    "-1",
    "2",
    "3",
    "255",
    "65536",
    "1152921504606846975",
    "-1152921504606846976",
    "1000000000000000000000000000000",
    "-1000000000000000000000",
    "0.0",
    "-0.0",
    "1.5",
    "-2.5e300",
    "+nan.0",
    "+inf.0",
    "5e-324",
    "\"\"",
    "\"text\"",
    "(make-string 3 955)",
    "'symbol",
    "'car",
    "'()",
    "'(1 2 3)",
    "'(a . b)",
    "'((a . 1) (b . 2))",
    "(list 3 1 2)",
    "(list \"b\" \"a\")",
    "(let ((l (list 1 2 3))) (set-cdr (cddr l) l) l)",
    "(let ((l (list 1 2))) (set-car l l) l)",
    "(array)",
    "(list->array '(1 2 3))",
    "(let ((a (make-array 2))) (set-array-at a 0 a) a)",
    "(data 8)",
    "(make-table)",
    "(list->table '((a . 1) (2 . b)))",
    "(let ((t (make-table))) (set-table-at t 1 t) t)",
    "(lambda () 1)",
    "(lambda (a) a)",
    "(lambda (a b) (< a b))",
    "(lambda all all)",
    "car",
    "+",
    "apply",
    "(form (a) a)",
    "(make-environment *global-environment*)",
    "(try (car 1 2 3) (catch (e) e))",
    "<long>",
    "<object>",
    "(current-architecture)",
    "(define-class <fuzzed> () (x y))",
    "(new (define-class <fuzzed2> () (x y)) 1 2)",
    "(define-selector fuzzed)",
    "?a",
    "(iota 100)",
];

/// A stream of numbers.
struct Dice(u64);

impl Dice {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    fn below(&mut self, limit: usize) -> usize {
        (self.bits() % limit.max(1) as u64) as usize
    }
    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// What inputs are made of.
struct Sources {
    /// Case files and examples.
    corpus: Vec<Vec<char>>,
    /// Names that are bound at the start, and core forms.
    names: Vec<String>,
}

impl Sources {
    fn gather(runtime: &Runtime) -> Sources {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut files: Vec<_> = ["conformance/cases", "examples", "core/language/src/interp"]
            .iter()
            .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "l"))
            .collect();
        files.sort();
        let read = |path: &std::path::PathBuf| std::fs::read_to_string(path).unwrap().chars().collect();
        let corpus: Vec<Vec<char>> = files.iter().map(read).collect();
        assert!(corpus.len() > 10, "only {} texts", corpus.len());
        let bound = runtime.names_in(runtime.global_environment());
        let bound = bound.into_iter().map(|name| runtime.symbols.name(name).to_string());
        let names = bound.chain(interp::expand::core_form_names().map(String::from)).filter(|name| {
            let known = EXCLUDED.contains(&name.as_str());
            !known
        });
        Sources { corpus, names: names.collect() }
    }

    /// Input of a number.
    fn input(&self, number: u64) -> String {
        let dice = &mut Dice(number.wrapping_mul(0x2545_f491_4f6c_dd1d));
        match dice.below(16) {
            0 => Self::characters(dice),
            1 => Self::deep(dice),
            2..=5 => self.soup(dice),
            6..=9 => self.damaged(dice),
            _ => self.calls(dice),
        }
    }

    fn characters(dice: &mut Dice) -> String {
        let count = dice.below(60);
        let bytes: Vec<u8> = (0..count)
            .map(|_| if dice.below(4) == 0 { dice.bits() as u8 } else { 32 + dice.below(96) as u8 })
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Nesting, or atoms, of any size.
    fn deep(dice: &mut Dice) -> String {
        let count = *dice.pick(&[10, 1000, 20_000]);
        let part = *dice.pick(&[
            "(",
            "'",
            "`",
            "(car ",
            "(lambda () ",
            "((",
            "#(",
            "(if ",
            "`(,",
            "(let ((x ",
            "9",
            "a",
            "\"",
            "[",
            "(try ",
        ]);
        let close = *dice.pick(&["", ")"]);
        format!("{}1{}", part.repeat(count), close.repeat(count))
    }

    fn soup(&self, dice: &mut Dice) -> String {
        let mut text = String::new();
        for _ in 0..dice.below(40) {
            let token = if dice.below(3) == 0 { dice.pick(&self.names).as_str() } else { *dice.pick(TOKENS) };
            let _ = write!(text, "{token} ");
        }
        text
    }

    /// A part of a real program, with characters lost, doubled or replaced.
    fn damaged(&self, dice: &mut Dice) -> String {
        let whole = dice.pick(&self.corpus);
        let from = dice.below(whole.len());
        let length = dice.below(400).min(whole.len() - from);
        let mut part: Vec<char> = whole[from..from + length].to_vec();
        // From the start of a line, so that whole forms are met.
        if let Some(line) = part.iter().position(|character| *character == '\n') {
            part.drain(..=line);
        }
        for _ in 0..dice.below(6) {
            if part.is_empty() {
                break;
            }
            let at = dice.below(part.len());
            match dice.below(4) {
                0 => drop(part.remove(at)),
                1 => part.insert(at, part[at]),
                2 => part.splice(at..at, dice.pick(TOKENS).chars()).for_each(drop),
                _ => part[at] = *dice.pick(&['(', ')', ' ', '"', '0', '\'', '.', '-', 'x']),
            }
        }
        part.into_iter().collect()
    }

    /// Calls with arguments of any kind, nested now and then.
    fn calls(&self, dice: &mut Dice) -> String {
        let mut text = String::new();
        for _ in 0..=dice.below(2) {
            let call = self.call(dice, 2);
            let _ = writeln!(text, "{call}");
        }
        text
    }

    fn call(&self, dice: &mut Dice, depth: usize) -> String {
        let mut text = format!("({}", dice.pick(&self.names));
        for _ in 0..dice.below(5) {
            text.push(' ');
            if depth > 0 && dice.below(5) == 0 {
                text.push_str(&self.call(dice, depth - 1));
            } else {
                text.push_str(dice.pick::<&str>(VALUES));
            }
        }
        text.push(')');
        text
    }
}

/// Whether an input names something that is not called.
fn is_excluded(input: &str) -> bool {
    let is_end = |character: char| character.is_whitespace() || "()[]{}\"';`,".contains(character);
    input.split(is_end).any(|word| EXCLUDED.contains(&word))
}

fn options(jit: JitMode) -> Options {
    Options {
        jit,
        fuel: Some(FUEL),
        max_depth: Some(DEPTH),
        heap: HeapOptions { max_bytes: HEAP, poison: true, ..HeapOptions::default() },
        value_stack: 1 << 20,
        verify_heap: false,
        ..Options::default()
    }
}

/// Evaluate an input's forms, each after the one before, whatever came of that.
fn evaluate(runtime: &mut Runtime, input: &str) {
    runtime.refill();
    runtime.captures.push(Default::default());
    let global = runtime.global_environment();
    if let Ok(environment) = runtime.make_environment(Some(global)) {
        let base = runtime.roots.len();
        runtime.roots.push(environment);
        if let Ok(value) = interp::evaluate_text(runtime, "fuzz", input, environment) {
            runtime.roots.push(value);
            let _ = maru_language::syntax::print::text(runtime, value, maru_language::syntax::print::Style::Dump);
        } else {
            let error = runtime.take_failure();
            runtime.extensions.exit_status = None;
            if runtime.error_kind(error).is_some() {
                runtime.roots.push(error);
                let shown = maru_language::syntax::render_error(runtime, error, false);
                assert!(!shown.is_empty());
            }
        }
        runtime.roots.truncate(base);
    }
    runtime.captures.truncate(0);
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable}: '{text}' is no number")),
        Err(_) => default,
    }
}

/// What is being tried, since when: for the watch.
type Current = Arc<Mutex<Option<(u64, String, Instant)>>>;

/// Ends the process when an input takes too long, or the process too much memory.
fn watch(current: Current) {
    std::thread::spawn(move || loop {
        std::thread::sleep(Duration::from_millis(200));
        let trying = current.lock().unwrap().clone();
        let Some((number, input, since)) = trying else { continue };
        let memory = std::fs::read_to_string("/proc/self/statm").ok();
        let pages = memory.and_then(|text| text.split(' ').nth(1)?.parse::<usize>().ok()).unwrap_or(0);
        let problem = if since.elapsed() > PATIENCE {
            "takes too long"
        } else if pages * 4096 > MEMORY {
            "takes too much memory"
        } else {
            continue;
        };
        eprintln!("input {number} {problem}:\n{input}");
        std::process::abort();
    });
}

#[test]
fn whatever_is_typed_ends_in_a_value_or_an_error() {
    let (first, count) = (number("MARU_FUZZ_FIRST", 0), number("MARU_FUZZ_INPUTS", INPUTS));
    let current = Current::default();
    watch(current.clone());
    let mut tried = 0;
    let mut failures = Vec::new();
    let mut next = first;
    while next < first + count && failures.len() < 20 {
        on_large_stack(512 << 20, |stack| {
            let mut runtime = Runtime::new(options(JitMode::Off), stack).unwrap();
            let sources = Sources::gather(&runtime);
            let end = (next + PER_RUNTIME).min(first + count);
            while next < end {
                let (number, input) = (next, sources.input(next));
                next += 1;
                if is_excluded(&input) {
                    continue;
                }
                tried += 1;
                *current.lock().unwrap() = Some((number, input.clone(), Instant::now()));
                if catch_unwind(AssertUnwindSafe(|| evaluate(&mut runtime, &input))).is_err() {
                    failures.push(format!("input {number} panics:\n{input}"));
                    // Nothing of this runtime may be used any more.
                    std::mem::forget(runtime);
                    return;
                }
            }
        })
        .unwrap();
    }
    println!("{tried} inputs of {count} from {first}");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(tried > count / 2, "only {tried} of {count} inputs were tried");
}
