import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pullEach as pull, type StreamAdapter } from "../../../src/builtins/input-adapters/index.ts";
import { rechunk as adapter, each as eachAdapter } from "../../../src/builtins/input-adapters/rechunk.ts";

function rechunk(args: { readonly size: number; readonly meta_list_key?: string }): StreamAdapter {
  const batches = adapter.batches({ ...args, eof_on_task_done: true });
  if (typeof batches === "string") throw new Error("it cuts artifacts one by one");
  return batches;
}

describe("pull", () => {
  test("delivers each artifact unchanged", () => {
    const meta = { items: [1, 2] };
    expect(pull.expand(meta, "a")).toEqual([meta]);
    expect(pull.expand([], "a")).toEqual([[]]);
    expect(pull.expand(null, "a")).toEqual([null]);
  });
});

describe("each", () => {
  const batches = eachAdapter.batches({ meta_list_key: "items", eof_on_task_done: true }) as StreamAdapter;

  test.for([
    [{ items: [1, null, [2], { a: 3 }] }, [1, null, [2], { a: 3 }]],
    [{ items: [] }, []],
    [{ items: "no list" }, [{ items: "no list" }]],
    [[1, 2], [[1, 2]]],
    [{}, [{}]],
  ] as const)("delivers each element of the list at its key, else the artifact: %j", ([meta, elements]) => {
    expect(batches.expand(meta as never, "a")).toEqual(elements);
    expect(batches.whole).toBe(false); // the number of the element tells its batches apart
  });
});

describe("rechunk", () => {
  const keyed = rechunk({ size: 2, meta_list_key: "items" });

  test.for([
    [{ items: [1, 2, 3] }, [[1, 2], [3]]],
    [{ items: [1, 2] }, [[1, 2]]],
    [{ items: [] }, []],
    [{ items: [[1, 2], [3]] }, [[[1, 2], [3]]]],
  ] as const)("splits the list at its key: %j", ([meta, chunks]) => {
    expect(keyed.expand(meta, "a")).toEqual(chunks);
  });

  test.for([{ skus: [1, 2] }, { items: "no list" }, { items: { 0: 1 } }, [1, 2, 3], "text", null, 7])(
    "treats %j, which has no such list, as one item: no guessing",
    (meta) => {
      expect(keyed.expand(meta as never, "a")).toEqual([[meta]]);
    },
  );

  test("without a key, each artifact is one item, even a list", () => {
    expect(rechunk({ size: 2 }).expand([1, 2, 3], "a")).toEqual([[[1, 2, 3]]]);
    expect(rechunk({ size: 2 }).expand({ items: [1] }, "a")).toEqual([[{ items: [1] }]]);
  });

  test("an inherited key is not a key of the meta", () => {
    expect(rechunk({ size: 1, meta_list_key: "constructor" }).expand({}, "a")).toEqual([[{}]]);
  });

  test("loses nothing, adds nothing, keeps the order, and only the last chunk is short", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer({ min: 1, max: 7 }), (items, size) => {
        const chunks = rechunk({ size, meta_list_key: "items" }).expand({ items }, "a") as number[][];
        expect(chunks.flat()).toEqual(items);
        for (const chunk of chunks.slice(0, -1)) expect(chunk).toHaveLength(size);
        for (const chunk of chunks) expect(chunk.length).toBeGreaterThan(0);
      }),
    );
  });
});
