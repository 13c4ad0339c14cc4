import { handlerContext } from "flowkit/testing";
import { expect, test } from "vitest";

test("a default context has everything that a handler may use", async () => {
  const ctx = handlerContext({ nodeId: "load", uid: "b1", args: { factor: 2 } });
  expect(ctx).toMatchObject({ idempotencyKey: "task:load:b1", epoch: 1, shard: 0, args: { factor: 2 } });
  ctx.metrics.add("rows", 2);
  ctx.metrics.add("rows", 3);
  expect(ctx.measured).toEqual({ rows: 5 });
  const order: string[] = [];
  ctx.onCleanup(() => void order.push("first"));
  ctx.onCleanup(async () => void order.push("second"));
  await ctx.cleanUp();
  await ctx.cleanUp();
  expect(order).toEqual(["second", "first"]);
});

test("a checkpoint is stored as a copy", async () => {
  const { checkpoint } = handlerContext();
  expect(await checkpoint.get()).toBeUndefined();
  const place = { page: 1 };
  await checkpoint.set(place);
  place.page = 2;
  expect(await checkpoint.get()).toEqual({ page: 1 });
});

test("a heartbeat throws after an abort", async () => {
  await handlerContext().heartbeat();
  const ctx = handlerContext({ signal: AbortSignal.abort(new Error("stop")) });
  await expect(ctx.heartbeat()).rejects.toThrow("stop");
});
