"use strict";
// Runs the work `repeatCount` times; every run must give the same result.
function measure(work) {
  const start = performance.now();
  const result = work();
  for (let i = 1; i < repeatCount; i++) {
    if (work() !== result) throw new Error("the runs of the work disagree");
  }
  const elapsed = (performance.now() - start) / 1000;
  console.log(`checksum: ${result}\ntime: ${elapsed}`);
}
