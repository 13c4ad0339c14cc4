import { defineHandler, flow, param } from "flowkit";
import * as z from "zod";
import type { Mistake } from "./mistake.ts";

const Rows = z.object({ rows: z.int() });
const read = defineHandler("read", {
  output: Rows,
  *iterBatches() {
    yield { payload: { rows: 1 } };
  },
});
const check = defineHandler("check", {
  input: Rows,
  output: Rows,
  result: z.object({ ok: z.boolean(), grade: z.enum(["a", "b"]) }),
  errors: ["declined", "limit"],
  processBatch: (rows) => rows,
  finalize: () => ({ ok: true, grade: "a" as const }),
});
const nothing = { output: z.object({}), processBatch: () => ({}) };
const load = defineHandler("load", { input: Rows, ...nothing });
const undo = defineHandler("undo", {
  input: z.object({ nodeId: z.literal("check"), reasonCode: z.string() }),
  ...nothing,
});
const mail = defineHandler("mail", { input: z.object({ nodeId: z.enum(["read", "load"]) }), ...nothing });
const params = z.object({ mode: z.enum(["fast", "full"]), waitSec: z.number(), since: z.string().optional() });
const checked = flow("checked", { params }).node("read", read).then("check", check);
const outcomes = { startWhen: "ended", input: { adapter: "pull.outcomes" } } as const;

