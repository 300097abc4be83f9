-- The simulator of an operating system by Martin Richards: an idle task, a worker, two handlers and two devices, which
-- send each other packets.
local bit = require("bit")
local band, bor, bxor, bnot, rshift = bit.band, bit.bor, bit.bxor, bit.bnot, bit.rshift

local IDLE, WORKER, HANDLER_A, HANDLER_B, DEVICE_A, DEVICE_B = 0, 1, 2, 3, 4, 5
local KIND_DEVICE, KIND_WORK, DATA_SIZE = 0, 1, 4
-- The state of a task is a sum of these.
local RUNNING, RUNNABLE, SUSPENDED, HELD = 0, 1, 2, 4

local function class(methods)
  methods.__index = methods
  return methods
end

local function make_packet(link, id, kind)
  return { link = link, id = id, kind = kind, datum = 0, data = { 0, 0, 0, 0 } }
end

-- The packet behind the others of a queue.
local function append_packet(packet, queue)
  packet.link = nil
  if not queue then return packet end
  local last = queue
  while last.link do last = last.link end
  last.link = packet
  return queue
end

local ControlBlock = class {}

function ControlBlock.new(link, id, priority, queue, task)
  local state = queue and bor(RUNNABLE, SUSPENDED) or SUSPENDED
  local block = { link = link, id = id, priority = priority, queue = queue, state = state, task = task }
  return setmetatable(block, ControlBlock)
end

function ControlBlock:is_held_or_suspended() return band(self.state, HELD) ~= 0 or self.state == SUSPENDED end

function ControlBlock:run()
  local packet = nil
  if self.state == bor(RUNNABLE, SUSPENDED) then
    packet = self.queue
    self.queue = packet.link
    self.state = self.queue and RUNNABLE or RUNNING
  end
  return self.task:run(packet)
end

function ControlBlock:check_priority_add(other, packet)
  if self.queue then
    self.queue = append_packet(packet, self.queue)
    return other
  end
  self.queue = packet
  self.state = bor(self.state, RUNNABLE)
  return self.priority > other.priority and self or other
end

local Scheduler = class {}

function Scheduler.new() return setmetatable({ queue_count = 0, hold_count = 0, blocks = {} }, Scheduler) end

function Scheduler:add_task(id, priority, queue, task)
  local block = ControlBlock.new(self.list, id, priority, queue, task)
  self.current = block
  self.list = block
  self.blocks[id] = block
  return block
end

function Scheduler:schedule()
  self.current = self.list
  while self.current do
    local block = self.current
    if block:is_held_or_suspended() then
      self.current = block.link
    else
      self.current_id = block.id
      self.current = block:run()
    end
  end
end

function Scheduler:release(id)
  local block = self.blocks[id]
  block.state = band(block.state, bnot(HELD))
  return block.priority > self.current.priority and block or self.current
end

function Scheduler:hold_current()
  self.hold_count = self.hold_count + 1
  self.current.state = bor(self.current.state, HELD)
  return self.current.link
end

function Scheduler:suspend_current()
  self.current.state = bor(self.current.state, SUSPENDED)
  return self.current
end

function Scheduler:queue_packet(packet)
  local block = self.blocks[packet.id]
  self.queue_count = self.queue_count + 1
  packet.link = nil
  packet.id = self.current_id
  return block:check_priority_add(self.current, packet)
end

-- Each task's run answers the control block to go on with.
local IdleTask = class {}

function IdleTask:run()
  self.count = self.count - 1
  if self.count == 0 then return self.scheduler:hold_current() end
  if band(self.seed, 1) == 0 then
    self.seed = rshift(self.seed, 1)
    return self.scheduler:release(DEVICE_A)
  end
  self.seed = bxor(rshift(self.seed, 1), 0xd008)
  return self.scheduler:release(DEVICE_B)
end

local DeviceTask = class {}

function DeviceTask:run(packet)
  if packet then
    self.pending = packet
    return self.scheduler:hold_current()
  end
  local pending = self.pending
  if not pending then return self.scheduler:suspend_current() end
  self.pending = nil
  return self.scheduler:queue_packet(pending)
end

local WorkerTask = class {}

function WorkerTask:run(packet)
  if not packet then return self.scheduler:suspend_current() end
  self.handler = self.handler == HANDLER_A and HANDLER_B or HANDLER_A
  packet.id = self.handler
  packet.datum = 0
  for i = 1, DATA_SIZE do
    self.character = self.character == 26 and 1 or self.character + 1
    packet.data[i] = self.character
  end
  return self.scheduler:queue_packet(packet)
end

local HandlerTask = class {}

function HandlerTask:run(packet)
  if packet then
    if packet.kind == KIND_WORK then
      self.work = append_packet(packet, self.work)
    else
      self.devices = append_packet(packet, self.devices)
    end
  end
  local work, device = self.work, self.devices
  if not work then return self.scheduler:suspend_current() end
  if work.datum == DATA_SIZE then
    self.work = work.link
    return self.scheduler:queue_packet(work)
  end
  if not device then return self.scheduler:suspend_current() end
  self.devices = device.link
  device.datum = work.data[work.datum + 1]
  work.datum = work.datum + 1
  return self.scheduler:queue_packet(device)
end

local function packets(count, id, kind)
  local queue = nil
  for _ = 1, count do queue = make_packet(queue, id, kind) end
  return queue
end

local function richards(count)
  local scheduler = Scheduler.new()
  local function add(id, priority, queue, task, task_class)
    task.scheduler = scheduler
    return scheduler:add_task(id, priority, queue, setmetatable(task, task_class))
  end
  add(IDLE, 0, nil, { seed = 1, count = count }, IdleTask).state = RUNNING
  add(WORKER, 1000, packets(2, WORKER, KIND_WORK), { handler = HANDLER_A, character = 0 }, WorkerTask)
  add(HANDLER_A, 2000, packets(3, DEVICE_A, KIND_DEVICE), {}, HandlerTask)
  add(HANDLER_B, 3000, packets(3, DEVICE_B, KIND_DEVICE), {}, HandlerTask)
  add(DEVICE_A, 4000, nil, {}, DeviceTask)
  add(DEVICE_B, 5000, nil, {}, DeviceTask)
  scheduler:schedule()
  return scheduler.queue_count * 10000 + scheduler.hold_count
end

measure(function() return richards(1000) end)
