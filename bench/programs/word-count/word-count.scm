; 20,000 words of a vocabulary of 500.
(define (make-text n)
  (let loop ((i 0) (seed 17) (parts '()))
    (if (= i n)
        (concatenate (cdr parts))
        (let ((seed (remainder (+ (* seed 421) 1663) 7875)))
          (loop (+ i 1)
                seed
                (cons " " (cons (string-append "word" (number->string (remainder (* seed seed) 500))) parts)))))))

(define (find-space text start)
  (let ((length (string-length text)))
    (let loop ((i start))
      (if (or (= i length) (char=? (string-ref text i) #\space))
          i
          (loop (+ i 1))))))

; How often each word occurs, and the sum of the squares of that.
(define (count-words text)
  (let ((counts (make-string-table)) (length (string-length text)))
    (let loop ((start 0) (sum 0))
      (if (>= start length)
          sum
          (let* ((end (find-space text start))
                 (word (substring text start end))
                 (count (string-table-ref counts word 0)))
            (string-table-set! counts word (+ count 1))
            (loop (+ end 1) (+ sum (+ (* 2 count) 1))))))))

(define text (make-text 20000))
(measure (lambda () (count-words text)))