/** Conditions of nodes, and failed batches and nodes. */
export const controlMistakes: readonly Mistake[] = [
  {
    rule: "limits by a parameter that there is not",
    words: "'mod' is not a parameter of this flow",
    token: '"mod"',
    make: () =>
      checked.then("w", load, {
        // @ts-expect-error
        limits: { key: param("mod"), maxRunning: 2 },
      }),
    right: () => checked.then("w", load, { limits: { key: param("mode"), maxRunning: 2 } }),
  },
  {
    rule: "a burst without a rate",
    words: "node 'w': limits.burst must not be set without perSec",
    token: "burst",
    make: () =>
      checked.then("w", load, {
        // @ts-expect-error
        limits: { maxRunning: 2, burst: 3 },
      }),
    right: () => checked.then("w", load, { limits: { perSec: 2, burst: 3 } }),
  },
  {
    rule: "a key of limits without a limit",
    words: "node 'w': limits.key must not be set without maxRunning or perSec",
    token: "key",
    make: () =>
      checked.then("w", load, {
        // @ts-expect-error
        limits: { key: param("mode") },
      }),
    right: () => checked.then("w", load, { limits: { key: param("mode"), perSec: 2 } }),
  },
  {
    rule: "the function of a signal without the schema of its payload",
    words: "node 'w': fn 'wait.signal' needs args (missing: payload)",
    token: '"wait.signal"',
    make: () =>
      // @ts-expect-error
      checked.fn("w", "wait.signal"),
    right: () => checked.fn("w", "wait.signal", { args: { payload: {} } }),
  },
  {
    rule: "a condition on a value that the parameter never has",
    words: 'node \'w\': when.params.mode cannot be "ful": it is "fast" | "full"',
    token: "mode",
    make: () =>
      // @ts-expect-error
      checked.then("w", load, { when: { params: { mode: "ful" } } }),
    right: () => checked.then("w", load, { when: { params: { mode: "full" } } }),
  },
  {
    rule: "a condition on a parameter that there is not",
    words: "node 'w': when.params.mod is not a key of the data, which has ",
    token: "mod",
    make: () =>
      // @ts-expect-error
      checked.then("w", load, { when: { params: { mod: "full" } } }),
    right: () => checked.then("w", load, { when: { params: { since: "2026" } } }),
  },
  {
    rule: "a condition on a value that the result never has",
    words: 'node \'w\': when.results.check.grade cannot be "c": it is "a" | "b"',
    token: "grade",
    make: () =>
      // @ts-expect-error
      checked.then("w", load, { when: { results: { check: { grade: "c" } } } }),
    right: () => checked.then("w", load, { when: { results: { check: { grade: "b", ok: true } } } }),
  },
  {
    rule: "a condition on the result of a node that has none",
    words: "node 'w': when.results.read is not a key of the data, which has check",
    token: "rows",
    make: () =>
      // @ts-expect-error
      checked.node("w", load, { after: ["read", "check"], when: { results: { read: { rows: 1 } } } }),
    right: () => checked.node("w", load, { after: ["read", "check"], when: { results: { check: { ok: true } } } }),
  },
  {
    rule: "a condition on results where no parent has one",
    words: "node 'w': when.results.read is not a key of the data, which has none",
    token: "rows",
    make: () =>
      // @ts-expect-error
      checked.node("w", load, { after: ["read"], when: { results: { read: { rows: 1 } } } }),
    right: () => checked.node("w", load, { after: ["read"], when: { status: { read: "finished" } } }),
  },
  {
    rule: "a condition on a status that there is not",
    words: "node 'w': when.status.check cannot be \"done\": it is ",
    token: "check",
    make: () =>
      // @ts-expect-error
      checked.then("w", load, { when: { status: { check: "done" } } }),
    right: () => checked.then("w", load, { when: { status: { check: ["finished", "skipped"] } } }),
  },
  {
    rule: "a condition on a node that is not a parent",
    words: "node 'w': when.status.read is not a key of the data, which has check",
    token: "read",
    make: () =>
      // @ts-expect-error
      checked.then("w", load, { when: { status: { read: "finished" } } }),
    right: () => checked.then("w", load, { when: { status: { check: "finished" } } }),
  },
  {
    rule: "a mistake in one of several conditions",
    words: 'node \'w\': when.params.mode cannot be "ful": it is "fast" | "full"',
    token: "mode",
    make: () =>
      // @ts-expect-error
      checked.then("w", load, { when: [{ params: { since: "2026" } }, { params: { mode: "ful" } }] }),
    right: () => checked.then("w", load, { when: [{ params: { since: "2026" } }, { params: { mode: "full" } }] }),
  },
  {
    rule: "a condition of a coordinator function on a status that there is not",
    words: "node 'w': when.status.check cannot be \"done\": it is ",
    token: "check",
    make: () =>
      // @ts-expect-error
      checked.fn("w", "noop", { after: ["check"], when: { status: { check: "done" } } }),
    right: () => checked.fn("w", "noop", { after: ["check"], when: { status: { check: "finished" } } }),
  },
  {
    rule: "outcomes that the handler does not accept",
    words: "input of 'w': .reasonCode is missing (needs string)",
    token: "undo",
    make: () =>
      // @ts-expect-error
      checked.then("w", undo, outcomes),
    right: () => checked.then("w", undo, { ...outcomes, where: { status: "failed" } }),
  },
  {
    rule: "outcomes of another node than the handler accepts",
    words: "input of 'w': .nodeId is ",
    token: "adapter",
    make: () =>
      checked.node("w", mail, {
        after: ["read", "check"],
        startWhen: "ended",
        // @ts-expect-error
        input: { adapter: "pull.outcomes", from: ["check"] },
      }),
    right: () =>
      checked.node("w", mail, {
        after: ["read", "check"],
        startWhen: "ended",
        input: { adapter: "pull.outcomes", from: ["read"] },
      }),
  },
  {
    rule: "a reason code that the parent never has",
    words: "node 'w': where.reasonCode cannot be \"declind\": it is ",
    token: "reasonCode",
    make: () =>
      // @ts-expect-error
      checked.then("w", undo, { ...outcomes, where: { status: "failed", reasonCode: "declind" } }),
    right: () => checked.then("w", undo, { ...outcomes, where: { status: "failed", reasonCode: "declined" } }),
  },
  {
    rule: "a delay by a parameter that is not a number",
    words: "parameter 'mode' is \"fast\" | \"full\", 'delaySec' needs number",
    token: '"mode"',
    make: () =>
      // @ts-expect-error
      checked.then("w", load, { delaySec: param("mode") }),
    right: () => checked.then("w", load, { delaySec: param("waitSec") }),
  },
  {
    rule: "a delay of a function that waits for a signal",
    words: "node 'w' waits for a signal, so it cannot have a delay",
    token: "delaySec",
    make: () =>
      // @ts-expect-error
      checked.fn("w", "wait.signal", { args: { payload: {} }, delaySec: 60 }),
    right: () => checked.fn("w", "wait.signal", { args: { payload: {} }, timeoutSec: 60 }),
  },
  {
    rule: "a delay of a wait",
    words: "node 'w' waits for a signal, so it cannot have a delay",
    ownWords: "`.wait` has no such option",
    token: "delaySec",
    make: () =>
      // @ts-expect-error
      checked.wait("w", { payload: Rows, delaySec: 60 }),
    right: () => checked.wait("w", { payload: Rows, timeoutSec: 60 }),
  },
  {
    rule: "the end of the parents of a root",
    words: "node 'w' is a root: a startWhen other than 'ready' needs an upstream node",
    token: "startWhen",
    make: () =>
      // @ts-expect-error
      checked.node("w", read, { startWhen: "ended" }),
    right: () => checked.node("w", read, { startWhen: "ready" }),
  },
];
