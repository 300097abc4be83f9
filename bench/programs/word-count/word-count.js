// 20,000 words of a vocabulary of 500.
function makeText(n) {
  const words = [];
  for (let i = 0, seed = 17; i < n; i++) {
    seed = (seed * 421 + 1663) % 7875;
    words.push(`word${(seed * seed) % 500}`);
  }
  return words.join(" ");
}

// How often each word occurs.
function countWords(text) {
  const counts = new Map();
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf(" ", start);
    if (end < 0) end = text.length;
    const word = text.slice(start, end);
    counts.set(word, (counts.get(word) ?? 0) + 1);
    start = end + 1;
  }
  return counts;
}

function sumOfSquares(counts) {
  let sum = 0;
  for (const count of counts.values()) sum += count * count;
  return sum;
}

const text = makeText(20000);
measure(() => sumOfSquares(countWords(text)));
