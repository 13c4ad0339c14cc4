import { defineHandler, flow, PermanentError, silentLogger } from "flowkit";
import { createEngine } from "flowkit/engine";
import * as z from "zod";

const Order = z.object({ id: z.string(), cents: z.int() });

const read = defineHandler("read", {
  output: Order,
  *iterBatches() {
    yield { uid: "o1", payload: { id: "o1", cents: 900 } };
    yield { uid: "o2", payload: { id: "o2", cents: 4_500 } };
  },
});
const pay = defineHandler("pay", {
  input: Order,
  output: Order,
  errors: ["declined", "over_limit"],
  processBatch(order) {
    if (order.cents > 1_000) throw new PermanentError("over_limit", `${order.cents} cents are too many`);
    return order;
  },
});
const ship = defineHandler("ship", {
  input: Order,
  output: z.string(),
  processBatch: ({ id }) => `${id} is on its way`,
});
const undo = defineHandler("undo", {
  input: z.object({ nodeId: z.enum(["pay", "ship"]), batchUid: z.string().nullable(), message: z.string() }),
  output: z.string(),
  processBatch: ({ nodeId, batchUid, message }) => `undo '${nodeId}' from ${batchUid} on: ${message}`,
});
const ask = defineHandler("ask", {
  input: z.object({ reasonCode: z.enum(["declined", "over_limit"]) }),
  output: z.string(),
  processBatch: ({ reasonCode }) => (reasonCode === "declined" ? "ask for another card" : "ask for an approval"),
});
const close = defineHandler("close", {
  input: z.object({ nodeId: z.string(), status: z.string() }),
  output: z.string(),
  processBatch: ({ nodeId, status }) => `${nodeId} ${status}`,
});

const paid = flow("orders").node("read", read).then("pay", pay);
const orders = paid.then("ship", ship);
const outcomes = { startWhen: "ended", input: { adapter: "pull.outcomes" } } as const;

/** If one of them has failed. The task still fails, once `undo` has ended. */
const compensated = orders.node("undo", undo, {
  ...outcomes,
  after: ["pay", "ship"],
  where: { status: "failed" },
});

/** By the reason code, which is one of those that the handler declares. Since `pay` is optional, the task finishes. */
const caught = flow("orders")
  .node("read", read)
  .then("pay", pay, { optional: true })
  .node("ship", ship, { after: ["pay"] })
  .node("ask", ask, {
    ...outcomes,
    after: ["pay"],
    where: { status: "failed", reasonCode: ["declined", "over_limit"] },
  });

/** In any case, at the end. */
const closed = orders.node("close", close, { ...outcomes, after: ["read", "pay", "ship"] });

async function all<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

export async function failures() {
  await using engine = await createEngine({
    logger: silentLogger, // the failures are intended
    handlers: [read, pay, ship, undo, ask, close],
  });
  const failing = await engine.run(compensated);
  const { status, failure } = await failing.wait();
  const closing = await engine.run(closed);
  await closing.wait();
  return {
    compensated: { status, failure: `${failure?.nodeId}: ${failure?.reasonCode}` },
    undo: await all(failing.artifacts("undo")),
    caught: await (await engine.run(caught)).result(),
    closed: await all(closing.artifacts("close")),
  };
}
