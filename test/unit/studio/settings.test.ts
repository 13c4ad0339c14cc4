import { expect, test } from "vitest";
import type { Graph, GraphNode } from "../../../src/graph/index.ts";
import { viewGraph } from "../../../src/studio/views/graph-view.ts";

const parents = ["a", "b", "c"] as const;

/** The settings of a node, by their names. */
function settingsOf(node: Partial<GraphNode>): Readonly<Record<string, string>> {
  const own: GraphNode = { node_id: "load", type: "loader", depends_on: [], ...node };
  const graph: Graph = { schema_version: "1.0", nodes: [own], edges: [] };
  const [{ settings = [] } = {}] = viewGraph(graph).nodes;
  return Object.fromEntries(settings.map(({ name, text }) => [name, text]));
}

test.each<[Partial<GraphNode>, string | undefined]>([
  [{}, undefined],
  [{ depends_on: ["a"] }, "once its parent has finished"],
  [{ depends_on: parents }, "once all parents have finished"],
  [{ depends_on: parents, fan_in: "any" }, "once any parent has finished"],
  [{ depends_on: parents, fan_in: "count:2" }, "once 2 of its parents have finished"],
  [{ depends_on: ["a"], io: { start_when: "first_batch" } }, "once its parent has stored a batch"],
  [
    { depends_on: parents, fan_in: "count:2", io: { start_when: "first_batch" } },
    "once 2 of its parents have stored a batch",
  ],
  [{ depends_on: parents, io: { start_when: "ended" } }, "once all parents have ended, whatever the outcome"],
])("when a node starts: %j", (node, text) => {
  expect(settingsOf(node).starts).toBe(text);
});

test.each<[GraphNode["retry_policy"], string]>([
  [undefined, "2 times, after 5 s"],
  [{ max: 0 }, "none"],
  [{ max: 1, backoff_sec: 0 }, "once, immediately"],
  [{ max: 3, backoff_sec: 0 }, "3 times, immediately"],
  [{ max: 1, backoff_factor: 2 }, "once, after 5 s"],
  [
    { max: 4, backoff_factor: 3, backoff_max_sec: 600 },
    "4 times, first after 5 s; each delay is 3 times the one before, at most 10 min",
  ],
])("retries: %j", (policy, text) => {
  expect(settingsOf(policy === undefined ? {} : { retry_policy: policy }).retries).toBe(text);
});

test("codes that are not retried are named, unless nothing is retried", () => {
  expect(settingsOf({})["not retried"]).toBe("bad_input, schema_mismatch");
  expect(settingsOf({ retry_policy: { permanent_on: [] } })["not retried"]).toBeUndefined();
  expect(settingsOf({ retry_policy: { max: 0 } })["not retried"]).toBeUndefined();
});

test.each<[GraphNode["batches"], string]>([
  [{}, "are set aside"],
  [{ tolerate_share: 1 }, "are set aside"],
  [{ tolerate_batches: 3 }, "are set aside, at most 3 of each partition"],
  [{ tolerate_share: 0.125 }, "are set aside, at most 12.5 %"],
  [{ tolerate_batches: 3, tolerate_share: 0.5 }, "are set aside, at most 3 of each partition and 50 %"],
])("failed batches: %j", (batches, text) => {
  expect(settingsOf({ batches: { on_failure: "set_aside", ...batches } })["failed batches"]).toBe(text);
});

test.each<[GraphNode["limits"], Readonly<Record<string, string>>]>([
  [{ max_running: 1 }, { concurrency: "at most 1 attempt" }],
  [{ max_running: 4, key: "eu" }, { concurrency: "at most 4 attempts for each eu" }],
  [{ per_sec: 1 }, { rate: "at most 1 batch a second" }],
  [
    { per_sec: 20, burst: 5, key: { $ref: "$.params.region" } },
    { rate: "at most 20 batches a second for each $.params.region", burst: "5 batches at once after a pause" },
  ],
])("limits: %j", (limits, texts) => {
  const { concurrency, rate, burst } = settingsOf(limits === undefined ? {} : { limits });
  expect(JSON.parse(JSON.stringify({ concurrency, rate, burst }))).toEqual(texts);
});

test("the rest", () => {
  expect(
    settingsOf({
      depends_on: ["a"],
      delay_sec: 7_200,
      partitions: 3,
      timeout_sec: 90,
      optional: true,
      batches: { ordered: true, timeout_sec: 0.5 },
      io: { max_pending_batches: 1, input_inline: { input_adapter: "mine", input_args: { from_nodes: ["a"] } } },
    }),
  ).toMatchObject({
    delay: "2 h",
    partitions: "3, in parallel",
    "time limit of an attempt": "90 s",
    "time limit of a batch": "0.5 s",
    order: "batches are stored in the order of the input",
    backpressure: "at most 1 batch ahead of a reader",
    optional: "its failure does not fail the task",
    reads: "a, by 'mine'",
  });
});
