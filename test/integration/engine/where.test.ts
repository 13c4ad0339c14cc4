import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { MemoryState, memoryStore } from "../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import { defineInputAdapter } from "../../../src/dsl/index.ts";
import type { Json } from "../../../src/errors/index.ts";
import { testEngine } from "../../helpers/engines.ts";
import { ExternalSide } from "../../helpers/external-side.ts";
import { atOnce, graphOf, node } from "../../helpers/graphs.ts";
import { handler, numbers, source } from "../../helpers/handlers.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

const kinds = ["a", "b", "c"];
const cases = numbers(9).map((n) => ({ kind: kinds[n % 3] as string, n, rows: [n, n + 100] }));
const src = source("src", cases);
const ofKind = (...wanted: readonly string[]) => cases.filter(({ kind }) => wanted.includes(kind));

const stores = ["memory", "sqlite"] as const;

async function run(kind: (typeof stores)[number], ...[handlers, ...nodes]: readonly [...RunArgs]) {
  const store =
    kind === "sqlite" ? sqliteStore(join(tempFolder(), "runs.db")) : memoryStore({ state: new MemoryState() });
  const { engine } = await testEngine([src, ...handlers], { store, inputAdapters: [shifted] });
  const task = await engine.run(graphOf(node("src"), ...nodes));
  const log = (nodeId: string) => store.readArtifacts({ taskId: task.id, nodeId, shard: 0 }, 0, 0, 100);
  return { task, log };
}
type RunArgs = [handlers: readonly ReturnType<typeof handler>[], ...nodes: readonly ReturnType<typeof node>[]];

const shifted = defineInputAdapter("shifted", {
  args: z.object({}),
  expand: ({ meta }) => [(meta as { n: number }).n + 0.5],
});

describe.each(stores)("where in a %s store", (kind) => {
  test("takes the artifacts that match, one for one", async () => {
    const where = { kind: ["a", "c"], n: { $not: 3 } };
    const { task } = await run(
      kind,
      [handler("sink")],
      node("sink", ["src"], { adapter: "pull.from_artifacts", adapterArgs: { where } }),
    );
    expect(await task.result()).toEqual({ sink: ofKind("a", "c").filter(({ n }) => n !== 3) });
  });

  test("cuts chunks from matching artifacts only, and gathers these only", async () => {
    const where = { kind: "b" };
    const { task } = await run(
      kind,
      [handler("cut"), handler("each"), handler("all"), handler("own")],
      node("cut", ["src"], { adapter: "pull.rechunk", adapterArgs: { where, size: 2, meta_list_key: "rows" } }),
      node("each", ["src"], { adapter: "pull.from_artifacts.each", adapterArgs: { where, meta_list_key: "rows" } }),
      node("all", ["src"], { adapter: "pull.gather", adapterArgs: { where, from: { these: "src" } } }),
      node("own", ["src"], { adapter: "shifted", adapterArgs: { where } }),
    );
    expect(await task.result()).toEqual({
      cut: ofKind("b").map(({ rows }) => rows),
      each: ofKind("b").flatMap(({ rows }) => rows),
      all: [{ these: ofKind("b") }],
      own: ofKind("b").map(({ n }) => n + 0.5),
    });
  });

  test("without a match finishes with nothing; a gather has empty lists", async () => {
    const where = { kind: "none" };
    const { task } = await run(
      kind,
      [handler("sink"), handler("all"), handler("next")],
      node("sink", ["src"], { adapter: "pull.from_artifacts", adapterArgs: { where } }),
      node("next", ["sink"]),
      node("all", ["src"], { adapter: "pull.gather", adapterArgs: { where } }),
    );
    expect(await task.result()).toEqual({ next: [], all: [{ src: [] }] });
  });

  test("reads partitions and names batches as without it", async () => {
    const { task, log } = await run(
      kind,
      [handler("parts"), handler("sink")],
      node("parts", ["src"], { partitions: 3 }),
      node("sink", ["parts"], { adapter: "pull.from_artifacts", adapterArgs: { where: { kind: "a" } } }),
    );
    const { sink } = (await task.result()) as { sink: { n: number }[] };
    expect(sink.map(({ n }) => n).sort((a, b) => a - b)).toEqual([0, 3, 6]);
    const uids = (await log("sink")).map(({ uid }) => uid);
    expect(uids.toSorted()).toEqual(["0", "3", "6"]);
  });

  test("resumes after what it stored: no batch is lost or repeated, whatever lies between", async () => {
    const tries: Json[] = [];
    const sink = handler("sink", {
      processBatch(payload) {
        const { n } = payload as { n: number };
        tries.push(n);
        if (n === 7 && tries.filter((each) => each === 7).length < 3) throw new Error("not yet");
        return payload as Json;
      },
    });
    const { task, log } = await run(
      kind,
      [sink],
      node("sink", ["src"], {
        adapter: "pull.from_artifacts",
        adapterArgs: { where: { kind: ["b", "c"] } },
        retry_policy: { max: 5, ...atOnce },
      }),
    );
    expect(await task.result()).toEqual({ sink: ofKind("b", "c") });
    expect(tries.toSorted()).toEqual([1, 2, 4, 5, 7, 7, 7, 8]);
    const origins = (await log("sink")).map(({ origin }) => origin.seq);
    expect(origins.toSorted()).toEqual([1, 2, 4, 5, 7, 8]);
  });

  test("counts what does not match as read, so the source does not wait for it", async () => {
    const nodes = [
      node("sink", ["many"], {
        start: "first_batch",
        adapter: "pull.from_artifacts",
        adapterArgs: { where: { n: 39 } },
      }),
    ];
    const many = source(
      "many",
      numbers(40).map((n) => ({ n })),
    );
    const bounded = { ...node("many"), io: { max_pending_batches: 2 } };
    const { task } = await run(kind, [many, handler("sink")], bounded, ...nodes);
    expect((await task.result()).sink).toEqual([{ n: 39 }]);
  });
});

test("is refused for a type of external workers, which read every batch", async () => {
  const side = await ExternalSide.open([src]);
  const ocr = node("ocr", ["src"], { adapter: "pull.from_artifacts", adapterArgs: { where: { kind: "a" } } });
  await expect(side.coordinator.run(graphOf(node("src"), ocr))).rejects.toMatchObject({
    code: "GRAPH_INVALID",
    details: {
      findings: [{ code: "GRAPH_UNSUPPORTED", path: "/nodes/1/io/input_inline/input_args/where" }],
    },
  });
});
