(defstruct (body (:constructor new-body (x y z vx vy vz mass)))
  x y z vx vy vz mass)

(defconstant +solar-mass+ 39.47841760435743d0)
(defconstant +days-per-year+ 365.24d0)

(defun make-body (x y z vx vy vz mass)
  (new-body x y z (* vx +days-per-year+) (* vy +days-per-year+) (* vz +days-per-year+) (* mass +solar-mass+)))

;;; The sun first, and the planets outwards.
(defun make-bodies ()
  (vector
        (make-body 0.0d0 0.0d0 0.0d0 0.0d0 0.0d0 0.0d0 1.0d0)
        (make-body 4.841431442464721d0 -1.1603200440274284d0 -0.10362204447112311d0 0.001660076642744037d0 0.007699011184197404d0 -6.90460016972063d-05 0.0009547919384243266d0)
        (make-body 8.34336671824458d0 4.124798564124305d0 -0.4035234171143214d0 -0.00276742510726411d0 0.004998528012349172d0 2.3041729757376393d-05 0.0002858859806661308d0)
        (make-body 12.894369562139131d0 -15.111151401698631d0 -0.22330757889265573d0 0.002964601375647616d0 0.0023784717395948095d0 -2.9658956854023756d-05 4.366244043351563d-05)
        (make-body 15.379697114850917d0 -25.919314609987964d0 0.17925877295037118d0 0.0026806777249038932d0 0.001628241700382423d0 -9.515922545197159d-05 5.1513890204661145d-05)))

;;; The sun gets the speed that brings all to rest together.
(defun offset-momentum (bodies)
  (let ((px 0d0) (py 0d0) (pz 0d0) (sun (svref bodies 0)))
    (loop for body across bodies
          do (incf px (* (body-vx body) (body-mass body)))
             (incf py (* (body-vy body) (body-mass body)))
             (incf pz (* (body-vz body) (body-mass body))))
    (setf (body-vx sun) (- 0d0 (/ px +solar-mass+))
          (body-vy sun) (- 0d0 (/ py +solar-mass+))
          (body-vz sun) (- 0d0 (/ pz +solar-mass+)))))

;;; Two bodies attract each other for a time.
(defun attract (a b dt)
  (let* ((dx (- (body-x a) (body-x b))) (dy (- (body-y a) (body-y b))) (dz (- (body-z a) (body-z b)))
         (square (+ (* dx dx) (* dy dy) (* dz dz)))
         (magnitude (/ dt (* square (sqrt square))))
         (ma (* (body-mass a) magnitude)) (mb (* (body-mass b) magnitude)))
    (decf (body-vx a) (* dx mb))
    (decf (body-vy a) (* dy mb))
    (decf (body-vz a) (* dz mb))
    (incf (body-vx b) (* dx ma))
    (incf (body-vy b) (* dy ma))
    (incf (body-vz b) (* dz ma))))

(defun move (body dt)
  (incf (body-x body) (* dt (body-vx body)))
  (incf (body-y body) (* dt (body-vy body)))
  (incf (body-z body) (* dt (body-vz body))))

(defun advance (bodies dt)
  (let ((n (length bodies)))
    (dotimes (i n)
      (loop for j from (1+ i) below n
            do (attract (svref bodies i) (svref bodies j) dt)))
    (dotimes (i n)
      (move (svref bodies i) dt))))

(defun kinetic-energy (body)
  (* 0.5d0 (body-mass body)
     (+ (* (body-vx body) (body-vx body)) (* (body-vy body) (body-vy body)) (* (body-vz body) (body-vz body)))))

(defun potential-energy (a b)
  (let ((dx (- (body-x a) (body-x b))) (dy (- (body-y a) (body-y b))) (dz (- (body-z a) (body-z b))))
    (/ (* (body-mass a) (body-mass b)) (sqrt (+ (* dx dx) (* dy dy) (* dz dz))))))

(defun energy (bodies)
  (let ((sum 0d0) (n (length bodies)))
    (dotimes (i n sum)
      (incf sum (kinetic-energy (svref bodies i)))
      (loop for j from (1+ i) below n
            do (decf sum (potential-energy (svref bodies i) (svref bodies j)))))))

(defun simulate (steps)
  (let ((bodies (make-bodies)))
    (offset-momentum bodies)
    (dotimes (i steps) (advance bodies 0.01d0))
    (energy bodies)))

(measure (lambda () (simulate 5000)))
