;;; 20,000 words of a vocabulary of 500.
(defun make-text (n)
  (let ((seed 17))
    (with-output-to-string (text)
      (dotimes (i n)
        (setf seed (rem (+ (* seed 421) 1663) 7875))
        (format text "~:[ ~;~]word~d" (= i 0) (rem (* seed seed) 500))))))

;;; How often each word occurs.
(defun count-words (text)
  (let ((counts (make-hash-table :test 'equal)) (start 0))
    (loop while (< start (length text))
          do (let ((end (or (position #\Space text :start start) (length text))))
               (incf (gethash (subseq text start end) counts 0))
               (setf start (1+ end))))
    counts))

(defun sum-of-squares (counts)
  (loop for count being the hash-values of counts
        sum (* count count)))

(defvar *text* (make-text 20000))
(measure (lambda () (sum-of-squares (count-words *text*))))
