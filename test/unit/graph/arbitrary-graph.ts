import fc from "fast-check";

/** A graph as people write it: not frozen, so that it can be corrupted. */
export interface RawNode {
  node_id: string;
  type: string;
  depends_on?: string[];
  fan_in?: string;
  io?: { [key: string]: unknown };
  retry_policy?: { [key: string]: unknown };
  [key: string]: unknown;
}

export interface RawGraph {
  nodes: RawNode[];
  edges?: string[][];
  [key: string]: unknown;
}

const handlerArgs = fc.dictionary(
  fc.stringMatching(/^[a-z]{3,8}$/),
  fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant({ $ref: "params.date" })),
  { maxKeys: 3 },
);

const retryPolicy = fc.record(
  {
    max: fc.nat(5),
    backoff_sec: fc.double({ min: 0, max: 100, noNaN: true }),
    permanent_on: fc.uniqueArray(fc.constantFrom("bad_input", "schema_mismatch", "late"), { maxLength: 3 }),
    jitter: fc.constantFrom(0, 0.1, 1),
  },
  { requiredKeys: [] },
);

const batchPolicy = fc
  .record(
    {
      ordered: fc.boolean(),
      on_failure: fc.constantFrom("fail", "set_aside"),
      tolerate_batches: fc.nat(3),
      tolerate_share: fc.constantFrom(0, 0.25, 1),
      timeout_sec: fc.constantFrom(0.5, 60),
    },
    { requiredKeys: [] },
  )
  .map(({ tolerate_batches, tolerate_share, ...policy }) =>
    policy.on_failure === "set_aside"
      ? {
          ...policy,
          ...(tolerate_batches === undefined ? {} : { tolerate_batches }),
          ...(tolerate_share === undefined ? {} : { tolerate_share }),
        }
      : policy,
  );

/** Choices for one node, which becomes a node once its position in the graph is known. */
const choice = fc.record({
  kind: fc.constantFrom("worker", "worker", "worker", "fn"),
  parentBits: fc.nat(),
  fanIn: fc.constantFrom("default", "all", "any", "count"),
  startWhen: fc.constantFrom(undefined, "ready", "first_batch"),
  adapter: fc.constantFrom("none", "pull", "alias", "rechunk", "each", "gather", "gather-alias"),
  sourceBits: fc.nat(),
  args: handlerArgs,
  retry: fc.option(retryPolicy, { nil: undefined }),
  batches: fc.option(batchPolicy, { nil: undefined }),
  timeout: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
  partitions: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
});

type Choice = typeof choice extends fc.Arbitrary<infer T> ? T : never;

/**
 * A graph without a mistake. It always has the root `src`, its streaming rechunker `mid` and the coordinator function
 * `fin`, so that every corruption finds something to corrupt.
 */
export const validGraph: fc.Arbitrary<RawGraph> = fc
  .record({
    choices: fc.array(choice, { maxLength: 10 }),
    order: fc.infiniteStream(fc.nat()).map((stream) => [...stream.take(13)]),
    edges: fc.boolean(),
    version: fc.boolean(),
  })
  .map(({ choices, order, edges, version }) => {
    const ancestors = new Map<string, Set<string>>();
    const nodes: RawNode[] = [];
    const add = (node: RawNode) => {
      const above = new Set<string>();
      for (const parent of node.depends_on ?? []) {
        above.add(parent);
        for (const id of ancestors.get(parent) ?? []) above.add(id);
      }
      ancestors.set(node.node_id, above);
      nodes.push(node);
    };
    add({ node_id: "src", type: "source" });
    add({
      node_id: "mid",
      type: "rechunker",
      depends_on: ["src"],
      io: {
        start_when: "first_batch",
        input_inline: {
          input_adapter: "pull.from_artifacts.rechunk:size",
          input_args: { from_nodes: ["src"], size: 10 },
          day: { $ref: "params.date" },
        },
      },
      retry_policy: { max: 3 },
    });
    add({
      node_id: "fin",
      type: "coordinator_fn",
      depends_on: ["src", "mid"],
      fan_in: "count:2",
      io: { fn: "merge.generic", fn_args: { from_nodes: ["mid"], target: { key: "merged" } } },
    });
    for (const [index, picked] of choices.entries()) add(nodeOf(picked, `n${index}`, nodes, ancestors));
    const shuffled = nodes
      .map((node, index) => ({ node, key: order[index] ?? 0 }))
      .sort((a, b) => a.key - b.key)
      .map(({ node }) => node);
    return {
      ...(version ? { schema_version: "1.0" } : {}),
      nodes: shuffled,
      ...(edges ? { edges: edgesOf(shuffled) } : {}),
      params_schema: { type: "object", properties: { date: { type: "string" } }, required: ["date"] },
    };
  });

