import { defineHandler, flow } from "flowkit";
import { createEngine } from "flowkit/engine";
import * as z from "zod";

const Order = z.object({ item: z.string(), price: z.number(), quantity: z.int() });

const read = defineHandler("read", {
  output: z.array(Order),
  *iterBatches() {
    yield { payload: [{ item: "tea", price: 4, quantity: 3 }] };
    yield { payload: [{ item: "pot", price: 20, quantity: 1 }] };
  },
});

const sum = defineHandler("sum", {
  input: z.array(Order),
  output: z.object({ revenue: z.number() }),
  processBatch: (orders) => ({ revenue: orders.reduce((sum, { price, quantity }) => sum + price * quantity, 0) }),
});

const shop = flow("shop").node("read", read).then("sum", sum, { startWhen: "first_batch" });

await using engine = await createEngine({ handlers: shop.handlers });
const task = await engine.run(shop);
console.log(await task.result()); // { sum: [{ revenue: 12 }, { revenue: 20 }] }
