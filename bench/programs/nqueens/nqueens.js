function safe(row, distance, placed) {
  for (; placed !== null; placed = placed.rest, distance++) {
    const other = placed.row;
    if (other === row || other === row + distance || other === row - distance) return false;
  }
  return true;
}

function place(size, column, placed) {
  if (column > size) return 1;
  let solutions = 0;
  for (let row = 1; row <= size; row++) {
    if (safe(row, 1, placed)) solutions += place(size, column + 1, { row, rest: placed });
  }
  return solutions;
}

measure(() => place(10, 1, null));
