/** The cycles of a directed graph (a Map from a node to the nodes it points to), each as a path that ends where it starts; at least one for every set of nodes that reach each other. */
export function cycles(graph) {
  const found = [];
  const done = new Set();
  const visit = (node, path) => {
    const start = path.indexOf(node);
    if (start !== -1) found.push([...path.slice(start), node]);
    if (start !== -1 || done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...path, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  return found;
}
