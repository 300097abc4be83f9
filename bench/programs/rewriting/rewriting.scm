; Terms are symbols and lists with an operator; x and y in a rule stand for any term.
(define rules
  '(((plus zero x) . x)
    ((plus (s x) y) . (s (plus x y)))
    ((times zero x) . zero)
    ((times (s x) y) . (plus y (times x y)))
    ((factorial zero) . (s zero))
    ((factorial (s x)) . (times (s x) (factorial x)))))

(define (variable? term) (or (eq? term 'x) (eq? term 'y)))

; The bindings extended by what makes the pattern the term, or the symbol fail.
(define (match pattern term bindings)
  (cond ((eq? bindings 'fail) 'fail)
        ((variable? pattern) (cons (cons pattern term) bindings))
        ((pair? pattern)
         (if (pair? term)
             (match (cdr pattern) (cdr term) (match (car pattern) (car term) bindings))
             'fail))
        ((eq? pattern term) bindings)
        (else 'fail)))

(define (substitute term bindings)
  (cond ((variable? term) (cdr (assq term bindings)))
        ((pair? term) (cons (substitute (car term) bindings) (substitute (cdr term) bindings)))
        (else term)))

(define (normal-form term)
  (if (pair? term)
      (rewrite (cons (car term) (map normal-form (cdr term))) rules)
      term))

; By the first rule that matches.
(define (rewrite term rules)
  (if (pair? rules)
      (let ((bindings (match (car (car rules)) term '())))
        (if (eq? bindings 'fail)
            (rewrite term (cdr rules))
            (normal-form (substitute (cdr (car rules)) bindings))))
      term))

(define (value term)
  (let loop ((term term) (n 0))
    (if (pair? term) (loop (cadr term) (+ n 1)) n)))

(measure (lambda () (value (normal-form '(factorial (s (s (s (s zero)))))))))
