(define (make-numbers n)
  (let ((numbers (make-vector n 0)))
    (let loop ((i 0))
      (if (= i n)
          numbers
          (begin
            (vector-set! numbers i (remainder (* i i) 1009))
            (loop (+ i 1)))))))

(define (array-sum numbers)
  (let ((n (vector-length numbers)))
    (let loop ((i 0) (sum 0))
      (if (< i n)
          (loop (+ i 1) (+ sum (vector-ref numbers i)))
          sum))))

(define (sums numbers passes)
  (let loop ((pass 0) (sum 0))
    (if (= pass passes)
        sum
        (loop (+ pass 1) (+ sum (array-sum numbers))))))

(define numbers (make-numbers 100000))
(measure (lambda () (sums numbers 20)))
