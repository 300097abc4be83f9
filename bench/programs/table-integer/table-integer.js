function makeKeys(n) {
  const keys = [];
  for (let i = 0; i < n; i++) keys.push((i * 7919) % 1000003);
  return keys;
}

// The keys are set, each is looked up five times, and every other one is changed.
function useTable(keys, others) {
  const table = new Map();
  let sum = 0;
  for (let i = 0; i < keys.length; i++) table.set(keys[i], i);
  for (let pass = 0; pass < 5; pass++) {
    for (const key of others) sum += table.get(key);
  }
  for (let i = 0; i < others.length; i += 2) table.set(others[i], table.get(others[i]) + 1);
  for (const key of keys) sum += table.get(key);
  return sum;
}

const keys = makeKeys(10000), others = makeKeys(10000);
measure(() => useTable(keys, others));
