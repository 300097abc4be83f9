(define (turns cr ci)
  (let loop ((zr 0.0) (zi 0.0) (i 0))
    (let ((rr (* zr zr)) (ii (* zi zi)))
      (if (or (= i 100) (> (+ rr ii) 4.0))
          i
          (loop (+ (- rr ii) cr) (+ (* 2.0 (* zr zi)) ci) (+ i 1))))))

(define (mandelbrot size)
  (let ((step (/ 3.0 size)))
    (let rows ((y 0) (ci -1.5) (total 0))
      (if (= y size)
          total
          (let columns ((x 0) (cr -2.0) (total total))
            (if (= x size)
                (rows (+ y 1) (+ ci step) total)
                (columns (+ x 1) (+ cr step) (+ total (turns cr ci)))))))))

(measure (lambda () (mandelbrot 160)))
