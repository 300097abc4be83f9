; Runs the work `repeat-count` times; every run must give the same result.
(define (measure work)
  (let* ((start (seconds-now)) (result (work)))
    (let loop ((i 1))
      (if (< i repeat-count)
          (begin
            (if (not (= result (work))) (error "the runs of the work disagree"))
            (loop (+ i 1)))))
    (let ((elapsed (- (seconds-now) start)))
      (display "checksum: ") (display result) (newline)
      (display "time: ") (display elapsed) (newline))))
