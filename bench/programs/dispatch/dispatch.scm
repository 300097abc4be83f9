(define-record-type circle (make-circle radius) circle? (radius circle-radius))
(define-record-type square (make-square side) square? (side square-side))
(define-record-type rectangle (make-rectangle width height) rectangle? (width rectangle-width) (height rectangle-height))

(define (area shape)
  (cond ((circle? shape) (* 3 (* (circle-radius shape) (circle-radius shape))))
        ((square? shape) (* (square-side shape) (square-side shape)))
        ((rectangle? shape) (* (rectangle-width shape) (rectangle-height shape)))
        (else (error "no method for" shape))))

(define (make-shape seed)
  (let ((kind (remainder seed 3)) (size (+ 1 (remainder seed 10))))
    (cond ((= kind 0) (make-circle size))
          ((= kind 1) (make-square size))
          (else (make-rectangle size (+ size 1))))))

(define (make-shapes n)
  (let ((shapes (make-vector n #f)))
    (let loop ((i 0) (seed 17))
      (if (= i n)
          shapes
          (begin
            (vector-set! shapes i (make-shape seed))
            (loop (+ i 1) (remainder (+ (* seed 421) 1663) 7875)))))))

(define (total-area shapes n passes)
  (let each-pass ((pass 0) (sum 0))
    (if (= pass passes)
        sum
        (let each-shape ((i 0) (sum sum))
          (if (= i n)
              (each-pass (+ pass 1) sum)
              (each-shape (+ i 1) (+ sum (area (vector-ref shapes i)))))))))

(define shapes (make-shapes 1000))
(measure (lambda () (total-area shapes 1000 100)))
