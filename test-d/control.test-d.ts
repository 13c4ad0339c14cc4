import { defineHandler, exists, flow, fromGraph, not, param } from "flowkit";
import { expectTypeOf, test } from "vitest";
import * as z from "zod";

const Order = z.object({ id: z.string() });
const nothing = { output: z.null(), processBatch: () => null };
const read = defineHandler("read", { output: Order, iterBatches: () => [] });
const check = defineHandler("check", {
  input: Order,
  output: Order,
  result: z.object({ bad: z.enum(["none", "some", "many"]) }),
  processBatch: (order) => order,
  finalize: () => ({ bad: "none" as const }),
});
const pay = defineHandler("pay", {
  input: Order,
  output: Order,
  errors: ["declined", "limit"],
  processBatch: (order) => order,
});
const load = defineHandler("load", { input: Order, ...nothing });
const params = z.object({ mode: z.enum(["full", "delta"]), since: z.string().optional(), waitSec: z.number() });
const base = flow("etl", { params }).node("read", read);
const checked = base.then("check", check);
const ended = { startWhen: "ended", input: { adapter: "pull.outcomes" } } as const;

test("accepts conditions that can hold", () => {
  base
    .node("root", read, { when: { params: { mode: "full" } } })
    .node("a", load, { after: ["read"], when: { params: { mode: ["full", "delta"], since: not(exists) } } })
    .node("b", load, { after: ["read"], when: [{ params: { mode: "delta" } }, { params: { since: exists } }] })
    .node("c", load, { after: ["read"], when: { status: { read: not(["failed", "cancelled"]) } } })
    .fn("f", "noop", {
      after: ["read"],
      when: { params: { mode: "full" } },
      optional: true,
      delaySec: param("waitSec"),
    })
    .node("g", load, {
      after: ["f", "read"],
      input: { adapter: "pull.from_artifacts", from: ["read"] },
      when: { results: { f: exists }, status: { f: "finished" } },
    });
  checked
    .node("d", load, { after: ["check"], when: { results: { check: { bad: ["some", "many"] } } } })
    .node("e", load, { after: ["check"], delaySec: 0.5, when: { results: { check: not({ bad: "none" }) } } })
    .node("h", load, { after: ["check"], delaySec: param("waitSec"), optional: true });
});

test("the result of a node that may be skipped or fail may be undefined; a list stays a list", () => {
  const late = checked.then("again", check, { when: { params: { mode: "full" } } });
  type Result = { bad: "none" | "some" | "many" };
  expectTypeOf<(typeof late)["$infer"]["results"]>().toEqualTypeOf<{ readonly again: Result | undefined }>();
  const lenient = checked.then("again", check, { optional: true });
  expectTypeOf<(typeof lenient)["$infer"]["results"]>().toEqualTypeOf<{ readonly again: Result | undefined }>();
  const strict = checked.then("again", check, { optional: false });
  expectTypeOf<(typeof strict)["$infer"]["results"]>().toEqualTypeOf<{ readonly again: Result }>();
  const lists = checked.then("load", load, { optional: true });
  expectTypeOf<(typeof lists)["$infer"]["results"]>().toEqualTypeOf<{ readonly load: null[] }>();
  const parts = checked.then("again", check, { partitions: 2, optional: true });
  expectTypeOf<(typeof parts)["$infer"]["results"]>().toEqualTypeOf<{ readonly again: Result[] }>();
  const fn = checked.fn("f", "vars.incr", { after: ["check"], args: { key: "n" }, when: { params: { mode: "full" } } });
  expectTypeOf<(typeof fn)["$infer"]["results"]>().toEqualTypeOf<{ readonly f: { keys: string[] } | undefined }>();
  expectTypeOf<keyof (typeof fn)["$infer"]["handlers"]>().toEqualTypeOf<"read" | "check">();
  expectTypeOf<keyof (typeof fn)["handlers"]>().toEqualTypeOf<"read" | "check">();
});

