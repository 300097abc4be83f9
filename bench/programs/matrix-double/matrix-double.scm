; A matrix is one vector, row after row.
(define (make-matrix n start step)
  (let ((m (make-vector (* n n) 0.0)))
    (let loop ((i 0) (x start))
      (if (= i (* n n))
          m
          (begin
            (vector-set! m i x)
            (loop (+ i 1) (+ x step)))))))

(define (multiply! a b c n)
  (do ((i 0 (+ i 1))) ((= i n))
    (do ((j 0 (+ j 1))) ((= j n))
      (do ((k 0 (+ k 1))
           (sum 0.0 (+ sum (* (vector-ref a (+ (* i n) k)) (vector-ref b (+ (* k n) j))))))
          ((= k n) (vector-set! c (+ (* i n) j) sum))))))

(define (trace-of m n)
  (let loop ((i 0) (sum 0.0))
    (if (< i n)
        (loop (+ i 1) (+ sum (vector-ref m (+ (* i n) i))))
        sum)))

(define a (make-matrix 100 -1.0 0.0003))
(define b (make-matrix 100 2.0 -0.0001))
(define c (make-matrix 100 0.0 0.0))
(measure (lambda () (multiply! a b c 100) (trace-of c 100)))