export function edgesOf(nodes: readonly RawNode[]): string[][] {
  return nodes.flatMap((node) => (node.depends_on ?? []).map((parent) => [parent, node.node_id]));
}

function nodeOf(
  picked: Choice,
  id: string,
  before: readonly RawNode[],
  ancestors: ReadonlyMap<string, ReadonlySet<string>>,
): RawNode {
  const parents = chosen(
    before.map((node) => node.node_id),
    picked.parentBits,
  );
  const above = [...new Set(parents.flatMap((parent) => [parent, ...(ancestors.get(parent) ?? [])]))];
  const sources = chosen(above, picked.sourceBits);
  const node: RawNode = { node_id: id, type: picked.kind === "fn" ? "coordinator_fn" : "worker", depends_on: parents };
  if (parents.length > 0 && picked.fanIn !== "default") {
    node.fan_in = picked.fanIn === "count" ? `count:${1 + (picked.parentBits % parents.length)}` : picked.fanIn;
  }
  const startWhen = parents.length > 0 && picked.startWhen !== undefined ? { start_when: picked.startWhen } : {};
  if (picked.kind === "fn") {
    node.io = { ...startWhen, fn: "vars.set", fn_args: { kv: picked.args } };
  } else {
    const input = parents.length === 0 ? {} : inputOf(picked, sources);
    node.io = { ...startWhen, input_inline: { ...input, ...picked.args } };
    if (picked.partitions !== undefined) node.partitions = picked.partitions;
    if (picked.batches !== undefined) node.batches = picked.batches;
  }
  if (picked.retry !== undefined) node.retry_policy = picked.retry;
  if (picked.timeout !== undefined) node.timeout_sec = picked.timeout;
  return node;
}

function inputOf({ adapter }: Choice, sources: readonly string[]): { [key: string]: unknown } {
  const from = sources.length === 0 ? {} : { from_nodes: [...sources] };
  switch (adapter) {
    case "none":
      return {};
    case "pull":
      return { input_adapter: "pull.from_artifacts", input_args: from };
    case "alias":
      return {
        input_adapter: "pull.artifacts",
        ...(sources.length === 1 ? { input_args: { from_node: sources[0] } } : {}),
      };
    case "rechunk":
      return { input_adapter: "pull.rechunk", input_args: { ...from, size: 5, eof_on_task_done: true } };
    case "each":
      return { input_adapter: "pull.from_artifacts.each", input_args: { ...from, meta_list_key: "rows" } };
    case "gather":
      return { input_adapter: "pull.gather", input_args: from };
    case "gather-alias": {
      const aliases = Object.fromEntries(sources.map((id, index) => [`a${index}`, id]));
      return { input_adapter: "pull.gather", input_args: sources.length === 0 ? {} : { from: aliases } };
    }
  }
}

/** The subset selected by the bits of a number. */
function chosen<TItem>(items: readonly TItem[], bits: number): TItem[] {
  return items.filter((_, index) => ((bits >> (index % 30)) & 1) === 1);
}
