//! Scenarios of derived forms in the shapes that programs seldom have: steps that go down or are computed, clauses whose
//! words are variables, patterns, templates in templates.

use super::Scenario;

const FORMS: &[&str] = &[
    "(let ((seen ())) (for (k x -4 -1) (set seen (cons k seen))) seen)",
    "(let ((seen ())) (for (k x -9 -2) (set seen (cons k seen))) seen)",
    "(let ((seen ())) (for (k -3 x y) (set seen (cons k seen)) (if (> (length seen) 30) (error \"long\" k))) seen)",
    "(let ((seen ())) (for (k x 7 (+ y 1)) (set seen (cons k seen)) (if (> (length seen) 30) (error \"long\" k))) seen)",
    "(let ((else ())) (cond (else 'first) ((> x 1) 'second) (#t 'third)))",
    "(let ((=> list)) (cond ((> x 1) => x) (#t 'other)))",
    "(let ((else x)) (case y (else 'own) ((1 2) 'few) ((-1 a) 'less)))",
    "(cond ((assq x '((1 . one) (2 . two) (3 . three))) => cdr) (else x))",
    "(cond ((> x 2)) ((and (> y 0) y)) ((= x 1) 'one 'more))",
    "(case x ((1 a \"s\") 'first) ((2 3) 'second) (4 'fourth) (else (list x)))",
    "(case (% (+ x y) 3) ((0 1) (case y ((1 -1) 'a) (else 'b))) (else 'c))",
    "(let (((a (b . c) . d) (list x (list y 3 4) 5 6))) (list a b c d))",
    "(let* (((a b) (list x y)) ((c . d) (cons b a)) (e)) (list a b c d e))",
    "(let ((() (error \"evaluated\" x)) (a 1)) a)",
    "(let loop ((k 0) (sum y)) (let ((more (lambda () (set k (+ k 1)) k))) (if (< k 4) (loop (more) (+ sum k)) sum)))",
    "(let loop ((k 0)) (if (< k 3) (progn (set loop (lambda (k) (list 'other k))) (loop (+ k 1))) k))",
    "(letrec ((f (lambda (n) (if (= n 0) 'f (g (- n 1))))) (g (lambda (n) (if (= n 0) 'g (f (- n 1)))))) (set f (lambda (n) (list 'h n))) (g 3))",
    "(letrec ((a x) (f (lambda () a)) (b (f))) (list a b))",
    "(letrec ((f (lambda () b)) (b y)) (f))",
    "`(1 `(2 ,(3 ,x ,@(list x y))) ,@(list y) . ,x)",
    "`(a ,@(list x y) ,@() `(b ,,x ,@,(list y)) #t)",
    "(unless (> x 1) (set y 5) y)",
    "(when (> x 1) (set y 5) y)",
    "(let ((a 1)) (list-do (a b) (list (list x y) (list y x)) (set y (+ a b))) (list a y))",
    "(let ((seen ())) (array-do k (array-of x y (list x)) (set seen (cons k seen))) (string-do k \"ab\" (set seen (cons k seen))) seen)",
    "((lambda (a b . c) (set c (cons a c)) (set a b) (list a b c)) x y 3 4)",
    "(apply (lambda (a . b) (list a b)) x y (list 3 4 5 6 7 8))",
    "(try (apply list x y) (catch (e) (caught e)))",
    "(let ((l (list x y 3))) (push l 0) (pop l) (incr (car l) 4) (decr (car (cdr l)) x) (list l (pop l) l))",
    "(and (or (> x 100) y) (not (and)) (list (or) (and x) (or () y)))",
];

impl Scenario<'_> {
    /// Some of these forms in a loop, with numbers that change.
    pub(super) fn derived(&mut self) -> String {
        let (name, turns) = (self.name.clone(), self.dice.between(4, 20));
        let count = self.dice.between(2, 5);
        let forms: String = (0..count)
            .map(|_| {
                let form: &&str = self.dice.pick(FORMS);
                format!("(set all (cons (try {form} (catch (e) (if (is-a? e <error>) (caught e) e))) all))")
            })
            .collect();
        format!(
            "(define ({name} n)
               (let ((all ()))
                 (for (i 0 n)
                   (let ((x (+ 1 (% i 4))) (y (- (% i 5) 2))) {forms}))
                 all))
             ({name} {turns}) ({name} 2)"
        )
    }
}
