(define (derivative e)
  (cond ((not (pair? e)) (if (eq? e 'x) 1 0))
        ((eq? (car e) '+) (cons '+ (map derivative (cdr e))))
        ((eq? (car e) '-) (cons '- (map derivative (cdr e))))
        ((eq? (car e) '*)
         (list '* e (cons '+ (map (lambda (factor) (list '/ (derivative factor) factor)) (cdr e)))))
        (else (error "not an expression" e))))

(define (count-leaves e)
  (let loop ((e e) (leaves 0))
    (cond ((null? e) leaves)
          ((pair? e) (loop (cdr e) (+ leaves (count-leaves (car e)))))
          (else (+ leaves 1)))))

(define (derivatives n)
  (let loop ((i 0) (leaves 0))
    (if (= i n)
        leaves
        (loop (+ i 1) (+ leaves (count-leaves (derivative '(+ (* 3 x x) (* a x x) (* b x) 5))))))))

(measure (lambda () (derivatives 5000)))
