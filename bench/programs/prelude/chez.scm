(import (except (chezscheme) define-record-type)
        (rename (only (chezscheme) define-record-type) (define-record-type define-r6rs-record-type)))
; SRFI 9 records without setters, as the programs use them.
(define-syntax define-record-type
  (syntax-rules ()
    ((_ name (constructor argument ...) predicate (field accessor) ...)
     (define-r6rs-record-type (name constructor predicate)
       (sealed #t)
       (fields (immutable field accessor) ...)))))
(define (seconds-now)
  (let ((t (current-time 'time-monotonic)))
    (+ (time-second t) (/ (time-nanosecond t) 1e9))))
