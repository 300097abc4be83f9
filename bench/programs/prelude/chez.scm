(import (except (chezscheme) define-record-type)
        (rename (only (chezscheme) define-record-type) (define-record-type define-r6rs-record-type)))
; SRFI 9 records. A field with a third name can be changed.
(define-syntax define-record-type
  (syntax-rules ()
    ((_ name (constructor argument ...) predicate field ...)
     (define-record-fields name constructor predicate () field ...))))
(define-syntax define-record-fields
  (syntax-rules ()
    ((_ name constructor predicate (done ...))
     (define-r6rs-record-type (name constructor predicate) (sealed #t) (fields done ...)))
    ((_ name constructor predicate (done ...) (field accessor) rest ...)
     (define-record-fields name constructor predicate (done ... (immutable field accessor)) rest ...))
    ((_ name constructor predicate (done ...) (field accessor modifier) rest ...)
     (define-record-fields name constructor predicate (done ... (mutable field accessor modifier)) rest ...))))
; Hash tables by the kind of their keys.
(define (make-integer-table) (make-eqv-hashtable))
(define (make-symbol-table) (make-eq-hashtable))
(define (make-string-table) (make-hashtable string-hash string=?))
(define-syntax define-same
  (syntax-rules ()
    ((_ original name ...)
     (begin (define-syntax name (syntax-rules () ((_ argument (... ...)) (original argument (... ...))))) ...))))
(define-same hashtable-ref integer-table-ref symbol-table-ref string-table-ref)
(define-same hashtable-set! integer-table-set! symbol-table-set! string-table-set!)
(define (seconds-now)
  (let ((t (current-time 'time-monotonic)))
    (+ (time-second t) (/ (time-nanosecond t) 1e9))))
(define-syntax arithmetic-shift (identifier-syntax bitwise-arithmetic-shift))
