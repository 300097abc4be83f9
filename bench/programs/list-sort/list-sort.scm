(define (make-numbers n)
  (let loop ((i 0) (seed 17) (numbers '()))
    (if (= i n)
        numbers
        (let ((seed (remainder (* seed 16807) 2147483647)))
          (loop (+ i 1) seed (cons seed numbers))))))

; Every other element, from the first on.
(define (every-other list)
  (cond ((null? list) '())
        ((null? (cdr list)) (cons (car list) '()))
        (else (cons (car list) (every-other (cddr list))))))

(define (merge-lists left right)
  (cond ((null? left) right)
        ((null? right) left)
        ((< (car right) (car left)) (cons (car right) (merge-lists left (cdr right))))
        (else (cons (car left) (merge-lists (cdr left) right)))))

(define (merge-sort list)
  (if (or (null? list) (null? (cdr list)))
      list
      (merge-lists (merge-sort (every-other list)) (merge-sort (every-other (cdr list))))))

(define (checksum list)
  (let loop ((list list) (i 1) (sum 0))
    (if (null? list)
        sum
        (loop (cdr list) (+ i 1) (remainder (+ sum (* i (car list))) 1000003)))))

(define numbers (make-numbers 10000))
(measure (lambda () (checksum (merge-sort numbers))))
