// The simulator of an operating system by Martin Richards: an idle task, a worker, two handlers and two devices, which
// send each other packets.
const IDLE = 0, WORKER = 1, HANDLER_A = 2, HANDLER_B = 3, DEVICE_A = 4, DEVICE_B = 5;
const KIND_DEVICE = 0, KIND_WORK = 1, DATA_SIZE = 4;
// The state of a task is a sum of these.
const RUNNING = 0, RUNNABLE = 1, SUSPENDED = 2, HELD = 4;

class Packet {
  constructor(link, id, kind) {
    this.link = link;
    this.id = id;
    this.kind = kind;
    this.datum = 0;
    this.data = new Array(DATA_SIZE).fill(0);
  }

  // The packet behind the others of a queue.
  appendTo(queue) {
    this.link = null;
    if (queue === null) return this;
    let last = queue;
    while (last.link !== null) last = last.link;
    last.link = this;
    return queue;
  }
}

class ControlBlock {
  constructor(link, id, priority, queue, task) {
    this.link = link;
    this.id = id;
    this.priority = priority;
    this.queue = queue;
    this.state = queue === null ? SUSPENDED : RUNNABLE | SUSPENDED;
    this.task = task;
  }

  isHeldOrSuspended() {
    return (this.state & HELD) !== 0 || this.state === SUSPENDED;
  }

  run() {
    let packet = null;
    if (this.state === (RUNNABLE | SUSPENDED)) {
      packet = this.queue;
      this.queue = packet.link;
      this.state = this.queue === null ? RUNNING : RUNNABLE;
    }
    return this.task.run(packet);
  }

  checkPriorityAdd(other, packet) {
    if (this.queue !== null) {
      this.queue = packet.appendTo(this.queue);
      return other;
    }
    this.queue = packet;
    this.state |= RUNNABLE;
    return this.priority > other.priority ? this : other;
  }
}

class Scheduler {
  constructor() {
    this.queueCount = 0;
    this.holdCount = 0;
    this.blocks = new Array(6).fill(null);
    this.list = null;
    this.current = null;
    this.currentId = null;
  }

  addTask(id, priority, queue, task) {
    const block = new ControlBlock(this.list, id, priority, queue, task);
    this.current = block;
    this.list = block;
    this.blocks[id] = block;
    return block;
  }

  schedule() {
    this.current = this.list;
    while (this.current !== null) {
      const block = this.current;
      if (block.isHeldOrSuspended()) {
        this.current = block.link;
      } else {
        this.currentId = block.id;
        this.current = block.run();
      }
    }
  }

  release(id) {
    const block = this.blocks[id];
    block.state &= ~HELD;
    return block.priority > this.current.priority ? block : this.current;
  }

  holdCurrent() {
    this.holdCount++;
    this.current.state |= HELD;
    return this.current.link;
  }

  suspendCurrent() {
    this.current.state |= SUSPENDED;
    return this.current;
  }

  queuePacket(packet) {
    const block = this.blocks[packet.id];
    this.queueCount++;
    packet.link = null;
    packet.id = this.currentId;
    return block.checkPriorityAdd(this.current, packet);
  }
}

// Each task's run answers the control block to go on with.
class IdleTask {
  constructor(scheduler, seed, count) {
    this.scheduler = scheduler;
    this.seed = seed;
    this.count = count;
  }

  run(packet) {
    this.count--;
    if (this.count === 0) return this.scheduler.holdCurrent();
    if ((this.seed & 1) === 0) {
      this.seed >>= 1;
      return this.scheduler.release(DEVICE_A);
    }
    this.seed = (this.seed >> 1) ^ 0xd008;
    return this.scheduler.release(DEVICE_B);
  }
}

class DeviceTask {
  constructor(scheduler) {
    this.scheduler = scheduler;
    this.pending = null;
  }

  run(packet) {
    if (packet !== null) {
      this.pending = packet;
      return this.scheduler.holdCurrent();
    }
    if (this.pending === null) return this.scheduler.suspendCurrent();
    const pending = this.pending;
    this.pending = null;
    return this.scheduler.queuePacket(pending);
  }
}

class WorkerTask {
  constructor(scheduler, handler, character) {
    this.scheduler = scheduler;
    this.handler = handler;
    this.character = character;
  }

  run(packet) {
    if (packet === null) return this.scheduler.suspendCurrent();
    this.handler = this.handler === HANDLER_A ? HANDLER_B : HANDLER_A;
    packet.id = this.handler;
    packet.datum = 0;
    for (let i = 0; i < DATA_SIZE; i++) {
      this.character = this.character === 26 ? 1 : this.character + 1;
      packet.data[i] = this.character;
    }
    return this.scheduler.queuePacket(packet);
  }
}

class HandlerTask {
  constructor(scheduler) {
    this.scheduler = scheduler;
    this.work = null;
    this.devices = null;
  }

  run(packet) {
    if (packet !== null) {
      if (packet.kind === KIND_WORK) this.work = packet.appendTo(this.work);
      else this.devices = packet.appendTo(this.devices);
    }
    const work = this.work, device = this.devices;
    if (work === null) return this.scheduler.suspendCurrent();
    if (work.datum === DATA_SIZE) {
      this.work = work.link;
      return this.scheduler.queuePacket(work);
    }
    if (device === null) return this.scheduler.suspendCurrent();
    this.devices = device.link;
    device.datum = work.data[work.datum];
    work.datum++;
    return this.scheduler.queuePacket(device);
  }
}

function packets(count, id, kind) {
  let queue = null;
  for (let i = 0; i < count; i++) queue = new Packet(queue, id, kind);
  return queue;
}

function richards(count) {
  const scheduler = new Scheduler();
  scheduler.addTask(IDLE, 0, null, new IdleTask(scheduler, 1, count)).state = RUNNING;
  scheduler.addTask(WORKER, 1000, packets(2, WORKER, KIND_WORK), new WorkerTask(scheduler, HANDLER_A, 0));
  scheduler.addTask(HANDLER_A, 2000, packets(3, DEVICE_A, KIND_DEVICE), new HandlerTask(scheduler));
  scheduler.addTask(HANDLER_B, 3000, packets(3, DEVICE_B, KIND_DEVICE), new HandlerTask(scheduler));
  scheduler.addTask(DEVICE_A, 4000, null, new DeviceTask(scheduler));
  scheduler.addTask(DEVICE_B, 5000, null, new DeviceTask(scheduler));
  scheduler.schedule();
  return scheduler.queueCount * 10000 + scheduler.holdCount;
}

measure(() => richards(1000));
