(define (integrate step)
  (let loop ((x 0.0) (sum 0.0))
    (if (< x 1.0)
        (loop (+ x step) (+ sum (* x (- 1.0 (* x x)))))
        sum)))

(measure (lambda () (integrate 0.00000033)))
