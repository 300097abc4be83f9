#include <string.h>

/* The simulator of an operating system by Martin Richards: an idle task, a worker, two handlers and two devices, which
   send each other packets. */
enum { IDLE, WORKER, HANDLER_A, HANDLER_B, DEVICE_A, DEVICE_B, TASKS };
enum { KIND_DEVICE, KIND_WORK };
enum { DATA_SIZE = 4 };
/* The state of a task is a sum of these. */
enum { RUNNING = 0, RUNNABLE = 1, SUSPENDED = 2, HELD = 4 };

struct packet {
    struct packet *link;
    long id, kind, datum, data[DATA_SIZE];
};

struct scheduler;

/* A task's function answers the control block to go on with. */
struct block {
    struct block *link;
    long id, priority, state;
    struct packet *queue;
    struct block *(*run)(struct scheduler *scheduler, struct block *block, struct packet *packet);
    union {
        struct { long seed, count; } idle;
        struct { struct packet *pending; } device;
        struct { long handler, character; } worker;
        struct { struct packet *work, *devices; } handler;
    } task;
};

struct scheduler {
    long queue_count, hold_count, current_id;
    struct block *blocks[TASKS], *list, *current;
};

/* The packet behind the others of a queue. */
static struct packet *append_packet(struct packet *packet, struct packet *queue) {
    packet->link = NULL;
    if (!queue) return packet;
    struct packet *last = queue;
    while (last->link) last = last->link;
    last->link = packet;
    return queue;
}

static bool held_or_suspended(const struct block *block) {
    return (block->state & HELD) != 0 || block->state == SUSPENDED;
}

static struct block *run_block(struct scheduler *scheduler, struct block *block) {
    struct packet *packet = NULL;
    if (block->state == (RUNNABLE | SUSPENDED)) {
        packet = block->queue;
        block->queue = packet->link;
        block->state = block->queue ? RUNNABLE : RUNNING;
    }
    return block->run(scheduler, block, packet);
}

static struct block *check_priority_add(struct block *block, struct block *other, struct packet *packet) {
    if (block->queue) {
        block->queue = append_packet(packet, block->queue);
        return other;
    }
    block->queue = packet;
    block->state |= RUNNABLE;
    return block->priority > other->priority ? block : other;
}

static struct block *add_task(struct scheduler *scheduler, long id, long priority, struct packet *queue,
                              struct block *(*run)(struct scheduler *, struct block *, struct packet *)) {
    struct block *block = calloc(1, sizeof *block);
    block->link = scheduler->list;
    block->id = id;
    block->priority = priority;
    block->state = queue ? RUNNABLE | SUSPENDED : SUSPENDED;
    block->queue = queue;
    block->run = run;
    scheduler->current = scheduler->list = scheduler->blocks[id] = block;
    return block;
}

static void schedule(struct scheduler *scheduler) {
    scheduler->current = scheduler->list;
    while (scheduler->current) {
        struct block *block = scheduler->current;
        if (held_or_suspended(block)) {
            scheduler->current = block->link;
        } else {
            scheduler->current_id = block->id;
            scheduler->current = run_block(scheduler, block);
        }
    }
}

static struct block *release(struct scheduler *scheduler, long id) {
    struct block *block = scheduler->blocks[id];
    block->state &= ~HELD;
    return block->priority > scheduler->current->priority ? block : scheduler->current;
}

static struct block *hold_current(struct scheduler *scheduler) {
    scheduler->hold_count++;
    scheduler->current->state |= HELD;
    return scheduler->current->link;
}

static struct block *suspend_current(struct scheduler *scheduler) {
    scheduler->current->state |= SUSPENDED;
    return scheduler->current;
}

static struct block *queue_packet(struct scheduler *scheduler, struct packet *packet) {
    struct block *block = scheduler->blocks[packet->id];
    scheduler->queue_count++;
    packet->link = NULL;
    packet->id = scheduler->current_id;
    return check_priority_add(block, scheduler->current, packet);
}

static struct block *run_idle(struct scheduler *scheduler, struct block *self, struct packet *packet) {
    (void)packet;
    if (--self->task.idle.count == 0) return hold_current(scheduler);
    if ((self->task.idle.seed & 1) == 0) {
        self->task.idle.seed >>= 1;
        return release(scheduler, DEVICE_A);
    }
    self->task.idle.seed = (self->task.idle.seed >> 1) ^ 0xd008;
    return release(scheduler, DEVICE_B);
}

static struct block *run_device(struct scheduler *scheduler, struct block *self, struct packet *packet) {
    if (packet) {
        self->task.device.pending = packet;
        return hold_current(scheduler);
    }
    struct packet *pending = self->task.device.pending;
    if (!pending) return suspend_current(scheduler);
    self->task.device.pending = NULL;
    return queue_packet(scheduler, pending);
}

static struct block *run_worker(struct scheduler *scheduler, struct block *self, struct packet *packet) {
    if (!packet) return suspend_current(scheduler);
    self->task.worker.handler = self->task.worker.handler == HANDLER_A ? HANDLER_B : HANDLER_A;
    packet->id = self->task.worker.handler;
    packet->datum = 0;
    for (long i = 0; i < DATA_SIZE; i++) {
        self->task.worker.character = self->task.worker.character == 26 ? 1 : self->task.worker.character + 1;
        packet->data[i] = self->task.worker.character;
    }
    return queue_packet(scheduler, packet);
}

static struct block *run_handler(struct scheduler *scheduler, struct block *self, struct packet *packet) {
    if (packet && packet->kind == KIND_WORK) {
        self->task.handler.work = append_packet(packet, self->task.handler.work);
    } else if (packet) {
        self->task.handler.devices = append_packet(packet, self->task.handler.devices);
    }
    struct packet *work = self->task.handler.work, *device = self->task.handler.devices;
    if (!work) return suspend_current(scheduler);
    if (work->datum == DATA_SIZE) {
        self->task.handler.work = work->link;
        return queue_packet(scheduler, work);
    }
    if (!device) return suspend_current(scheduler);
    self->task.handler.devices = device->link;
    device->datum = work->data[work->datum++];
    return queue_packet(scheduler, device);
}

static struct packet *packets(long count, long id, long kind) {
    struct packet *queue = NULL;
    for (long i = 0; i < count; i++) {
        struct packet *packet = calloc(1, sizeof *packet);
        *packet = (struct packet){.link = queue, .id = id, .kind = kind};
        queue = packet;
    }
    return queue;
}

/* What it allocates is little, and left to the end of the process. */
static long work(void) {
    struct scheduler scheduler;
    memset(&scheduler, 0, sizeof scheduler);
    struct block *idle = add_task(&scheduler, IDLE, 0, NULL, run_idle);
    idle->task.idle.seed = 1;
    idle->task.idle.count = 1000;
    idle->state = RUNNING;
    struct block *worker = add_task(&scheduler, WORKER, 1000, packets(2, WORKER, KIND_WORK), run_worker);
    worker->task.worker.handler = HANDLER_A;
    add_task(&scheduler, HANDLER_A, 2000, packets(3, DEVICE_A, KIND_DEVICE), run_handler);
    add_task(&scheduler, HANDLER_B, 3000, packets(3, DEVICE_B, KIND_DEVICE), run_handler);
    add_task(&scheduler, DEVICE_A, 4000, NULL, run_device);
    add_task(&scheduler, DEVICE_B, 5000, NULL, run_device);
    schedule(&scheduler);
    return scheduler.queue_count * 10000 + scheduler.hold_count;
}

MEASURE_INTEGER(work)
