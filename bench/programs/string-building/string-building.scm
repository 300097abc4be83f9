; A line of numbers with their names, put together part by part.
(define names (vector "zero" "one" "two" "three" "four" "five" "six" "seven" "eight" "nine"))

(define (build n)
  (let loop ((i (- n 1)) (parts '()))
    (if (< i 0)
        (concatenate (cdr parts))
        (loop (- i 1)
              (cons ", " (cons (string-append (vector-ref names (remainder i 10)) "=" (number->string i)) parts))))))

; In capitals, character by character.
(define (capitals text)
  (let* ((length (string-length text)) (result (make-string length #\space)))
    (do ((i 0 (+ i 1))) ((= i length) result)
      (let ((c (char->integer (string-ref text i))))
        (string-set! result i (integer->char (if (and (<= 97 c) (<= c 122)) (- c 32) c)))))))

(define (hash text)
  (let ((length (string-length text)))
    (let loop ((i 0) (sum 0))
      (if (= i length)
          sum
          (loop (+ i 1) (remainder (+ (* sum 31) (char->integer (string-ref text i))) 1000003))))))

(measure (lambda () (hash (capitals (build 5000)))))
