//! What a saved environment holds: every kind of value, in a process that has nothing of it, by every pair of engines; and what
//! cannot be saved or loaded, with the reason and the way to it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// An empty folder.
fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("holds-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// What a program prints, errors included.
fn run(folder: &Path, jit: &str, name: &str, program: &str) -> String {
    std::fs::write(folder.join(name), program).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_maru"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("MARU_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("MARU_CACHE", folder.join("cache"));
    let output = command.args(["run", "--jit", jit, name]).stdin(Stdio::null()).output().unwrap();
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

/// What the environment `e` is made of; what is around it, in both processes; what is seen of it.
struct Held {
    name: &'static str,
    around: &'static str,
    inside: &'static str,
    seen: &'static str,
}

const HELD: &[Held] = &[
    Held {
        name: "classes and instances",
        around: "",
        inside: "(define-class <shape> () (name)) (define-class <circle> <shape> (r)) (define c (new <circle> 'round 2))",
        seen: "(dumpln (at 'c) (is-a? (at 'c) (at '<shape>)) (eq (class-of (at 'c)) (at '<circle>)))
               (dumpln (eval '(list c.r (<circle>-name c) (new <circle> 1)) e) (<class>-fields (at '<circle>)))",
    },
    Held {
        name: "selectors and multimethods",
        around: "",
        inside: "(define-class <a> () ()) (define-class <b> <a> ())
                 (define-selector f () 'any) (define-method f <a> () 'a) (define-method f <b> () (list 'b (call-next-method)))
                 (define-multimethod g (x y)) (define-method g <a> <long> () (list 'a y)) (define-method g <b> <object> () 'b)",
        seen: "(dumpln (eval '(list (f 1) (f (new <a>)) (f (new <b>)) (g (new <a>) 1) (g (new <b>) \"\")) e))
               (dumpln (try (eval '(g 1 2) e) (catch (x) (error-irritants x))))
               (eval '(define-method f <long> () 'long) e) (dumpln (eval '(f 5) e))",
    },
    Held {
        name: "methods for selectors of others",
        around: "(define-selector area)",
        inside: "(define-class <square> () (side)) (define-method area <square> () (* self.side self.side))",
        seen: "(dumpln (area (eval '(new <square> 3) e))) (dumpln (try (area 1) (catch (x) (error-kind x))))",
    },
    Held {
        name: "macros",
        around: "",
        inside: "(define-form twice (x) `(+ ,x ,x)) (define (helper x) (list 'list x x)) (define-form both (x) (helper x))",
        seen: "(dumpln (eval '(list (twice 4) (both 5)) e)) (dumpln (form? (at 'twice)))",
    },
    Held {
        name: "tables",
        around: "",
        inside: "(define t (list->table '((a . 1) (\"b\" . 2) ((1 2) . 3)))) (define i (list 1)) (set-table-at t t i)
                 (set-table-at t 'i i) (table-remove t 'a) (set-table-at t 'z 26)",
        seen: "(define t (at 't)) (dumpln (map (lambda (k) (if (table? k) 'itself k)) (table-keys t)) (table-at t \"b\"))
               (dumpln (table-at t '(1 2)) (eq (table-at t t) (table-at t 'i)) (eq (table-at t 'i) (at 'i)) (table-at t 'a))
               (for (n 0 100) (set-table-at t n n)) (dumpln (table-length t))",
    },
    Held {
        name: "arrays, data, strings and numbers",
        around: "",
        inside: "(define a (array-of 1 \"two\" 3.5 'four)) (array-append a a) (define s (array-at a 1)) (define d (string->data \"bytes\"))
                 (define n (list 123456789012345678901234567890 -0.0 1e300 +inf.0 (- (expt 2 61)) '|a b|))",
        seen: "(dumpln (eq (array-at (at 'a) 4) (at 'a)) (eq (at 's) (array-at (at 'a) 1)) (data->string (at 'd)) (at 'n))
               (set-string-at (at 's) 0 ?T) (dumpln (array-at (at 'a) 1)) (array-append (at 'a) 9) (dumpln (length (at 'a)))",
    },
    Held {
        name: "closures with state of their own, and shared",
        around: "(define (counter) (let ((n 0)) (lambda () (set n (+ n 1)))))",
        inside: "(define count (counter)) (count) (count)
                 (define both (let ((n 10)) (list (lambda () (set n (+ n 1))) (lambda () n)))) ((car both))
                 (define (adder n) (lambda (x) (+ x n))) (define add5 (adder 5)) (define fixed (letrec ((f (lambda (n) (if (= n 0) f n)))) f))",
        seen: "(dumpln ((at 'count)) ((at 'count))) (define both (at 'both)) ((car both)) (dumpln ((second both)))
               (dumpln ((at 'add5) 1) (((at 'adder) 7) 1) (eq ((at 'fixed) 0) (at 'fixed)))
               (dumpln (function-name (at 'adder)) (try ((at 'add5) 'x) (catch (x) (list (error-kind x) (cdr (error-where x))))))",
    },
    Held {
        name: "cycles",
        around: "",
        inside: "(define l (list 1 2 3)) (set (cdr (cdr (cdr l))) l)
                 (define-class <node> () (next)) (define n (new <node>)) (set n.next (array-of n))
                 (define f (let ((self ())) (set self (lambda () self)) self))",
        seen: "(dumpln (list-ref (at 'l) 4) (eq (at 'l) (list-tail (at 'l) 3)) (eq (at 'n) (eval '(array-at n.next 0) e)))
               (dumpln (eq ((at 'f)) (at 'f)))",
    },
    Held {
        name: "constants, order and nil",
        around: "",
        inside: "(define z ()) (define-constant seven 7) (define (f) seven) (define a 1) (define y #t)",
        seen: "(dumpln (<environment>-bindings e) ((at 'f)))
               (dumpln (try (eval '(set seven 8) e) (catch (x) (error-message x))) (at 'seven))
               (dumpln (try (eval '(define seven 8) e) (catch (x) (error-message x))) (eval '(set a 2) e))",
    },
    Held {
        name: "errors",
        around: "",
        inside: "(define (bad) (car 1 2)) (define x (try (list (bad)) (catch (x) x)))",
        seen: "(define x (at 'x)) (dumpln (error-kind x) (error-message x) (error-irritants x) (cdr (error-where x)))
               (dumpln (map (lambda (f) (list (first f) (third f))) (error-backtrace x)))",
    },
    Held {
        name: "what is around, by name",
        around: "(define-class <point> () (x y)) (define (helper x) (list 'helper x)) (define-form unless-nil (x) `(if ,x ,x 'none))
                 (define geometry (make-environment)) (with-environment geometry (define-class <line> () (a b)) (define (mid l) l.a))",
        inside: "(define p (new <point> 1 2)) (define h helper) (define m (list car map <long> unless-nil))
                 (define l (new (environment-ref geometry '<line>) 3 4)) (define mid (environment-ref geometry 'mid)) (define g geometry)",
        seen: "(dumpln (at 'p) (eq (class-of (at 'p)) <point>) (eq (at 'h) helper) ((at 'h) 1))
               (dumpln (map eq (at 'm) (list car map <long> unless-nil)) (eq (at 'g) geometry) ((at 'mid) (at 'l)))",
    },
    Held {
        name: "environments below, and the one itself",
        around: "",
        inside: "(define sub (make-environment e)) (define-constant k 5) (with-environment sub (define (inner) (list 'inner k)))
                 (define me e) (define loose (make-environment ())) (environment-define loose 'q 1)",
        seen: "(dumpln ((environment-ref (at 'sub) 'inner)) (eq (environment-parent (at 'sub)) e) (eq (at 'me) e))
               (dumpln (environment-name e) (environment-name (at 'sub)) (environment-parent (at 'loose)))
               (dumpln (map car (<environment>-bindings (at 'loose))))",
    },
    Held {
        name: "code that calls, jumps and fails",
        around: "",
        inside: "(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (define (even? n) (if (= n 0) #t (odd? (- n 1))))
                 (define (odd? n) (if (= n 0) () (even? (- n 1)))) (define (fail x) (+ 1 (wrong x))) (define (wrong x) (- x 'a))",
        seen: "(dumpln ((at 'fib) 20) ((at 'even?) 100001)
                       (try ((at 'fail) 1) (catch (x) (list (error-kind x) (map first (error-backtrace x))))))",
    },
];

const AT: &str = "(define (at name) (environment-ref e name))";

#[test]
fn everything_is_held() {
    let folder = folder("all");
    for Held { name, around, inside, seen } in HELD {
        let make =
            format!("{around}\n(define e (make-environment *global-environment*))\n(with-environment e {inside})");
        let expected = run(&folder, "off", "plain.l", &format!("{make}\n{AT}\n{seen}"));
        assert!(!expected.contains("error["), "{name}: {expected}");
        for saver in ["off", "always"] {
            let saved = run(&folder, saver, "save.l", &format!("{make}\n(save-compiled-environment e \"./e.so\")"));
            assert_eq!(saved, "", "{name}");
            for loader in ["off", "auto", "always"] {
                let load = format!("{around}\n(define e (load-compiled-environment \"./e.so\"))\n{AT}\n{seen}");
                assert_eq!(
                    run(&folder, loader, "load.l", &load),
                    expected,
                    "{name}, saved by {saver}, loaded by {loader}"
                );
            }
        }
    }
}

#[test]
fn loading_compiles_nothing_that_was_saved() {
    let folder = folder("compiled");
    let make = "(define e (make-environment)) (with-environment e
        (define (counter n) (lambda () (set n (+ n 1)))) (define count (counter 5)) (define-form m (x) (list 'quote x)))";
    run(&folder, "off", "save.l", &format!("{make} (save-compiled-environment e \"./e.so\")"));
    let load = "(define e (load-compiled-environment \"./e.so\"))
        (dumpln (map (lambda (n) (compiled? (environment-ref e n))) '(counter count))
                (compiled? (form-function (environment-ref e 'm))) (compiled? ((environment-ref e 'counter) 1)))";
    assert_eq!(run(&folder, "auto", "load.l", load), "(#t #t)#t#t\n");
}

#[test]
fn the_parent_is_found_by_name() {
    let folder = folder("parent");
    let tools = "(define tools (make-environment)) (with-environment tools (define inner (make-environment tools)))
        (define inner (environment-ref tools 'inner)) (with-environment tools (define (twice x) (* 2 x)))";
    let save = format!(
        "{tools} (define e (make-environment tools)) (with-environment e (define (f x) (twice x)))
         (save-compiled-environment e \"./e.so\")
         (define n (make-environment (make-environment tools 'between)))
         (environment-define (environment-parent n) 'b 5) (with-environment n (define (f x) (+ b (twice x))))
         (save-compiled-environment n \"./n.so\")
         (define-class <module> <environment> (version)) (define m (new <module>)) (set m.version 3)
         (with-environment m (define x 1)) (save-compiled-environment m \"./m.so\")"
    );
    assert_eq!(run(&folder, "auto", "save.l", &save), "");
    let load = "(define e (load-compiled-environment \"./e.so\"))
        (dumpln ((environment-ref e 'f) 21) (eq (environment-parent e) tools))
        (define n (load-compiled-environment \"./n.so\")) (dumpln ((environment-ref n 'f) 1))
        (dumpln (environment-name (environment-parent n)) (eq (environment-parent (environment-parent n)) tools))
        (define-class <module> <environment> (version)) (define m (load-compiled-environment \"./m.so\"))
        (dumpln m.version (is-a? m <module>) (eval 'x m))";
    assert_eq!(run(&folder, "auto", "load.l", &format!("{tools} {load}")), "42#t\n7\nbetween#t\n3#t1\n");
    let without = run(&folder, "auto", "load.l", "(load-compiled-environment \"./e.so\")");
    assert!(
        without.contains("it needs the environment tools, which is not there; define or load that first"),
        "{without}"
    );
}

#[test]
fn loading_twice_makes_two() {
    let folder = folder("twice");
    let save = "(define-selector area) (define e (make-environment)) (with-environment e
        (define-class <p> () (x)) (define p (new <p> 1)) (define n 0) (define (up) (set n (+ n 1))) (define-method area <p> () self.x))
        (save-compiled-environment e \"./e.so\")";
    assert_eq!(run(&folder, "auto", "save.l", save), "");
    let load = "(define-selector area)
        (define a (load-compiled-environment \"./e.so\")) (define b (load-compiled-environment \"./e.so\"))
        ((environment-ref a 'up)) ((environment-ref a 'up)) ((environment-ref b 'up))
        (define (of e n) (environment-ref e n))
        (dumpln (of a 'n) (of b 'n) (eq (of a '<p>) (of b '<p>)) (area (of a 'p)) (area (of b 'p)))
        (dumpln (try ((of a '<p>-x) (of b 'p)) (catch (x) (error-kind x))))
        (with-environment a (define-class <p> () (x y)))
        (dumpln (try ((of a '<p>-x) (of a 'p)) (catch (x) (error-kind x))) (eval '(new <p> 1 2) a) (of a 'p) (eval 'p.x a))
        (dumpln ((of b '<p>-x) (of b 'p)))";
    assert_eq!(run(&folder, "auto", "load.l", load), "21()11\ntype\ntype<p>(1 2)<p>(1)1\n1\n");
}

#[test]
fn what_cannot_be_saved_is_refused_with_the_way_to_it() {
    let folder = folder("refused");
    for (inside, message) in [
        ("(define p (open \"/dev/null\"))", "'p' cannot be saved: it is an open file, which only this process has"),
        (
            "(define c (list 1 (array-of (list->table (list (cons 'log (open \"/dev/null\")))))))",
            "'c' cannot be saved: element 1, element 0, the value of log is an open file",
        ),
        (
            "(define f (let ((out (open \"/dev/null\"))) (lambda (x) (print x out))))",
            "'f' cannot be saved: its variable out is an open file",
        ),
        (
            "(define-class <log> () (name port)) (define l (new <log> 'l (open \"/dev/null\")))",
            "'l' cannot be saved: field port is an open file",
        ),
        (
            "(define g (let ((n (open \"/dev/null\"))) (set n (list n)) (lambda () n)))",
            "'g' cannot be saved: its variable n",
        ),
        (
            "(define s (make-environment e)) (with-environment s (define q (open \"/dev/null\")))",
            "'s' cannot be saved: 'q' is an open file",
        ),
        (
            "(define-selector put) (define-method put <long> () 1) (define k (open \"/dev/null\"))",
            "'k' cannot be saved: it is an open file",
        ),
        (
            "(define a (dlsym (dlopen \"libc.so.6\") \"strlen\"))",
            "'a' cannot be saved: it is an address that dlsym gave, which only this process has",
        ),
        (
            "(define l (list 'strlen (dlsym (dlopen \"libc.so.6\") \"strlen\")))",
            "'l' cannot be saved: element 1 is an address that dlsym gave",
        ),
    ] {
        let program = format!(
            "(define e (make-environment)) (with-environment e {inside}) (save-compiled-environment e \"./e.so\")"
        );
        for jit in ["off", "always"] {
            let said = run(&folder, jit, "save.l", &program);
            assert!(said.starts_with("error[compile]: ") && said.contains(message), "{inside}: {said}");
            assert!(!folder.join("e.so").exists());
        }
    }
    let global = run(&folder, "auto", "save.l", "(save-compiled-environment *global-environment* \"./e.so\")");
    assert!(global.contains("the global environment is there in every run and cannot be saved"), "{global}");
}

#[test]
fn what_is_not_there_or_another_thing_is_refused_by_name() {
    let folder = folder("missing");
    let around = "(define-class <point> () (x y)) (define (helper) 1) (define-form m (x) x) (define-selector s)
        (define geometry (make-environment)) (with-environment geometry (define-class <line> () (a)))";
    for (inside, here, message) in [
        (
            "(define p (new <point> 1 2))",
            "",
            "it needs the class <point> of the global environment, which is not there",
        ),
        (
            "(define p (new <point> 1 2))",
            "(define-class <point> () (x y z))",
            "the class <point> of the global environment has the fields (x y z) here, and had (x y) when it was saved",
        ),
        (
            "(define p <point>)",
            "(define <point> 5)",
            "the class <point> of the global environment, which is no class here",
        ),
        ("(define-class <p> <point> (z))", "", "it needs the class <point> of the global environment"),
        ("(define h (list helper))", "", "it needs the function helper of the global environment, which is not there"),
        ("(define h (list helper))", "(define helper 1)", "which is no function here"),
        ("(define n m)", "", "it needs the macro m of the global environment"),
        (
            "(define-class <q> () ()) (define-method s <q> () 1)",
            "",
            "it needs the selector s of the global environment",
        ),
        ("(define l (environment-ref geometry '<line>))", "", "it needs the environment geometry, which is not there"),
        (
            "(define l (environment-ref geometry '<line>))",
            "(define geometry (make-environment))",
            "it needs the class <line> of the environment geometry, which is not there",
        ),
    ] {
        let save = format!(
            "{around} (define e (make-environment)) (with-environment e {inside}) (save-compiled-environment e \"./e.so\")"
        );
        assert_eq!(run(&folder, "auto", "save.l", &save), "", "{inside}");
        for jit in ["off", "always"] {
            let said = run(&folder, jit, "load.l", &format!("{here} (load-compiled-environment \"./e.so\")"));
            assert!(said.starts_with("error[load]: ") && said.contains(message), "{inside}: {said}");
        }
    }
}

#[test]
fn a_program_is_no_environment_and_damage_is_found() {
    let folder = folder("damage");
    let save = "(define e (make-environment)) (with-environment e (define-class <p> () (x)) (define t (list->table '((a . 1))))
        (define c (let ((n 1)) (lambda () (set n (+ n 1))))) (define p (new <p> c)) (define-form m (x) x))
        (save-compiled-environment e \"./e.so\")";
    assert_eq!(run(&folder, "auto", "save.l", save), "");
    let whole = std::fs::read(folder.join("e.so")).unwrap();
    // One process tries many damaged files.
    let mut count = 0;
    for at in (0..whole.len()).step_by(whole.len() / 150) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        std::fs::write(folder.join(format!("flip{count}.so")), flipped).unwrap();
        std::fs::write(folder.join(format!("cut{count}.so")), &whole[..at]).unwrap();
        count += 1;
    }
    let load = format!(
        "(define (loads? name) (try (progn (load-compiled-environment name) #t) (catch (x) (if (= (error-kind x) 'load) () x))))
         (dumpln (loads? \"./e.so\"))
         (define seen ()) (for (i 0 {count}) (for-each '(\"./flip\" \"./cut\") (lambda (kind)
           (let ((name (concat-string kind (number->string i) \".so\"))) (if (loads? name) (push seen name))))))
         (dumpln seen)"
    );
    assert_eq!(run(&folder, "off", "load.l", &load), "#t\n()\n");
}
