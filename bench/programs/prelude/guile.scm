(define-module (bench program) #:use-module (srfi srfi-9) #:declarative? #t)
(define (seconds-now) (/ (get-internal-real-time) (* 1.0 internal-time-units-per-second)))
