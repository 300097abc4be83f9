(define-record-type body
  (new-body x y z vx vy vz mass)
  body?
  (x body-x set-body-x!)
  (y body-y set-body-y!)
  (z body-z set-body-z!)
  (vx body-vx set-body-vx!)
  (vy body-vy set-body-vy!)
  (vz body-vz set-body-vz!)
  (mass body-mass))

(define solar-mass 39.47841760435743)
(define days-per-year 365.24)

(define (make-body x y z vx vy vz mass)
  (new-body x y z (* vx days-per-year) (* vy days-per-year) (* vz days-per-year) (* mass solar-mass)))

; The sun first, and the planets outwards.
(define (make-bodies)
  (vector
        (make-body 0.0 0.0 0.0 0.0 0.0 0.0 1.0)
        (make-body 4.841431442464721 -1.1603200440274284 -0.10362204447112311 0.001660076642744037 0.007699011184197404 -6.90460016972063e-05 0.0009547919384243266)
        (make-body 8.34336671824458 4.124798564124305 -0.4035234171143214 -0.00276742510726411 0.004998528012349172 2.3041729757376393e-05 0.0002858859806661308)
        (make-body 12.894369562139131 -15.111151401698631 -0.22330757889265573 0.002964601375647616 0.0023784717395948095 -2.9658956854023756e-05 4.366244043351563e-05)
        (make-body 15.379697114850917 -25.919314609987964 0.17925877295037118 0.0026806777249038932 0.001628241700382423 -9.515922545197159e-05 5.1513890204661145e-05)))

; The sun gets the speed that brings all to rest together.
(define (offset-momentum! bodies)
  (let loop ((i 0) (px 0.0) (py 0.0) (pz 0.0))
    (if (< i (vector-length bodies))
        (let ((body (vector-ref bodies i)))
          (loop (+ i 1)
                (+ px (* (body-vx body) (body-mass body)))
                (+ py (* (body-vy body) (body-mass body)))
                (+ pz (* (body-vz body) (body-mass body)))))
        (let ((sun (vector-ref bodies 0)))
          (set-body-vx! sun (- 0.0 (/ px solar-mass)))
          (set-body-vy! sun (- 0.0 (/ py solar-mass)))
          (set-body-vz! sun (- 0.0 (/ pz solar-mass)))))))

; Two bodies attract each other for a time.
(define (attract! a b dt)
  (let* ((dx (- (body-x a) (body-x b))) (dy (- (body-y a) (body-y b))) (dz (- (body-z a) (body-z b)))
         (square (+ (* dx dx) (* dy dy) (* dz dz)))
         (magnitude (/ dt (* square (sqrt square))))
         (ma (* (body-mass a) magnitude)) (mb (* (body-mass b) magnitude)))
    (set-body-vx! a (- (body-vx a) (* dx mb)))
    (set-body-vy! a (- (body-vy a) (* dy mb)))
    (set-body-vz! a (- (body-vz a) (* dz mb)))
    (set-body-vx! b (+ (body-vx b) (* dx ma)))
    (set-body-vy! b (+ (body-vy b) (* dy ma)))
    (set-body-vz! b (+ (body-vz b) (* dz ma)))))

(define (move! body dt)
  (set-body-x! body (+ (body-x body) (* dt (body-vx body))))
  (set-body-y! body (+ (body-y body) (* dt (body-vy body))))
  (set-body-z! body (+ (body-z body) (* dt (body-vz body)))))

(define (advance! bodies dt)
  (let ((n (vector-length bodies)))
    (do ((i 0 (+ i 1))) ((= i n))
      (do ((j (+ i 1) (+ j 1))) ((= j n))
        (attract! (vector-ref bodies i) (vector-ref bodies j) dt)))
    (do ((i 0 (+ i 1))) ((= i n))
      (move! (vector-ref bodies i) dt))))

(define (kinetic-energy body)
  (* 0.5 (body-mass body)
     (+ (* (body-vx body) (body-vx body)) (* (body-vy body) (body-vy body)) (* (body-vz body) (body-vz body)))))

(define (potential-energy a b)
  (let ((dx (- (body-x a) (body-x b))) (dy (- (body-y a) (body-y b))) (dz (- (body-z a) (body-z b))))
    (/ (* (body-mass a) (body-mass b)) (sqrt (+ (* dx dx) (* dy dy) (* dz dz))))))

(define (energy bodies)
  (let ((n (vector-length bodies)))
    (let outer ((i 0) (sum 0.0))
      (if (= i n)
          sum
          (let inner ((j (+ i 1)) (sum (+ sum (kinetic-energy (vector-ref bodies i)))))
            (if (= j n)
                (outer (+ i 1) sum)
                (inner (+ j 1) (- sum (potential-energy (vector-ref bodies i) (vector-ref bodies j))))))))))

(define (simulate steps)
  (let ((bodies (make-bodies)))
    (offset-momentum! bodies)
    (do ((i 0 (+ i 1))) ((= i steps)) (advance! bodies 0.01))
    (energy bodies)))

(measure (lambda () (simulate 5000)))
