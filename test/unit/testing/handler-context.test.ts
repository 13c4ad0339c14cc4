import { defineHandler } from "flowkit";
import { handlerContext } from "flowkit/testing";
import { expect, test } from "vitest";
import * as z from "zod";

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

test("services are fakes for a handler's own setup, which does not run", async () => {
  interface Rates {
    rateOf(currency: string): Promise<number>;
  }
  const price = defineHandler("price", {
    args: z.object({ currency: z.string() }),
    input: z.object({ amount: z.number() }),
    output: z.object({ price: z.number() }),
    setup: (): Rates => {
      throw new Error("there is no service here");
    },
    async processBatch({ amount }, ctx) {
      ctx.metrics.add("priced", 1);
      return { price: amount * (await ctx.services.rateOf(ctx.args.currency)) };
    },
  });
  const asked: string[] = [];
  const services: Rates = {
    async rateOf(currency) {
      asked.push(currency);
      return 1.5;
    },
  };
  const ctx = handlerContext({ args: { currency: "EUR" }, services });
  expect(await price.processBatch?.({ amount: 2 }, ctx)).toEqual({ price: 3 });
  expect(asked).toEqual(["EUR"]);
  expect(ctx.measured).toEqual({ priced: 1 });
});
