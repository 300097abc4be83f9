;;; A line of numbers with their names, put together part by part.
(defvar *names* (vector "zero" "one" "two" "three" "four" "five" "six" "seven" "eight" "nine"))

(defun build (n)
  (with-output-to-string (text)
    (dotimes (i n)
      (unless (= i 0) (write-string ", " text))
      (write-string (svref *names* (rem i 10)) text)
      (write-char #\= text)
      (princ i text))))

;;; In capitals, character by character.
(defun capitals (text)
  (let ((result (make-string (length text))))
    (dotimes (i (length text) result)
      (let ((c (char-code (char text i))))
        (setf (char result i) (code-char (if (<= 97 c 122) (- c 32) c)))))))

(defun hash (text)
  (let ((sum 0))
    (dotimes (i (length text) sum)
      (setf sum (rem (+ (* sum 31) (char-code (char text i))) 1000003)))))

(measure (lambda () (hash (capitals (build 5000)))))
