; A counter that is called with what is to be added.
(define (make-counter start)
  (lambda (amount)
    (set! start (+ start amount))
    start))

; The first counts by calling the second: each call goes through two closures.
(define (make-counted counter)
  (let ((calls 0))
    (cons (lambda (amount)
            (set! calls (+ calls 1))
            (counter amount))
          (lambda () calls))))

(define (each-number n function)
  (do ((i 0 (+ i 1))) ((= i n)) (function i)))

(define (count-with counters n)
  (let ((sum 0))
    (each-number n
      (lambda (i)
        (let ((counter (vector-ref counters (remainder i 10))))
          (set! sum (+ sum (remainder ((car counter) i) 1000))))))
    (do ((i 0 (+ i 1))) ((= i 10))
      (set! sum (+ sum ((cdr (vector-ref counters i))))))
    sum))

(define (make-counters)
  (let ((counters (make-vector 10 #f)))
    (do ((i 0 (+ i 1))) ((= i 10) counters)
      (vector-set! counters i (make-counted (make-counter i))))))

(measure (lambda () (count-with (make-counters) 100000)))
