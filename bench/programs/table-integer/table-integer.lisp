(defun make-keys (n)
  (let ((keys (make-array n)))
    (dotimes (i n keys)
      (setf (svref keys i) (rem (* i 7919) 1000003)))))

;;; The keys are set, each is looked up five times, and every other one is changed.
(defun use-table (keys others)
  (let ((table (make-hash-table :test 'eql)) (n (length keys)) (sum 0))
    (dotimes (i n) (setf (gethash (svref keys i) table) i))
    (dotimes (pass 5)
      (dotimes (i n) (incf sum (gethash (svref others i) table))))
    (loop for i below n by 2
          do (incf (gethash (svref others i) table)))
    (dotimes (i n) (incf sum (gethash (svref keys i) table)))
    sum))

(defvar *keys* (make-keys 10000))
(defvar *others* (make-keys 10000))
(measure (lambda () (use-table *keys* *others*)))
