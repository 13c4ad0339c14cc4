import { expect, test } from "vitest";
import * as z from "zod";
import { classifyFailure } from "../../../../../src/core/worker/attempt/failure.ts";
import { PermanentError, RetryableError } from "../../../../../src/errors/index.ts";
import { handler } from "../../../../helpers/handlers.ts";

const attempt = { taskId: "t", nodeId: "n", shard: 2, epoch: 3, claimId: "c" };
const classify = (error: unknown, more: { batchUid?: string; classifyError?: (error: unknown) => never } = {}) =>
  classifyFailure({
    error,
    attempt,
    at: { batchUid: more.batchUid },
    handler: more.classifyError === undefined ? undefined : handler("h", { classifyError: more.classifyError }),
  });

test("reports where and when it happened, and the batch if there was one", () => {
  expect(classify(new Error("x"), { batchUid: "7" }).failure).toMatchObject({
    nodeId: "n",
    shard: 2,
    epoch: 3,
    batchUid: "7",
  });
  expect(classify(new Error("x")).failure).not.toHaveProperty("batchUid");
});

test("a failure is JSON, whatever was thrown", () => {
  for (const thrown of [
    new Error("x"),
    "x",
    undefined,
    null,
    0,
    Symbol("s"),
    () => 1,
    { toString: null },
    new Proxy({}, {}),
    1n,
  ]) {
    const { failure } = classify(thrown);
    expect(JSON.parse(JSON.stringify(failure))).toEqual(failure);
    expect(failure.message).not.toBe("");
  }
});

test.for([
  [new RetryableError("busy", "x", { afterSec: 1.5 }), 1_500],
  [new RetryableError("busy"), 0],
  [new RetryableError("busy", "x", { afterSec: Number.NaN }), 0],
  [new RetryableError("busy", "x", { afterSec: -1 }), 0],
  [new RetryableError("busy", "x", { afterSec: Number.POSITIVE_INFINITY }), 0],
  [new PermanentError("bad"), 0],
  [new Error("x"), 0],
] as const)("%s asks for %d ms before the next attempt", ([error, afterMs]) => {
  expect(classify(error).afterMs).toBe(afterMs);
});

test("errors of another copy of the library are recognised by their brand", () => {
  const external = Object.assign(new Error("elsewhere"), { code: "rate", permanent: false, afterSec: 2 });
  Object.defineProperty(external, Symbol.for("flowkit.HandlerError"), { value: true });
  expect(classify(external)).toMatchObject({ permanent: false, afterMs: 2_000, failure: { reasonCode: "rate" } });
});

test("a cyclic chain of causes ends", () => {
  const error = new Error("a");
  error.cause = new Error("b", { cause: error });
  expect(classify(error).failure.stack?.length).toBeLessThanOrEqual(16_384);
});

test("only a TypeError with a cause is an environment problem", () => {
  expect(classify(new TypeError("x")).permanent).toBe(true);
  expect(classify(new TypeError("fetch failed", { cause: new Error("reset") })).permanent).toBe(false);
  expect(classify(new RangeError("x")).permanent).toBe(false);
  expect(classify(z.string().safeParse(1).error)).toMatchObject({
    permanent: true,
    failure: { reasonCode: "bad_input" },
  });
});
