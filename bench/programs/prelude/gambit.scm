(declare (standard-bindings) (extended-bindings) (block))
(define (seconds-now) (time->seconds (current-time)))
