; Expressions are numbers, symbols and lists; an environment is a list of pairs (name . value).
(define (lookup name environment)
  (let ((entry (assq name environment)))
    (if entry (cdr entry) (error "unbound" name))))

(define (bind names values environment)
  (if (pair? names)
      (bind (cdr names) (cdr values) (cons (cons (car names) (car values)) environment))
      environment))

(define (evaluate-all expressions environment)
  (if (pair? expressions)
      (let ((value (evaluate (car expressions) environment)))
        (cons value (evaluate-all (cdr expressions) environment)))
      '()))

(define (evaluate expression environment)
  (cond ((number? expression) expression)
        ((symbol? expression) (lookup expression environment))
        (else
         (case (car expression)
           ((lambda) (list 'closure (cadr expression) (caddr expression) environment))
           ((if)
            (if (evaluate (cadr expression) environment)
                (evaluate (caddr expression) environment)
                (evaluate (cadddr expression) environment)))
           ((let)
            (let ((value (evaluate (caddr expression) environment)))
              (evaluate (cadddr expression) (cons (cons (cadr expression) value) environment))))
           ((+ - * <) (evaluate-operation expression environment))
           (else
            (call (evaluate (car expression) environment) (evaluate-all (cdr expression) environment)))))))

(define (evaluate-operation expression environment)
  (let* ((left (evaluate (cadr expression) environment))
         (right (evaluate (caddr expression) environment)))
    (case (car expression)
      ((+) (+ left right))
      ((-) (- left right))
      ((*) (* left right))
      (else (< left right)))))

(define (call closure values)
  (evaluate (caddr closure) (bind (cadr closure) values (cadddr closure))))

(define program
  '(let fib (lambda (self n)
              (if (< n 2) n (+ (self self (- n 1)) (self self (- n 2)))))
     (let square (lambda (x) (* x x))
       (square (fib fib 17)))))

(measure (lambda () (evaluate program '())))
