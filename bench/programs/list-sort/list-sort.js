// A list is a chain of pairs that ends in null.
class Pair {
  constructor(car, cdr) {
    this.car = car;
    this.cdr = cdr;
  }
}

function makeNumbers(n) {
  let numbers = null;
  for (let i = 0, seed = 17; i < n; i++) {
    seed = (seed * 16807) % 2147483647;
    numbers = new Pair(seed, numbers);
  }
  return numbers;
}

// Every other element, from the first on. Nested calls would be too deep here, and in merge.
function everyOther(list) {
  const head = new Pair(0, null);
  for (let last = head; list !== null; list = list.cdr === null ? null : list.cdr.cdr) {
    last.cdr = new Pair(list.car, null);
    last = last.cdr;
  }
  return head.cdr;
}

function merge(left, right) {
  const head = new Pair(0, null);
  let last = head;
  while (left !== null && right !== null) {
    if (right.car < left.car) {
      last.cdr = new Pair(right.car, null);
      right = right.cdr;
    } else {
      last.cdr = new Pair(left.car, null);
      left = left.cdr;
    }
    last = last.cdr;
  }
  last.cdr = left === null ? right : left;
  return head.cdr;
}

function mergeSort(list) {
  if (list === null || list.cdr === null) return list;
  return merge(mergeSort(everyOther(list)), mergeSort(everyOther(list.cdr)));
}

function checksum(list) {
  let sum = 0;
  for (let i = 1; list !== null; list = list.cdr, i++) sum = (sum + i * list.car) % 1000003;
  return sum;
}

const numbers = makeNumbers(10000);
measure(() => checksum(mergeSort(numbers)));
