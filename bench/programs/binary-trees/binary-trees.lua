local function make_tree(depth)
  if depth == 0 then return {} end
  return { make_tree(depth - 1), make_tree(depth - 1) }
end

local function count_nodes(tree)
  if not tree[1] then return 1 end
  return 1 + count_nodes(tree[1]) + count_nodes(tree[2])
end

local function trees(n, depth)
  local nodes = 0
  for _ = 1, n do nodes = nodes + count_nodes(make_tree(depth)) end
  return nodes
end

measure(function() return trees(8, 14) end)
