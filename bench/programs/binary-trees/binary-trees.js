function makeTree(depth) {
  return depth === 0 ? { left: null, right: null } : { left: makeTree(depth - 1), right: makeTree(depth - 1) };
}

function countNodes(tree) {
  return tree.left === null ? 1 : 1 + countNodes(tree.left) + countNodes(tree.right);
}

function trees(n, depth) {
  let nodes = 0;
  for (let i = 0; i < n; i++) nodes += countNodes(makeTree(depth));
  return nodes;
}

measure(() => trees(8, 14));
