import { type FlowChildJob, FlowProducer, Queue, QueueEvents, Worker } from "bullmq";
import type { Program, Programs } from "../program.ts";
import { type Item, sizes, start, sumOf } from "../shapes.ts";
import { checkedStep } from "./item.ts";

/* As on its page "Flows": a job runs after its children, and reads their values. */

const chainOf = (length: number): FlowChildJob => ({
  name: `s${length}`,
  queueName: "steps",
  ...(length === 1 ? { data: start } : { data: {}, children: [chainOf(length - 1)] }),
});

async function programOf(length: number, times: number): Promise<Program> {
  const connection = { host: "127.0.0.1", port: Number(process.env.REDIS_PORT) };
  const flows = new FlowProducer({ connection });
  const queue = new Queue("steps", { connection });
  const events = new QueueEvents("steps", { connection });
  const worker = new Worker(
    "steps",
    async (job) => {
      const [input = job.data] = Object.values(await job.getChildrenValues<Item>());
      return checkedStep(input);
    },
    { connection, concurrency: sizes.atOnce },
  );
  await Promise.all([worker.waitUntilReady(), events.waitUntilReady()]);
  return {
    async run() {
      const roots = await Promise.all(Array.from({ length: times }, () => flows.add(chainOf(length))));
      return sumOf(await Promise.all(roots.map(({ job }) => job.waitUntilFinished(events))));
    },
    async close() {
      for (const each of [worker, events, queue, flows]) await each.close();
    },
  };
}

export const onRedis: Programs = {
  storedChain: () => programOf(sizes.chain, 1),
  storedTasks: () => programOf(sizes.taskSteps, sizes.storedTasks),
};