test("so may that of a subflow's node, and of a literal graph JSON", () => {
  const part = flow("part", { inputs: { orders: Order } }).node("check", check, { after: ["orders"], optional: true });
  const outer = base.use("eu", part, { inputs: { orders: "read" } });
  type Result = { bad: "none" | "some" | "many" };
  expectTypeOf<(typeof outer)["$infer"]["results"]>().toEqualTypeOf<{ readonly "eu.check": Result | undefined }>();
  const nodes = [
    { node_id: "read", type: "read" },
    { node_id: "check", type: "check", depends_on: ["read"], when: { params: { mode: "full" } } },
  ] as const;
  const loaded = fromGraph({ nodes }, { handlers: [read, check] });
  expectTypeOf<(typeof loaded)["$infer"]["results"]>().toEqualTypeOf<{ readonly check: Result | undefined }>();
});

test("outcomes are unions that where narrows", () => {
  const any = defineHandler("any", {
    input: z.object({ nodeId: z.enum(["pay", "read"]), status: z.string() }),
    ...nothing,
  });
  const undo = defineHandler("undo", {
    input: z.object({
      nodeId: z.literal("pay"),
      status: z.literal("failed"),
      message: z.string(),
      batchUid: z.string().nullable(),
    }),
    ...nothing,
  });
  const declined = defineHandler("declined", {
    input: z.object({ reasonCode: z.enum(["declined", "limit"]) }),
    ...nothing,
  });
  const fine = defineHandler("fine", { input: z.object({ status: z.enum(["finished", "skipped"]) }), ...nothing });
  const paid = base.then("pay", pay, { optional: true });
  paid
    .node("any", any, { after: ["read", "pay"], ...ended })
    .node("undo", undo, { after: ["pay"], ...ended, where: { status: "failed" } })
    .node("declined", declined, {
      after: ["pay"],
      ...ended,
      where: { status: "failed", reasonCode: ["declined", "limit"] },
    })
    .node("fine", fine, { after: ["pay"], ...ended, where: { status: not(["failed", "cancelled"]) } })
    .node("one", undo, {
      after: ["read", "pay"],
      startWhen: "ended",
      input: { adapter: "pull.outcomes", from: ["pay"] },
      where: { status: "failed" },
    });
  // A handler that declares no codes may throw any.
  paid.node("coded", defineHandler("coded", { input: z.object({ reasonCode: z.string() }), ...nothing }), {
    after: ["read"],
    ...ended,
    where: { status: "failed" },
  });
});

test("a handler may suggest to read outcomes", () => {
  const close = defineHandler("close", {
    input: z.object({ nodeId: z.string() }),
    inputAdapter: { adapter: "pull.outcomes" },
    ...nothing,
  });
  base.then("close", close, { startWhen: "ended" });
});

test("the payload of a signal is the output and the result of the node that waits for it", () => {
  const Answer = z.object({ ok: z.boolean(), by: z.string() });
  const audit = defineHandler("audit", { input: Answer, ...nothing });
  const waits = base
    .wait("approve", { after: ["read"], payload: Answer, timeoutSec: 60, onTimeout: { ok: false, by: "nobody" } })
    .then("audit", audit)
    .node("load", load, {
      after: ["approve", "read"],
      input: { adapter: "pull.from_artifacts", from: ["read"] },
      when: { results: { approve: { ok: true } } },
    })
    .wait("paid", { payload: z.int(), optional: true, when: { params: { mode: "full" } } });
  expectTypeOf<(typeof waits)["$infer"]["signals"]>().toEqualTypeOf<{
    readonly approve: { ok: boolean; by: string };
    readonly paid: number;
  }>();
  expectTypeOf<(typeof waits)["$infer"]["results"]["paid"]>().toEqualTypeOf<number | undefined>();
  expectTypeOf<keyof (typeof waits)["handlers"]>().toEqualTypeOf<"read" | "audit" | "load">();
  const outer = flow("outer", { params }).use("eu", base.wait("approve", { after: ["read"], payload: Answer }));
  expectTypeOf<(typeof outer)["$infer"]["signals"]>().toEqualTypeOf<{
    readonly "eu.approve": { ok: boolean; by: string };
  }>();
});
