(define (sum-of-residues n)
  (let loop ((i 0) (sum 0))
    (if (< i n)
        (loop (+ i 1) (+ sum (remainder (* i i) 7919)))
        sum)))

(measure (lambda () (sum-of-residues 3000000)))
