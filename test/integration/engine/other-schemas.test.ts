import { toStandardJsonSchema as described } from "@valibot/to-json-schema";
import { type } from "arktype";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import * as mini from "zod/mini";
import { defineHandler, flow, fromGraph, param } from "../../../src/index.ts";
import { testEngine } from "../../helpers/engines.ts";

/* Handlers with schemas of other libraries run like those with schemas of zod. */

const row = v.object({ id: v.string(), n: v.optional(v.number(), 1) });
const source = defineHandler("source", {
  args: described(v.object({ day: v.string() })),
  output: described(v.object({ rows: v.array(row) })),
  *iterBatches({ day }) {
    // The schema drops unknown keys.
    yield {
      payload: {
        rows: [
          { id: day, n: 2, secret: "x" },
          { id: "b", n: 3 },
        ],
      },
    };
  },
});
const clean = defineHandler("clean", {
  input: type({ rows: type({ id: "string", n: "number" }).array() }),
  output: type({ ids: "string[]" }),
  result: type({ done: "boolean" }),
  processBatch: ({ rows }) => ({ ids: rows.map(({ id }) => id) }),
  finalize: () => ({ done: true }),
});
const count = defineHandler("count", {
  input: mini.object({ ids: mini.array(mini.string()) }),
  output: mini.object({ count: mini.number() }),
  processBatch: ({ ids }) => ({ count: ids.length }),
});
const dated = defineHandler("dated", {
  input: described(
    v.object({
      at: v.pipe(
        v.string(),
        v.isoTimestamp(),
        v.transform((text) => new Date(text)),
      ),
    }),
  ),
  output: z.number(),
  processBatch: ({ at }) => at.getTime(),
});

const params = described(v.object({ day: v.optional(v.string(), "monday") }));
const chain = flow("chain", { params })
  .node("source", source, { args: { day: param("day") } })
  .then("clean", clean)
  .then("count", count);

describe("schemas of valibot, arktype and zod/mini in one flow", () => {
  it("run, with defaults of parameters filled in", async () => {
    const { engine, artifacts } = await testEngine([source, clean, count]);
    const task = await engine.run(chain);
    expect(await task.result()).toEqual({ count: [{ count: 2 }] });
    const stored = await artifacts(task.id, "source");
    expect(stored.map(({ meta }) => meta)).toEqual([
      {
        rows: [
          { id: "monday", n: 2 },
          { id: "b", n: 3 },
        ],
      },
    ]);
  });

  it("are described in the graph", () => {
    const graph = chain.compile({ schemas: true });
    expect(graph.params_schema).toEqual({
      type: "object",
      properties: { day: { type: "string", default: "monday" } },
      required: [],
    });
    expect(graph.schemas?.source).toMatchObject({
      output: { properties: { rows: { items: { required: ["id", "n"] } } } },
    });
    expect(fromGraph(graph, { handlers: [source, clean, count] }).compile().nodes).toHaveLength(3);
  });

  it("decode inputs", async () => {
    const at = defineHandler("at", {
      output: z.object({ at: z.string() }),
      processBatch: () => ({ at: "1970-01-01T00:00:01.000Z" }),
    });
    const { engine } = await testEngine([at, dated]);
    const task = await engine.run(flow("dates").node("at", at).then("dated", dated));
    expect(await task.result()).toEqual({ dated: [1000] });
  });

  it("reject what does not match, with its location", async () => {
    const wrong = defineHandler("wrong", {
      output: type({ rows: type({ id: "string" }).array() }),
      processBatch: () => ({ rows: [{ id: 1 as never }] }),
    });
    const { engine } = await testEngine([wrong, source, clean, count]);
    const outcome = await (await engine.run(flow("wrong").node("wrong", wrong))).wait();
    expect(JSON.stringify(outcome)).toMatch(/schema_mismatch.*\.rows\[0\]\.id: .*must be a string/);
    await expect(engine.run(chain, { params: { day: 1 as never } })).rejects.toThrow(/\.day: .*Expected string/);
  });
});
