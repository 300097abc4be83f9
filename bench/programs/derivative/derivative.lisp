(defun derivative (e)
  (cond ((not (consp e)) (if (eq e 'x) 1 0))
        ((eq (car e) '+) (cons '+ (mapcar #'derivative (cdr e))))
        ((eq (car e) '-) (cons '- (mapcar #'derivative (cdr e))))
        ((eq (car e) '*)
         (list '* e (cons '+ (mapcar (lambda (factor) (list '/ (derivative factor) factor)) (cdr e)))))
        (t (error "not an expression: ~a" e))))

(defun count-leaves (e)
  (let ((leaves 0))
    (loop while (consp e)
          do (incf leaves (count-leaves (car e)))
             (setf e (cdr e)))
    (if e (+ leaves 1) leaves)))

(defun derivatives (n)
  (loop repeat n
        sum (count-leaves (derivative '(+ (* 3 x x) (* a x x) (* b x) 5)))))

(measure (lambda () (derivatives 5000)))
