import type { GraphNode } from "./types.ts";

/**
 * Parents before children; of the nodes that may come next, always the one declared first. Nodes already in such an
 * order stay as they are.
 */
export function topologicalOrder(nodes: readonly GraphNode[]): readonly GraphNode[] {
  const indexOf = new Map(nodes.map((node, index) => [node.node_id, index]));
  const children: number[][] = nodes.map(() => []);
  const open = nodes.map(({ depends_on: parents }) => parents.length);
  for (const [index, node] of nodes.entries()) {
    for (const parent of node.depends_on) children[indexOf.get(parent) ?? -1]?.push(index);
  }
  const ready = new SmallestFirst();
  for (const [index, count] of open.entries()) if (count === 0) ready.add(index);
  const ordered: GraphNode[] = [];
  for (let index = ready.take(); index !== undefined; index = ready.take()) {
    ordered.push(nodes[index] as GraphNode);
    for (const child of children[index] ?? []) {
      open[child] = (open[child] ?? 0) - 1;
      if (open[child] === 0) ready.add(child);
    }
  }
  return ordered;
}

/** A binary heap of numbers. */
class SmallestFirst {
  readonly #heap: number[] = [];

  add(value: number): void {
    const heap = this.#heap;
    let at = heap.push(value) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if ((heap[above] as number) <= value) break;
      heap[at] = heap[above] as number;
      at = above;
    }
    heap[at] = value;
  }

  take(): number | undefined {
    const heap = this.#heap;
    const smallest = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return smallest;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && (heap[below + 1] as number) < (heap[below] as number)) below++;
      if ((heap[below] as number) >= last) break;
      heap[at] = heap[below] as number;
      at = below;
    }
    heap[at] = last;
    return smallest;
  }
}
