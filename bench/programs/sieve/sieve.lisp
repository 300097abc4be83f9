(defun sieve (limit)
  (let ((composite (make-array limit :initial-element nil))
        (primes 0))
    (loop for i from 2 below limit
          unless (svref composite i)
            do (incf primes)
               (loop for j from (* i i) below limit by i
                     do (setf (svref composite j) t)))
    primes))

(measure (lambda () (sieve 1000000)))
