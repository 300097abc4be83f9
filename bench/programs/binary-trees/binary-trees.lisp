(defun make-tree (depth)
  (if (= depth 0)
      (cons nil nil)
      (cons (make-tree (- depth 1)) (make-tree (- depth 1)))))

(defun count-nodes (tree)
  (if (car tree)
      (+ 1 (count-nodes (car tree)) (count-nodes (cdr tree)))
      1))

(defun trees (n depth)
  (loop repeat n sum (count-nodes (make-tree depth))))

(measure (lambda () (trees 8 14)))
