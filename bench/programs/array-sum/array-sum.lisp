(defun make-numbers (n)
  (let ((numbers (make-array n)))
    (dotimes (i n numbers)
      (setf (svref numbers i) (rem (* i i) 1009)))))

(defun array-sum (numbers)
  (let ((sum 0))
    (dotimes (i (length numbers) sum)
      (incf sum (svref numbers i)))))

(defun sums (numbers passes)
  (loop repeat passes sum (array-sum numbers)))

(defvar *numbers* (make-numbers 100000))
(measure (lambda () (sums *numbers* 20)))
