(define (make-tree depth)
  (if (= depth 0)
      (cons #f #f)
      (cons (make-tree (- depth 1)) (make-tree (- depth 1)))))

(define (count-nodes tree)
  (if (car tree)
      (+ 1 (count-nodes (car tree)) (count-nodes (cdr tree)))
      1))

(define (trees n depth)
  (let loop ((i 0) (nodes 0))
    (if (= i n)
        nodes
        (loop (+ i 1) (+ nodes (count-nodes (make-tree depth)))))))

(measure (lambda () (trees 8 14)))
