import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Json } from "../../../../src/errors/index.ts";
import { anyJson } from "./arbitrary-json.ts";
import { artifact, call } from "./fake-context.ts";

const refused = (message: string) =>
  expect.objectContaining({ code: "bad_fn_args", permanent: true, message: expect.stringContaining(message) });
const stored = (nodeId: string, metas: readonly Json[]) => metas.map((meta, seq) => artifact(nodeId, seq, meta));
const merge = (metas: readonly Json[], key = "all") =>
  call("merge.generic", { from_nodes: ["a"], target: { key } }, { artifacts: { a: stored("a", metas) } });

describe("merge.generic", () => {
  it("concatenates lists, merges objects deeply, and lets the last of other values win", async () => {
    const metas = [
      { rows: [1], day: "Mon", stats: { ok: 1, kinds: ["x"] } },
      { rows: [2, 3], day: "Tue", stats: { bad: 2, kinds: ["x"] } },
    ];
    expect(await merge(metas)).toEqual({
      all: { rows: [1, 2, 3], day: "Tue", stats: { ok: 1, bad: 2, kinds: ["x", "x"] } },
    });
  });

  it("goes by from_nodes first, then by the order of each node's artifacts", async () => {
    const artifacts = { a: stored("a", [["a0"], ["a1"]]), b: stored("b", [["b0"], ["b1"]]) };
    const target = { key: "k" };
    expect(await call("merge.generic", { from_nodes: ["b", "a"], target }, { artifacts })).toEqual({
      k: ["b0", "b1", "a0", "a1"],
    });
    expect(await call("merge.generic", { from_nodes: ["a", "b"], target }, { artifacts })).toEqual({
      k: ["a0", "a1", "b0", "b1"],
    });
  });

  it("merges metas that are no objects too", async () => {
    expect(await merge([1, 2, 3])).toEqual({ all: 3 });
    expect(await merge([[1], 5, [2]])).toEqual({ all: [2] });
  });

  it("keeps a lone meta as it is, and makes null of none", async () => {
    await fc.assert(
      fc.asyncProperty(anyJson, async (meta) => {
        expect(await merge([meta])).toEqual({ all: meta });
      }),
    );
    expect(await merge([])).toEqual({ all: null });
  });

  it("loses no item of many lists", async () => {
    const metas = Array.from({ length: 500 }, (_, i) => ({ rows: [i] }));
    expect(await merge(metas)).toEqual({ all: { rows: metas.map((_, i) => i) } });
  });

  it("takes target.key as one plain key", async () => {
    expect(await merge([1], "merged.result")).toEqual({ "merged.result": 1 });
    await expect(merge([1], "__proto__")).rejects.toThrow();
    await expect(merge([1], "")).rejects.toThrow();
  });

  it("stores under its own id only", async () => {
    const run = (node_id: string) =>
      call(
        "merge.generic",
        { from_nodes: ["a"], target: { key: "k", node_id } },
        { nodeId: "merge", artifacts: { a: stored("a", [1]) } },
      );
    await expect(run("merge")).resolves.toEqual({ k: 1 });
    await expect(run("a")).rejects.toEqual(refused("target.node_id is 'a', but node 'merge' stores"));
  });

  it("refuses a source named twice, whose items would be there twice", async () => {
    await expect(call("merge.generic", { from_nodes: ["a", "b", "a"], target: { key: "k" } })).rejects.toEqual(
      refused("from_nodes names 'a' twice"),
    );
  });

  it("stops when its attempt is aborted", async () => {
    const signal = AbortSignal.abort(new Error("cancelled"));
    await expect(
      call(
        "merge.generic",
        { from_nodes: ["a"], target: { key: "k" } },
        { signal, artifacts: { a: stored("a", [1]) } },
      ),
    ).rejects.toThrow("cancelled");
  });
});
