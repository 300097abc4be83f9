;;; Terms are symbols and lists with an operator; x and y in a rule stand for any term.
(defvar *rules*
  '(((plus zero x) . x)
    ((plus (s x) y) . (s (plus x y)))
    ((times zero x) . zero)
    ((times (s x) y) . (plus y (times x y)))
    ((factorial zero) . (s zero))
    ((factorial (s x)) . (times (s x) (factorial x)))))

(defun term-variable-p (term) (or (eq term 'x) (eq term 'y)))

;;; The bindings extended by what makes the pattern the term, or the symbol fail.
(defun match (pattern term bindings)
  (cond ((eq bindings 'fail) 'fail)
        ((term-variable-p pattern) (cons (cons pattern term) bindings))
        ((consp pattern)
         (if (consp term)
             (match (cdr pattern) (cdr term) (match (car pattern) (car term) bindings))
             'fail))
        ((eq pattern term) bindings)
        (t 'fail)))

(defun instance (term bindings)
  (cond ((term-variable-p term) (cdr (assoc term bindings :test #'eq)))
        ((consp term) (cons (instance (car term) bindings) (instance (cdr term) bindings)))
        (t term)))

(defun normal-form (term)
  (if (consp term)
      (rewrite (cons (car term) (mapcar #'normal-form (cdr term))) *rules*)
      term))

;;; By the first rule that matches.
(defun rewrite (term rules)
  (if (consp rules)
      (let ((bindings (match (caar rules) term nil)))
        (if (eq bindings 'fail)
            (rewrite term (cdr rules))
            (normal-form (instance (cdar rules) bindings))))
      term))

(defun value (term)
  (let ((n 0))
    (loop while (consp term)
          do (setf term (cadr term))
             (incf n))
    n))

(measure (lambda () (value (normal-form '(factorial (s (s (s (s zero)))))))))
