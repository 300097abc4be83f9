// A line of numbers with their names, put together part by part.
const names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

function build(n) {
  const parts = [];
  for (let i = 0; i < n; i++) parts.push(`${names[i % 10]}=${i}`);
  return parts.join(", ");
}

// In capitals, character by character.
function capitals(text) {
  let result = "";
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    result += String.fromCharCode(97 <= c && c <= 122 ? c - 32 : c);
  }
  return result;
}

function hash(text) {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum = (sum * 31 + text.charCodeAt(i)) % 1000003;
  return sum;
}

measure(() => hash(capitals(build(5000))));
