//! Whole programs that go to the language's limits, interpreted, compiled when hot, and compiled before they run: deep
//! recursion, full heaps, many environments, long loops, much garbage.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const MODES: [&str; 3] = ["off", "auto", "always"];

/// Run a program's text with flags, with none of the command's variables set.
fn run(test: &str, text: &str, flags: &[&str]) -> Output {
    let folder: PathBuf = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("programs-{test}"));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("program.l");
    std::fs::write(&path, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.arg("run").args(flags).arg(&path).output().unwrap()
}

/// What it prints in every mode.
fn prints(test: &str, text: &str, arguments: &[&str], expected: &str) {
    for mode in MODES {
        let all = [&["--jit", mode], arguments].concat();
        let output = run(&format!("{test}-{mode}"), text, &all);
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "--jit {mode}: {output:?}");
        assert_eq!(output.status.code(), Some(0), "--jit {mode}: {output:?}");
    }
}

/// A count among the statistics.
fn count(output: &Output, name: &str) -> u64 {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("count: {name} ")));
    line.unwrap_or_else(|| panic!("no count of {name}: {text}")).parse().unwrap()
}

#[test]
fn loops_at_top_level_become_native_while_they_run() {
    let loops = [
        "(define total 0) (let ((i 0)) (while (< i TURNS) (set total (+ total i)) (set i (+ i 1)))) (println total)",
        "(println (let loop ((i 0) (sum 0)) (if (= i TURNS) sum (loop (+ i 1) (+ sum i)))))",
        "(define total 0) (for (i 0 TURNS) (set total (+ total i))) (println total)",
    ];
    for (number, text) in loops.into_iter().enumerate() {
        // Interpreted, it takes many times as long as the loop takes to compile on a busy machine.
        let output = run(&format!("loop-{number}"), &text.replace("TURNS", "20000000"), &["--stats"]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "199999990000000\n", "{output:?}");
        assert_eq!(count(&output, "units"), 1, "nothing but the loop can be compiled: {output:?}");
        let output = run(&format!("loop-{number}"), &text.replace("TURNS", "1000"), &["--stats", "--jit", "off"]);
        assert_eq!(count(&output, "units"), 0, "{output:?}");
    }
}

#[test]
fn programs_go_on_after_stack_overflows() {
    let text = "(define (deep n) (+ 1 (deep n)))
        (define (count n) (if (= n 0) 0 (+ 1 (count (- n 1)))))
        (println (try (deep 0) (catch (e) (error-kind e))))
        (println (count 1000000))
        (println (try (try (deep 0) (finally (println 'tidied))) (catch (e) (count 1000))))\n";
    prints("overflow", text, &[], "stack-overflow\n1000000\ntidied\n1000\n");
}

#[test]
fn programs_go_on_after_memory_was_used_up() {
    let text = "(define (fill list) (fill (cons list list)))
        (define (strings list) (strings (cons (make-string 100000) list)))
        (define kinds ())
        (for (i 0 3)
          (set kinds (cons (try (fill ()) (catch (e) (error-kind e))) kinds))
          (set kinds (cons (try (strings ()) (catch (e) (error-kind e))) kinds)))
        (println kinds)
        (println (list-length (let loop ((i 0) (l ())) (if (= i 100000) l (loop (+ i 1) (cons i l))))))\n";
    let kinds = ["out-of-memory"; 6].join(" ");
    prints("memory", text, &["--max-heap", "16M"], &format!("({kinds})\n100000\n"));
}

#[test]
fn hundreds_of_environments_call_each_other() {
    let text = "(define environments
          (let loop ((i 0) (all ()))
            (if (= i 500) all
              (let ((env (make-environment *global-environment*)))
                (environment-define env 'number i)
                (with-environment env (define (own x) (+ x number)) (define (twice x) (own (own x))))
                (loop (+ i 1) (cons env all))))))
        (define (sum) (let ((s 0)) (for-each environments (lambda (env) (set s (+ s ((environment-ref env 'twice) 1))))) s))
        (println (sum) ' (sum))
        (with-environment (car environments) (define (own x) 0))
        (println (sum))
        (for-each environments (lambda (env) (environment-define env 'number 1)))
        (println (sum))\n";
    prints("environments", text, &[], "250000(sum)\n249001\n1497\n");
}

#[test]
fn garbage_of_every_kind_goes_through_a_small_heap() {
    // A gigabyte through 16 MiB, each object reachable from the next for a while, some of it in cycles.
    let text = "(define (churn n)
          (let loop ((i 0) (kept ()))
            (if (= i n) 'done
              (let ((ring (cons i ())))
                (set-cdr ring ring)
                (loop (+ i 1)
                  (if (= 0 (% i 1000)) ()
                    (cons (list ring (make-string 100) (list->array (list i kept)) (* 1.5e300 i) (lambda () kept)) ()))))))) 
        (println (churn 300000))
        (define table (make-table))
        (for (i 0 100000) (set (table-at table (% i 100)) (list i (long->string i))))
        (println (table-length table))\n";
    prints("garbage", text, &["--max-heap", "16M"], "done\n100\n");
}

#[test]
fn tail_calls_of_every_kind_take_no_room() {
    let text = "(define (even n) (if (= n 0) 'done (odd (- n 1) 2 3 4 5 6 7 8 9 10 11)))
        (define (odd n b c d e f g h i j k) (even n))
        (define-selector step)
        (define-method step <long> (f) (if (= self 0) 'done (f (- self 1) f)))
        (println (even 1000000))
        (println (step 300000 step))
        (define (spread n) (if (= n 0) 'done (apply spread (list (- n 1)))))
        (println (spread 300000))
        (define (handled n) (if (= n 0) 'done (try (error \"e\") (catch (e) (handled (- n 1))))))
        (println (handled 30000))\n";
    prints("tail", text, &["--max-heap", "16M", "--max-depth", "50"], "done\ndone\ndone\ndone\n");
    prints("tail-free", text, &["--max-heap", "16M"], "done\ndone\ndone\ndone\n");
}
