(define (make-keys n)
  (let ((keys (make-vector n #f)))
    (do ((i 0 (+ i 1))) ((= i n) keys)
      (vector-set! keys i (string->symbol (string-append "key" (number->string i)))))))

(define (sum-of-values table keys sum)
  (let ((n (vector-length keys)))
    (let loop ((i 0) (sum sum))
      (if (= i n)
          sum
          (loop (+ i 1) (+ sum (symbol-table-ref table (vector-ref keys i) 0)))))))

; The keys are set, each is looked up five times, and every other one is changed.
(define (use-table keys others)
  (let ((table (make-symbol-table)) (n (vector-length keys)))
    (do ((i 0 (+ i 1))) ((= i n)) (symbol-table-set! table (vector-ref keys i) i))
    (let loop ((pass 0) (sum 0))
      (if (< pass 5)
          (loop (+ pass 1) (sum-of-values table others sum))
          (begin
            (do ((i 0 (+ i 2))) ((>= i n))
              (let ((key (vector-ref others i)))
                (symbol-table-set! table key (+ 1 (symbol-table-ref table key 0)))))
            (sum-of-values table keys sum))))))

(define keys (make-keys 10000))
(define others (make-keys 10000))
(measure (lambda () (use-table keys others)))
