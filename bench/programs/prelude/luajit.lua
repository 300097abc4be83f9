local ffi = require("ffi")
ffi.cdef [[
typedef struct { long seconds; long nanoseconds; } bench_time;
int clock_gettime(int clock, bench_time *time);
]]
local function seconds_now()
  local time = ffi.new("bench_time")
  ffi.C.clock_gettime(ffi.os == "OSX" and 6 or 1, time) -- CLOCK_MONOTONIC
  return tonumber(time.seconds) + tonumber(time.nanoseconds) / 1e9
end
-- Runs the work `repeat_count` times; every run must give the same result.
local function measure(work)
  local start = seconds_now()
  local result = work()
  for _ = 2, repeat_count do
    if work() ~= result then error("the runs of the work disagree") end
  end
  local elapsed = seconds_now() - start
  print(string.format("checksum: %.17g\ntime: %.6f", result, elapsed))
end
