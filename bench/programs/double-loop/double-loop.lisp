(defun integrate (step)
  (let ((x 0d0) (sum 0d0))
    (loop while (< x 1d0)
          do (incf sum (* x (- 1d0 (* x x))))
             (incf x step))
    sum))

(measure (lambda () (integrate 0.00000033d0)))
