;;; A matrix is one vector, row after row.
(defun make-matrix (n start step)
  (let ((m (make-array (* n n))) (x start))
    (dotimes (i (* n n) m)
      (setf (svref m i) x)
      (incf x step))))

(defun multiply (a b c n)
  (dotimes (i n)
    (dotimes (j n)
      (let ((sum 0d0))
        (dotimes (k n)
          (incf sum (* (svref a (+ (* i n) k)) (svref b (+ (* k n) j)))))
        (setf (svref c (+ (* i n) j)) sum)))))

(defun trace-of (m n)
  (let ((sum 0d0))
    (dotimes (i n sum)
      (incf sum (svref m (+ (* i n) i))))))

(defvar *a* (make-matrix 100 -1d0 0.0003d0))
(defvar *b* (make-matrix 100 2d0 -0.0001d0))
(defvar *c* (make-matrix 100 0d0 0d0))
(measure (lambda () (multiply *a* *b* *c* 100) (trace-of *c* 100)))
