;;; Expressions are numbers, symbols and lists; an environment is a list of pairs (name . value).
(defun lookup (name environment)
  (let ((entry (assoc name environment :test #'eq)))
    (if entry (cdr entry) (error "unbound: ~a" name))))

(defun bind (names values environment)
  (if (consp names)
      (bind (cdr names) (cdr values) (cons (cons (car names) (car values)) environment))
      environment))

(defun evaluate-all (expressions environment)
  (mapcar (lambda (expression) (evaluate expression environment)) expressions))

(defun evaluate (expression environment)
  (cond ((numberp expression) expression)
        ((symbolp expression) (lookup expression environment))
        (t
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
           (t
            (call (evaluate (car expression) environment) (evaluate-all (cdr expression) environment)))))))

(defun evaluate-operation (expression environment)
  (let* ((left (evaluate (cadr expression) environment))
         (right (evaluate (caddr expression) environment)))
    (case (car expression)
      ((+) (+ left right))
      ((-) (- left right))
      ((*) (* left right))
      (t (< left right)))))

(defun call (closure values)
  (evaluate (caddr closure) (bind (cadr closure) values (cadddr closure))))

(defvar *program*
  '(let fib (lambda (self n)
              (if (< n 2) n (+ (self self (- n 1)) (self self (- n 2)))))
     (let square (lambda (x) (* x x))
       (square (fib fib 17)))))

(measure (lambda () (evaluate *program* nil)))
