;;; The simulator of an operating system by Martin Richards: an idle task, a worker, two handlers and two devices, which
;;; send each other packets.
(defconstant +idle+ 0)
(defconstant +worker+ 1)
(defconstant +handler-a+ 2)
(defconstant +handler-b+ 3)
(defconstant +device-a+ 4)
(defconstant +device-b+ 5)

(defconstant +kind-device+ 0)
(defconstant +kind-work+ 1)
(defconstant +data-size+ 4)

;;; The state of a task is a sum of these.
(defconstant +running+ 0)
(defconstant +runnable+ 1)
(defconstant +suspended+ 2)
(defconstant +held+ 4)

(defstruct (packet (:constructor make-packet (link id kind)))
  link id kind (datum 0) (data (make-array +data-size+ :initial-element 0)))

(defstruct (control-block (:conc-name block-) (:constructor new-control-block (link id priority queue state task)))
  link id priority queue state task)

(defstruct scheduler
  (queue-count 0) (hold-count 0) (blocks (make-array 6 :initial-element nil)) list current current-id)

(defclass task () ((scheduler :initarg :scheduler :reader task-scheduler)))
(defclass idle-task (task) ((seed :initarg :seed :accessor seed) (count :initarg :count :accessor idle-count)))
(defclass device-task (task) ((pending :initform nil :accessor pending)))
(defclass worker-task (task)
  ((handler :initarg :handler :accessor handler) (character :initform 0 :accessor task-character)))
(defclass handler-task (task) ((work :initform nil :accessor work) (devices :initform nil :accessor devices)))

;;; Each answers the control block to go on with.
(defgeneric run-task (task packet))

;;; The packet behind the others of a queue.
(defun append-packet (packet queue)
  (setf (packet-link packet) nil)
  (if (null queue)
      packet
      (let ((last queue))
        (loop while (packet-link last)
              do (setf last (packet-link last)))
        (setf (packet-link last) packet)
        queue)))

(defun make-task-block (link id priority queue task)
  (new-control-block link id priority queue (if queue (logior +runnable+ +suspended+) +suspended+) task))

(defun held-or-suspended-p (block)
  (or (/= 0 (logand (block-state block) +held+)) (= (block-state block) +suspended+)))

(defun run-block (block)
  (let ((packet nil))
    (when (= (block-state block) (logior +runnable+ +suspended+))
      (setf packet (block-queue block)
            (block-queue block) (packet-link packet)
            (block-state block) (if (block-queue block) +runnable+ +running+)))
    (run-task (block-task block) packet)))

(defun check-priority-add (block other packet)
  (cond ((block-queue block)
         (setf (block-queue block) (append-packet packet (block-queue block)))
         other)
        (t
         (setf (block-queue block) packet
               (block-state block) (logior (block-state block) +runnable+))
         (if (> (block-priority block) (block-priority other)) block other))))

(defun add-task (scheduler id priority queue task)
  (let ((block (make-task-block (scheduler-list scheduler) id priority queue task)))
    (setf (scheduler-current scheduler) block
          (scheduler-list scheduler) block
          (svref (scheduler-blocks scheduler) id) block)))

(defun schedule (scheduler)
  (setf (scheduler-current scheduler) (scheduler-list scheduler))
  (loop for block = (scheduler-current scheduler)
        while block
        do (cond ((held-or-suspended-p block)
                  (setf (scheduler-current scheduler) (block-link block)))
                 (t
                  (setf (scheduler-current-id scheduler) (block-id block)
                        (scheduler-current scheduler) (run-block block))))))

(defun release (scheduler id)
  (let ((block (svref (scheduler-blocks scheduler) id)) (current (scheduler-current scheduler)))
    (setf (block-state block) (logand (block-state block) (lognot +held+)))
    (if (> (block-priority block) (block-priority current)) block current)))

(defun hold-current (scheduler)
  (let ((block (scheduler-current scheduler)))
    (incf (scheduler-hold-count scheduler))
    (setf (block-state block) (logior (block-state block) +held+))
    (block-link block)))

(defun suspend-current (scheduler)
  (let ((block (scheduler-current scheduler)))
    (setf (block-state block) (logior (block-state block) +suspended+))
    block))

(defun queue-packet (scheduler packet)
  (let ((block (svref (scheduler-blocks scheduler) (packet-id packet))))
    (incf (scheduler-queue-count scheduler))
    (setf (packet-link packet) nil
          (packet-id packet) (scheduler-current-id scheduler))
    (check-priority-add block (scheduler-current scheduler) packet)))

(defmethod run-task ((task idle-task) packet)
  (declare (ignore packet))
  (decf (idle-count task))
  (cond ((= (idle-count task) 0) (hold-current (task-scheduler task)))
        ((= 0 (logand (seed task) 1))
         (setf (seed task) (ash (seed task) -1))
         (release (task-scheduler task) +device-a+))
        (t
         (setf (seed task) (logxor (ash (seed task) -1) #xd008))
         (release (task-scheduler task) +device-b+))))

(defmethod run-task ((task device-task) packet)
  (cond (packet
         (setf (pending task) packet)
         (hold-current (task-scheduler task)))
        ((pending task)
         (let ((pending (pending task)))
           (setf (pending task) nil)
           (queue-packet (task-scheduler task) pending)))
        (t (suspend-current (task-scheduler task)))))

(defmethod run-task ((task worker-task) packet)
  (cond ((null packet) (suspend-current (task-scheduler task)))
        (t
         (setf (handler task) (if (= (handler task) +handler-a+) +handler-b+ +handler-a+)
               (packet-id packet) (handler task)
               (packet-datum packet) 0)
         (dotimes (i +data-size+)
           (setf (task-character task) (if (= (task-character task) 26) 1 (1+ (task-character task)))
                 (svref (packet-data packet) i) (task-character task)))
         (queue-packet (task-scheduler task) packet))))

(defmethod run-task ((task handler-task) packet)
  (when packet
    (if (= (packet-kind packet) +kind-work+)
        (setf (work task) (append-packet packet (work task)))
        (setf (devices task) (append-packet packet (devices task)))))
  (let ((work (work task)) (device (devices task)))
    (cond ((null work) (suspend-current (task-scheduler task)))
          ((= (packet-datum work) +data-size+)
           (setf (work task) (packet-link work))
           (queue-packet (task-scheduler task) work))
          (device
           (setf (devices task) (packet-link device)
                 (packet-datum device) (svref (packet-data work) (packet-datum work)))
           (incf (packet-datum work))
           (queue-packet (task-scheduler task) device))
          (t (suspend-current (task-scheduler task))))))

(defun packets (count id kind)
  (let ((queue nil))
    (dotimes (i count queue)
      (setf queue (make-packet queue id kind)))))

(defun richards (count)
  (let ((scheduler (make-scheduler)))
    (flet ((add (id priority queue class &rest arguments)
             (add-task scheduler id priority queue (apply #'make-instance class :scheduler scheduler arguments))))
      (setf (block-state (add +idle+ 0 nil 'idle-task :seed 1 :count count)) +running+)
      (add +worker+ 1000 (packets 2 +worker+ +kind-work+) 'worker-task :handler +handler-a+)
      (add +handler-a+ 2000 (packets 3 +device-a+ +kind-device+) 'handler-task)
      (add +handler-b+ 3000 (packets 3 +device-b+ +kind-device+) 'handler-task)
      (add +device-a+ 4000 nil 'device-task)
      (add +device-b+ 5000 nil 'device-task))
    (schedule scheduler)
    (+ (* (scheduler-queue-count scheduler) 10000) (scheduler-hold-count scheduler))))

(measure (lambda () (richards 1000)))
