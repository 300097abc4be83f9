(define (sieve limit)
  (let ((composite (make-vector limit #f)))
    (let loop ((i 2) (primes 0))
      (cond ((>= i limit) primes)
            ((vector-ref composite i) (loop (+ i 1) primes))
            (else
             (let mark ((j (* i i)))
               (if (< j limit)
                   (begin (vector-set! composite j #t)
                          (mark (+ j i)))))
             (loop (+ i 1) (+ primes 1)))))))

(measure (lambda () (sieve 1000000)))
