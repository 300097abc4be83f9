// A counter that is called with what is to be added.
function makeCounter(start) {
  return (amount) => {
    start += amount;
    return start;
  };
}

// The first counts by calling the second: each call goes through two closures.
function makeCounted(counter) {
  let calls = 0;
  return {
    count: (amount) => {
      calls++;
      return counter(amount);
    },
    calls: () => calls,
  };
}

function eachNumber(n, f) {
  for (let i = 0; i < n; i++) f(i);
}

function countWith(counters, n) {
  let sum = 0;
  eachNumber(n, (i) => {
    sum += counters[i % 10].count(i) % 1000;
  });
  for (const counter of counters) sum += counter.calls();
  return sum;
}

function makeCounters() {
  const counters = [];
  for (let i = 0; i < 10; i++) counters.push(makeCounted(makeCounter(i)));
  return counters;
}

measure(() => countWith(makeCounters(), 100000));
