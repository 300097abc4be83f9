;;; A counter that is called with what is to be added.
(defun make-counter (start)
  (lambda (amount)
    (incf start amount)))

;;; The first counts by calling the second: each call goes through two closures.
(defun make-counted (counter)
  (let ((calls 0))
    (cons (lambda (amount)
            (incf calls)
            (funcall counter amount))
          (lambda () calls))))

(defun each-number (n function)
  (dotimes (i n) (funcall function i)))

(defun count-with (counters n)
  (let ((sum 0))
    (each-number n
      (lambda (i)
        (let ((counter (svref counters (rem i 10))))
          (incf sum (rem (funcall (car counter) i) 1000)))))
    (dotimes (i 10)
      (incf sum (funcall (cdr (svref counters i)))))
    sum))

(defun make-counters ()
  (let ((counters (make-array 10)))
    (dotimes (i 10 counters)
      (setf (svref counters i) (make-counted (make-counter i))))))

(measure (lambda () (count-with (make-counters) 100000)))
