/** For each node, by index, the indexes of its parents. */
export type Parents = readonly (readonly number[])[];

/**
 * Strongly connected components, parents first; without cycles each has one node. Tarjan's algorithm with an explicit
 * stack, because a chain of 10,000 nodes would overflow the call stack.
 */
export function components(parents: Parents): readonly (readonly number[])[] {
  const count = parents.length;
  const order = new Int32Array(count).fill(-1);
  const low = new Int32Array(count);
  const next = new Int32Array(count);
  const open = new Uint8Array(count);
  const waiting: number[] = [];
  const found: number[][] = [];
  let visited = 0;
  const path: number[] = [];
  const enter = (node: number) => {
    order[node] = visited;
    low[node] = visited++;
    open[node] = 1;
    waiting.push(node);
    path.push(node);
  };
  for (let root = 0; root < count; root++) {
    if (order[root] !== -1) continue;
    enter(root);
    for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
      const parent = parents[node]?.[next[node] ?? 0];
      if (parent !== undefined) {
        next[node] = (next[node] ?? 0) + 1;
        if (order[parent] === -1) enter(parent);
        else if (open[parent] === 1) low[node] = Math.min(low[node] ?? 0, order[parent] ?? 0);
        continue;
      }
      path.pop();
      const child = path.at(-1);
      if (child !== undefined) low[child] = Math.min(low[child] ?? 0, low[node] ?? 0);
      if (low[node] === order[node]) {
        const group = waiting.splice(waiting.lastIndexOf(node));
        for (const member of group) open[member] = 0;
        found.push(group.sort((a, b) => a - b));
      }
    }
  }
  return found;
}

/**
 * The shortest cycle along edges through the first node of a group, with both ends: `[0, 2, 1, 0]` for
 * 0 -> 2 -> 1 -> 0.
 */
export function cycleIn(group: readonly number[], parents: Parents): readonly number[] {
  const first = group[0] as number;
  const members = new Set(group);
  const childOf = new Map<number, number>();
  const queue = [first];
  for (const node of queue) {
    for (const parent of parents[node] ?? []) {
      if (!members.has(parent)) continue;
      if (parent === first) {
        const cycle = [first];
        for (let at = node; at !== first; at = childOf.get(at) as number) cycle.push(at);
        return [...cycle, first];
      }
      if (!childOf.has(parent)) {
        childOf.set(parent, node);
        queue.push(parent);
      }
    }
  }
  return [first];
}

/** Whether `ancestor` is upstream of `descendant`. */
export interface AncestorQuestion {
  readonly descendant: number;
  readonly ancestor: number;
}

/**
 * Answers many questions at once: 32 ancestors share one pass over the graph, one bit each, so that 10,000 questions
 * about 10,000 nodes cost about 300 passes instead of 10,000 walks.
 *
 * @returns the questions whose answer is no
 */
export function notUpstream<TQuestion extends AncestorQuestion>(
  questions: readonly TQuestion[],
  graph: { readonly parents: Parents; readonly groups: readonly (readonly number[])[] },
): readonly TQuestion[] {
  const far = withoutParents(questions, graph.parents);
  const asked = [...new Set(far.map(({ ancestor }) => ancestor))];
  const no: TQuestion[] = [];
  for (let start = 0; start < asked.length; start += 32) {
    const bits = new Map(asked.slice(start, start + 32).map((ancestor, bit) => [ancestor, 1 << bit] as const));
    const above = ancestorsAmong(bits, graph);
    for (const question of far) {
      const bit = bits.get(question.ancestor);
      if (bit !== undefined && ((above[question.descendant] ?? 0) & bit) === 0) no.push(question);
    }
  }
  return no;
}

/** Most ancestors are parents. Marks parents instead of searching them: a join may have 10,000. */
function withoutParents<TQuestion extends AncestorQuestion>(questions: readonly TQuestion[], parents: Parents) {
  const childPlusOne = new Int32Array(parents.length);
  let marked = -1;
  return questions.filter(({ descendant, ancestor }) => {
    if (descendant !== marked) for (const parent of parents[descendant] ?? []) childPlusOne[parent] = descendant + 1;
    marked = descendant;
    return childPlusOne[ancestor] !== descendant + 1;
  });
}

/** For each node, the bits of the given ancestors that are upstream of it. */
function ancestorsAmong(
  bits: ReadonlyMap<number, number>,
  { parents, groups }: { readonly parents: Parents; readonly groups: readonly (readonly number[])[] },
): Int32Array {
  const own = new Int32Array(parents.length);
  for (const [ancestor, bit] of bits) own[ancestor] = bit;
  const above = new Int32Array(parents.length);
  for (const group of groups) {
    let together = 0;
    for (const node of group) {
      for (const parent of parents[node] ?? []) together |= (above[parent] ?? 0) | (own[parent] ?? 0);
    }
    for (const node of group) above[node] = together;
  }
  return above;
}
