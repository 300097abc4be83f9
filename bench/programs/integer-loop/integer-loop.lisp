(defun sum-of-residues (n)
  (let ((i 0) (sum 0))
    (loop while (< i n)
          do (incf sum (rem (* i i) 7919))
             (incf i))
    sum))

(measure (lambda () (sum-of-residues 3000000)))
