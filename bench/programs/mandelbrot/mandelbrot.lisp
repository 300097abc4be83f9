(defun turns (cr ci)
  (let ((zr 0d0) (zi 0d0) (i 0))
    (loop
      (let ((rr (* zr zr)) (ii (* zi zi)))
        (when (or (= i 100) (> (+ rr ii) 4d0))
          (return i))
        (setf zi (+ (* 2d0 (* zr zi)) ci)
              zr (+ (- rr ii) cr))
        (incf i)))))

(defun mandelbrot (size)
  (let ((step (/ 3d0 size)) (ci -1.5d0) (total 0))
    (loop repeat size
          do (let ((cr -2d0))
               (loop repeat size
                     do (incf total (turns cr ci))
                        (incf cr step)))
             (incf ci step))
    total))

(measure (lambda () (mandelbrot 160)))
