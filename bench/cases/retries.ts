import { setTimeout as sleep } from "node:timers/promises";
import { defineHandler } from "flowkit";
import * as z from "zod";
import { engineCase } from "../engine-case.ts";
import { untypedFlow } from "../flows.ts";
import type { Case } from "../measure.ts";
import type { BenchStore } from "../stores.ts";
import { atMostTimesFirst } from "../targets.ts";

/*
 * Orders that are each enriched by a call to a slow service, a fifth of whose calls fail: by a pool of promises with a
 * retry loop, and by a node. Which calls fail is fixed, so both need the same number of calls; a round that makes 1 %
 * more fails.
 */

const orders = 989;
const concurrency = 8;
const failing = 0.2;
const backoffMs = 50;

/** A number from 0 to 1 that is always the same for a call of an order. */
function drawn(order: number, call: number): number {
  let hash = Math.imul(order + 1, 0x9e3779b1) ^ Math.imul(call + 1, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
}

/** The service: answers within 20 to 80 ms. */
class Service {
  readonly #callsOf = new Map<number, number>();
  calls = 0;

  async enrich(order: number): Promise<number> {
    const call = (this.#callsOf.get(order) ?? 0) + 1;
    this.#callsOf.set(order, call);
    this.calls++;
    await sleep(20 + 60 * drawn(order, -call));
    if (drawn(order, call) < failing) throw new Error("503");
    return order * 2;
  }

  /** @throws if there were more calls than the failed ones require */
  check(): void {
    let needed = 0;
    for (let order = 0; order < orders; order++) {
      for (let call = 1; needed++ >= 0 && drawn(order, call) < failing; call++);
    }
    if (Math.abs(this.calls - needed) > needed / 100) throw new Error(`${this.calls} calls instead of ${needed}`);
  }
}

/** Replaced in each round. */
let service = new Service();

/** Eight loops over a queue; an order whose call failed returns to it after the backoff. */
async function enrichAll(): Promise<void> {
  const queue = Array.from({ length: orders }, (_, order) => order);
  let left = orders;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      const order = queue.shift();
      if (order === undefined) await sleep(1);
      else {
        try {
          await service.enrich(order);
          left--;
        } catch {
          void sleep(backoffMs).then(() => queue.push(order));
        }
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

const what = { group: "retries of 989 orders", unit: "order", units: orders, isLong: true };

const pool: Case = {
  ...what,
  name: "retries of 989 orders, a plain pool of 8",
  prepare: async () => ({
    async run() {
      service = new Service();
      await enrichAll();
      service.check();
      return undefined;
    },
    async [Symbol.asyncDispose]() {},
  }),
};

const Order = z.object({ id: z.int() });

const read = defineHandler("read", {
  output: Order,
  *iterBatches() {
    service = new Service();
    for (let id = 0; id < orders; id++) yield { payload: { id } };
  },
});

const enrich = defineHandler("enrich", {
  input: Order,
  output: z.object({ price: z.int() }),
  concurrency,
  processBatch: async ({ id }) => ({ price: await service.enrich(id) }),
  finalize: () => service.check(),
});

const node = (store: BenchStore): Case =>
  engineCase({
    ...what,
    name: `retries of 989 orders, a node on ${store}`,
    handlers: [read, enrich],
    graph: untypedFlow("orders")
      .node("read", read)
      .then("enrich", enrich, { retry: { max: 20, backoffSec: backoffMs / 1000 } })
      .compile(),
    store,
    target: atMostTimesFirst(1.15),
  });

export const retries = [pool, node("memory"), node("SQLite")];
