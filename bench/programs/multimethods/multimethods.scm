; Records have no inheritance here: a plain body, an asteroid and a ship are three types.
(define-record-type body (make-plain size) plain? (size plain-size))
(define-record-type asteroid (make-asteroid size) asteroid? (size asteroid-size))
(define-record-type ship (make-ship size shield) ship? (size ship-size) (shield ship-shield))

(define (size body)
  (cond ((plain? body) (plain-size body))
        ((asteroid? body) (asteroid-size body))
        (else (ship-size body))))

(define (collide a b)
  (cond ((and (ship? a) (ship? b)) (+ (ship-shield a) (ship-shield b)))
        ((and (ship? a) (asteroid? b)) (- (asteroid-size b) (ship-shield a)))
        ((and (asteroid? a) (ship? b)) (- (asteroid-size a) (ship-shield b)))
        (else (+ (size a) (size b)))))

(define (make-body seed)
  (let ((kind (remainder seed 3)) (size (+ 1 (remainder seed 10))))
    (cond ((= kind 0) (make-plain size))
          ((= kind 1) (make-asteroid size))
          (else (make-ship size (+ size 5))))))

(define (make-bodies n)
  (let ((bodies (make-vector n #f)))
    (let loop ((i 0) (seed 17))
      (if (= i n)
          bodies
          (begin
            (vector-set! bodies i (make-body seed))
            (loop (+ i 1) (remainder (+ (* seed 421) 1663) 7875)))))))

(define (collisions bodies n passes)
  (let each-pass ((pass 0) (sum 0))
    (if (= pass passes)
        sum
        (let each-first ((i 0) (sum sum))
          (if (= i n)
              (each-pass (+ pass 1) sum)
              (let ((a (vector-ref bodies i)))
                (let each-second ((j 0) (sum sum))
                  (if (= j n)
                      (each-first (+ i 1) sum)
                      (each-second (+ j 1) (+ sum (collide a (vector-ref bodies j))))))))))))

(define bodies (make-bodies 100))
(measure (lambda () (collisions bodies 100 10)))
