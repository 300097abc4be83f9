(define (safe? row distance placed)
  (cond ((null? placed) #t)
        ((= (car placed) row) #f)
        ((= (car placed) (+ row distance)) #f)
        ((= (car placed) (- row distance)) #f)
        (else (safe? row (+ distance 1) (cdr placed)))))

(define (place size column placed)
  (if (> column size)
      1
      (let loop ((row 1) (solutions 0))
        (cond ((> row size) solutions)
              ((safe? row 1 placed)
               (loop (+ row 1) (+ solutions (place size (+ column 1) (cons row placed)))))
              (else (loop (+ row 1) solutions))))))

(measure (lambda () (place 10 1 '())))
