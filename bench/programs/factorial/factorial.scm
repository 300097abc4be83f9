(define (factorial n)
  (if (<= n 1) 1 (* n (factorial (- n 1)))))

(define (residues n)
  (let loop ((i 0) (sum 0))
    (if (= i n)
        sum
        (loop (+ i 1) (+ sum (remainder (factorial 1000) 1000000007))))))

(measure (lambda () (residues 10)))
