(defun make-numbers (n)
  (let ((numbers nil) (seed 17))
    (dotimes (i n numbers)
      (setf seed (rem (* seed 16807) 2147483647))
      (push seed numbers))))

;;; Every other element, from the first on.
(defun every-other (list)
  (if list (cons (car list) (every-other (cddr list))) nil))

(defun merge-lists (left right)
  (cond ((null left) right)
        ((null right) left)
        ((< (car right) (car left)) (cons (car right) (merge-lists left (cdr right))))
        (t (cons (car left) (merge-lists (cdr left) right)))))

(defun merge-sort (list)
  (if (or (null list) (null (cdr list)))
      list
      (merge-lists (merge-sort (every-other list)) (merge-sort (every-other (cdr list))))))

(defun checksum (list)
  (let ((sum 0))
    (loop for element in list
          for i from 1
          do (setf sum (rem (+ sum (* i element)) 1000003)))
    sum))

(defvar *numbers* (make-numbers 10000))
(measure (lambda () (checksum (merge-sort *numbers*))))
