import { describe, expect, test } from "vitest";
import { memoryBus, memoryStore } from "../../../src/adapters/memory/index.ts";
import { Coordinator } from "../../../src/engine/coordinator.ts";
import type { GraphNode } from "../../../src/graph/index.ts";
import { carryAtMost } from "../../helpers/engines.ts";
import { ExternalSide, ExternalStore } from "../../helpers/external-side.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, source } from "../../helpers/handlers.ts";

const ours = [source("read", [{ page: 1 }]), handler("keep")];
const graph = graphOf(node("read"), node("ocr", ["read"]), node("keep", ["ocr"]));

describe("unsupported by external workers", () => {
  test.for([
    [{ partitions: 2 }, "/nodes/1/partitions"],
    [{ timeout_sec: 1 }, "/nodes/1/timeout_sec"],
    [{ limits: { max_running: 1 } }, "/nodes/1/limits"],
    [{ adapter: "pull.gather" }, "/nodes/1/io/input_inline/input_adapter"],
    [
      { adapter: "pull.from_artifacts.each", adapterArgs: { meta_list_key: "rows" } },
      "/nodes/1/io/input_inline/input_adapter",
    ],
  ] as const)("%o is refused", async ([options, path]) => {
    const side = await ExternalSide.open(ours);
    await expect(side.coordinator.run(graphOf(node("read"), node("ocr", ["read"], options)))).rejects.toMatchObject({
      code: "GRAPH_INVALID",
      details: { findings: [{ code: "GRAPH_UNSUPPORTED", path, message: expect.stringContaining("node 'ocr'") }] },
    });
  });

  test.each(["ordered", "on_failure", "tolerate_batches", "tolerate_share", "timeout_sec"])(
    "batches.%s is refused",
    async (key) => {
      const side = await ExternalSide.open(ours);
      const tolerance = { on_failure: "set_aside", tolerate_batches: 1, tolerate_share: 0.5 } as const;
      const batches = { ordered: true, ...tolerance, timeout_sec: 5 };
      const graph = graphOf(node("read"), { ...node("ocr", ["read"]), batches });
      await expect(side.coordinator.run(graph)).rejects.toMatchObject({
        details: {
          findings: expect.arrayContaining([
            {
              code: "GRAPH_UNSUPPORTED",
              path: `/nodes/1/batches/${key}`,
              message: `node 'ocr': 'ocr' is served by external workers: they do not support batches.${key}`,
            },
          ]),
        },
      });
    },
  );

  test("a flow for each batch is refused", async () => {
    const side = await ExternalSide.open(ours);
    const each: GraphNode = { node_id: "each", type: "flow", depends_on: ["read"], io: { flow: "scan", item: "page" } };
    const scan = { nodes: [node("ocr", [], { args: { page: { $ref: "params.page" } } })] };
    const running = side.coordinator.run({ nodes: [node("read"), each], flows: { scan } });
    await expect(running).rejects.toMatchObject({
      code: "GRAPH_INVALID",
      details: { findings: [{ code: "GRAPH_UNSUPPORTED", path: "/nodes/1/type" }] },
    });
  });

  test("a source that may set batches aside is refused: they would read it as a batch", async () => {
    const side = await ExternalSide.open(ours);
    const setsAside: GraphNode = { ...node("read"), batches: { on_failure: "set_aside" } };
    await expect(side.coordinator.run(graphOf(setsAside, node("ocr", ["read"])))).rejects.toMatchObject({
      code: "GRAPH_INVALID",
      details: {
        findings: [
          {
            code: "GRAPH_UNSUPPORTED",
            path: "/nodes/1/depends_on",
            message:
              "node 'ocr': 'ocr' is served by external workers: they cannot tell a batch that 'read' set aside from " +
              'an output, so it must not set any aside: leave out its on_failure "set_aside", or put a node of your ' +
              "own workers between them",
          },
        ],
      },
    });
    const between = node("keep", ["read"]);
    await side.coordinator.run(graphOf(setsAside, between, node("ocr", ["keep"])));
  });

  test("a node that reads failed batches is refused", async () => {
    const side = await ExternalSide.open(ours);
    const setsAside: GraphNode = { ...node("read"), batches: { on_failure: "set_aside" } };
    const letters = node("ocr", ["read"], { adapter: "pull.failures" });
    await expect(side.coordinator.run(graphOf(setsAside, letters))).rejects.toMatchObject({
      details: {
        findings: expect.arrayContaining([expect.objectContaining({ path: "/nodes/1/io/input_inline/input_adapter" })]),
      },
    });
  });

  test("max_pending_batches is refused", async () => {
    const side = await ExternalSide.open(ours);
    const bounded = { ...node("ocr", ["read"]), io: { max_pending_batches: 4 } };
    await expect(side.coordinator.run(graphOf(node("read"), bounded))).rejects.toMatchObject({
      details: { findings: [{ code: "GRAPH_UNSUPPORTED", path: "/nodes/1/io/max_pending_batches" }] },
    });
  });

  test("a type whose handler restarts after a failure is refused", async () => {
    const handlers = [handler("ocr", { resumable: false })];
    const { store } = new ExternalStore();
    await using coordinator = new Coordinator({ store, bus: memoryBus(), handlers, externalTypes: ["ocr"] });
    await coordinator.start();
    await expect(coordinator.run(graphOf(node("ocr")))).rejects.toMatchObject({
      details: { findings: [{ code: "GRAPH_UNSUPPORTED", path: "/nodes/0/type" }] },
    });
  });

  test("a stream from several partitions is refused", async () => {
    const side = await ExternalSide.open(ours);
    const streaming = graphOf(node("read", [], { partitions: 2 }), node("ocr", ["read"], { start: "first_batch" }));
    await expect(side.coordinator.run(streaming)).rejects.toMatchObject({
      details: { findings: [{ path: "/nodes/1/io/start_when" }] },
    });
  });

  test.for([
    [{ fan_in: "any" }, "/nodes/2/fan_in"],
    [{ adapter: "pull.from_artifacts", adapterArgs: { from_nodes: ["read"] } }, "/nodes/2/depends_on"],
  ] as const)("reading several partitions without waiting for them is refused: %o", async ([options, path]) => {
    const side = await ExternalSide.open(ours);
    const parents = "fan_in" in options ? ["read", "keep"] : ["keep"];
    const early = graphOf(node("read", [], { partitions: 2 }), node("keep", ["read"]), node("ocr", parents, options));
    await expect(side.coordinator.run(early)).rejects.toMatchObject({ details: { findings: [{ path }] } });
  });

  test.for([
    ["too_long", "foreign_source_too_long", "more than 200 batches"],
    ["no_object", "foreign_source_no_object", "a batch that is not an object"],
  ] as const)("a source that is %s fails the node before it starts", async ([problem, reasonCode, words]) => {
    const side = await ExternalSide.open(ours);
    side.external.unreadable = { nodeId: "read", problem };
    const task = await side.coordinator.run(graph);
    await expect(task.result()).rejects.toMatchObject({ details: { reasonCode, nodeId: "ocr" } });
    expect((await side.record(task.id))?.failure?.message).toContain(words);
    expect(side.commands).toEqual([]);
  });

  test("a command that is too large for a message fails the node before it starts", async () => {
    const side = await ExternalSide.open(ours);
    carryAtMost(side.bus, 10_000);
    const large = node("ocr", ["read"], { args: { text: "x".repeat(20_000) }, retry_policy: { max: 3, ...atOnce } });
    const task = await side.coordinator.run(graphOf(node("read"), large));
    await expect(task.result()).rejects.toMatchObject({
      details: { nodeId: "ocr", reasonCode: "external_command_too_large" },
    });
    const { failure, failures } = (await side.record(task.id)) ?? {};
    expect(failure?.message).toMatch(/too large to send \(\d+ bytes are too many\)/);
    expect(failures).toBe(1);
    expect(side.commands).toEqual([]);
  });

  const store = () => new ExternalStore().store;
  test.for([
    ["a bus", { store: store() }],
    ["a bus without a prefix", { store: store(), bus: Object.assign(memoryBus(), { prefix: "etl." }) }],
    ["a store that external workers write to", { store: memoryStore(), bus: memoryBus() }],
    ["maxRunningPerType without 'ocr'", { store: store(), bus: memoryBus(), maxRunningPerType: { ocr: 1 } }],
    ["'ocr' of externalTypes among its node types", { store: store(), bus: memoryBus(), workerTypes: [] }],
  ] as const)("requires %s", ([words, options]) => {
    expect(() => new Coordinator({ workerTypes: ["ocr"], externalTypes: ["ocr"], ...options })).toThrow(
      expect.objectContaining({ code: "ENGINE_OPTIONS", message: expect.stringContaining(words) }),
    );
  });
});
