; The simulator of an operating system by Martin Richards: an idle task, a worker, two handlers and two devices, which
; send each other packets. A task is a procedure that takes a packet and answers the control block to go on with.
(define idle 0)
(define worker 1)
(define handler-a 2)
(define handler-b 3)
(define device-a 4)
(define device-b 5)

(define kind-device 0)
(define kind-work 1)
(define data-size 4)

; The state of a task is a sum of these.
(define running 0)
(define runnable 1)
(define suspended 2)
(define held 4)

(define-record-type packet
  (new-packet link id kind datum data)
  packet?
  (link packet-link set-packet-link!)
  (id packet-id set-packet-id!)
  (kind packet-kind)
  (datum packet-datum set-packet-datum!)
  (data packet-data))

(define-record-type control-block
  (new-block link id priority queue state task)
  block?
  (link block-link)
  (id block-id)
  (priority block-priority)
  (queue block-queue set-block-queue!)
  (state block-state set-block-state!)
  (task block-task))

(define-record-type scheduler
  (new-scheduler queue-count hold-count blocks list current current-id)
  scheduler?
  (queue-count queue-count set-queue-count!)
  (hold-count hold-count set-hold-count!)
  (blocks scheduler-blocks)
  (list scheduler-list set-scheduler-list!)
  (current scheduler-current set-scheduler-current!)
  (current-id current-id set-current-id!))

(define (make-packet link id kind)
  (new-packet link id kind 0 (make-vector data-size 0)))

; The packet behind the others of a queue.
(define (append-packet! packet queue)
  (set-packet-link! packet #f)
  (if (not queue)
      packet
      (let loop ((last queue))
        (if (packet-link last)
            (loop (packet-link last))
            (begin
              (set-packet-link! last packet)
              queue)))))

(define (held-or-suspended? block)
  (or (not (= 0 (bitwise-and (block-state block) held))) (= (block-state block) suspended)))

(define (run-block block)
  (if (= (block-state block) (bitwise-ior runnable suspended))
      (let ((packet (block-queue block)))
        (set-block-queue! block (packet-link packet))
        (set-block-state! block (if (block-queue block) runnable running))
        ((block-task block) packet))
      ((block-task block) #f)))

(define (check-priority-add block other packet)
  (if (block-queue block)
      (begin
        (set-block-queue! block (append-packet! packet (block-queue block)))
        other)
      (begin
        (set-block-queue! block packet)
        (set-block-state! block (bitwise-ior (block-state block) runnable))
        (if (> (block-priority block) (block-priority other)) block other))))

(define (add-task! scheduler id priority queue task)
  (let* ((state (if queue (bitwise-ior runnable suspended) suspended))
         (block (new-block (scheduler-list scheduler) id priority queue state task)))
    (set-scheduler-current! scheduler block)
    (set-scheduler-list! scheduler block)
    (vector-set! (scheduler-blocks scheduler) id block)
    block))

(define (schedule scheduler)
  (let loop ((block (scheduler-list scheduler)))
    (if block
        (begin
          (set-scheduler-current! scheduler block)
          (if (held-or-suspended? block)
              (loop (block-link block))
              (begin
                (set-current-id! scheduler (block-id block))
                (loop (run-block block))))))))

(define (release scheduler id)
  (let ((block (vector-ref (scheduler-blocks scheduler) id)) (current (scheduler-current scheduler)))
    (set-block-state! block (bitwise-and (block-state block) (bitwise-not held)))
    (if (> (block-priority block) (block-priority current)) block current)))

(define (hold-current scheduler)
  (let ((block (scheduler-current scheduler)))
    (set-hold-count! scheduler (+ (hold-count scheduler) 1))
    (set-block-state! block (bitwise-ior (block-state block) held))
    (block-link block)))

(define (suspend-current scheduler)
  (let ((block (scheduler-current scheduler)))
    (set-block-state! block (bitwise-ior (block-state block) suspended))
    block))

(define (queue-packet scheduler packet)
  (let ((block (vector-ref (scheduler-blocks scheduler) (packet-id packet))))
    (set-queue-count! scheduler (+ (queue-count scheduler) 1))
    (set-packet-link! packet #f)
    (set-packet-id! packet (current-id scheduler))
    (check-priority-add block (scheduler-current scheduler) packet)))

(define (idle-task scheduler seed count)
  (lambda (packet)
    (set! count (- count 1))
    (cond ((= count 0) (hold-current scheduler))
          ((= 0 (bitwise-and seed 1))
           (set! seed (arithmetic-shift seed -1))
           (release scheduler device-a))
          (else
           (set! seed (bitwise-xor (arithmetic-shift seed -1) #xd008))
           (release scheduler device-b)))))

(define (device-task scheduler)
  (let ((pending #f))
    (lambda (packet)
      (cond (packet
             (set! pending packet)
             (hold-current scheduler))
            (pending
             (let ((packet pending))
               (set! pending #f)
               (queue-packet scheduler packet)))
            (else (suspend-current scheduler))))))

(define (worker-task scheduler handler character)
  (lambda (packet)
    (if (not packet)
        (suspend-current scheduler)
        (begin
          (set! handler (if (= handler handler-a) handler-b handler-a))
          (set-packet-id! packet handler)
          (set-packet-datum! packet 0)
          (do ((i 0 (+ i 1))) ((= i data-size))
            (set! character (if (= character 26) 1 (+ character 1)))
            (vector-set! (packet-data packet) i character))
          (queue-packet scheduler packet)))))

(define (handler-task scheduler)
  (let ((work #f) (devices #f))
    (lambda (packet)
      (if packet
          (if (= (packet-kind packet) kind-work)
              (set! work (append-packet! packet work))
              (set! devices (append-packet! packet devices))))
      (cond ((not work) (suspend-current scheduler))
            ((= (packet-datum work) data-size)
             (let ((packet work))
               (set! work (packet-link packet))
               (queue-packet scheduler packet)))
            (devices
             (let ((packet devices))
               (set! devices (packet-link packet))
               (set-packet-datum! packet (vector-ref (packet-data work) (packet-datum work)))
               (set-packet-datum! work (+ (packet-datum work) 1))
               (queue-packet scheduler packet)))
            (else (suspend-current scheduler))))))

(define (packets count id kind)
  (let loop ((i 0) (queue #f))
    (if (= i count) queue (loop (+ i 1) (make-packet queue id kind)))))

(define (richards count)
  (let ((scheduler (new-scheduler 0 0 (make-vector 6 #f) #f #f #f)))
    (set-block-state! (add-task! scheduler idle 0 #f (idle-task scheduler 1 count)) running)
    (add-task! scheduler worker 1000 (packets 2 worker kind-work) (worker-task scheduler handler-a 0))
    (add-task! scheduler handler-a 2000 (packets 3 device-a kind-device) (handler-task scheduler))
    (add-task! scheduler handler-b 3000 (packets 3 device-b kind-device) (handler-task scheduler))
    (add-task! scheduler device-a 4000 #f (device-task scheduler))
    (add-task! scheduler device-b 5000 #f (device-task scheduler))
    (schedule scheduler)
    (+ (* (queue-count scheduler) 10000) (hold-count scheduler))))

(measure (lambda () (richards 1000)))
