(defun safe-p (row distance placed)
  (cond ((null placed) t)
        ((= (car placed) row) nil)
        ((= (car placed) (+ row distance)) nil)
        ((= (car placed) (- row distance)) nil)
        (t (safe-p row (+ distance 1) (cdr placed)))))

(defun place (size column placed)
  (if (> column size)
      1
      (loop for row from 1 to size
            when (safe-p row 1 placed)
              sum (place size (+ column 1) (cons row placed)))))

(measure (lambda () (place 10 1 '())))
