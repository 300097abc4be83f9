(defun factorial (n)
  (if (<= n 1) 1 (* n (factorial (- n 1)))))

(measure (lambda () (loop repeat 10 sum (rem (factorial 1000) 1000000007))))
