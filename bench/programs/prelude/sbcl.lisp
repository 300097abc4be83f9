(declaim (optimize (speed 2) (safety 1)))

(defun seconds-now ()
  (multiple-value-bind (seconds microseconds) (sb-ext:get-time-of-day)
    (+ seconds (/ microseconds 1d6))))

;;; Runs the work `*repeat-count*` times; every run must give the same result.
(defun measure (work)
  (let* ((start (seconds-now))
         (result (funcall work)))
    (loop repeat (1- *repeat-count*)
          unless (= result (funcall work))
            do (error "the runs of the work disagree"))
    (let ((elapsed (- (seconds-now) start))
          (*read-default-float-format* 'double-float))
      (format t "checksum: ~a~%time: ~,6f~%" result elapsed))))
