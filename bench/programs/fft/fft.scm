; A signal of n points, the same at every run.
(define (fill-signal! re im n)
  (let loop ((i 0) (seed 17))
    (if (< i n)
        (let ((seed (remainder (+ (* seed 421) 1663) 7875)))
          (vector-set! re i (- (/ seed 7875.0) 0.5))
          (vector-set! im i 0.0)
          (loop (+ i 1) seed)))))

(define (swap! v i j)
  (let ((x (vector-ref v i)))
    (vector-set! v i (vector-ref v j))
    (vector-set! v j x)))

(define (reverse-bits! re im n)
  (let loop ((i 0) (j 0))
    (if (< i (- n 1))
        (begin
          (if (< i j)
              (begin (swap! re i j) (swap! im i j)))
          (let carry ((bit (quotient n 2)) (j j))
            (if (<= bit j)
                (carry (quotient bit 2) (- j bit))
                (loop (+ i 1) (+ j bit))))))))

; The butterflies of all groups that share one factor.
(define (butterflies! re im n first half ur ui)
  (let loop ((i first))
    (if (< i n)
        (let* ((j (+ i half))
               (ar (vector-ref re i)) (ai (vector-ref im i))
               (br (vector-ref re j)) (bi (vector-ref im j))
               (tr (- (* br ur) (* bi ui)))
               (ti (+ (* br ui) (* bi ur))))
          (vector-set! re i (+ ar tr))
          (vector-set! im i (+ ai ti))
          (vector-set! re j (- ar tr))
          (vector-set! im j (- ai ti))
          (loop (+ i (* 2 half)))))))

; In place. The first stage has no factors; the root of unity of a later one comes by the half-angle formulas.
(define (transform! re im n)
  (reverse-bits! re im n)
  (butterflies! re im n 0 1 1.0 0.0)
  (let stage ((half 2) (wr 0.0) (wi -1.0))
    (if (< half n)
        (begin
          (let factors ((k 0) (ur 1.0) (ui 0.0))
            (if (< k half)
                (begin
                  (butterflies! re im n k half ur ui)
                  (factors (+ k 1) (- (* ur wr) (* ui wi)) (+ (* ur wi) (* ui wr))))))
          (let ((next (sqrt (/ (+ 1.0 wr) 2.0))))
            (stage (* half 2) next (/ wi (* 2.0 next))))))))

(define (energy re im n)
  (let loop ((i 0) (sum 0.0))
    (if (< i n)
        (let ((r (vector-ref re i)) (m (vector-ref im i)))
          (loop (+ i 1) (+ sum (+ (* r r) (* m m)))))
        sum)))

(define (fft n)
  (let ((re (make-vector n 0.0)) (im (make-vector n 0.0)))
    (fill-signal! re im n)
    (transform! re im n)
    (energy re im n)))

(measure (lambda () (fft 4096)))
