import { PgBoss } from "pg-boss";
import type { Program, Programs } from "../program.ts";
import { type Item, sizes, start, sumOf } from "../shapes.ts";
import { checkedStep, Results } from "./item.ts";

/*
 * It runs single jobs: each sends the next one itself. Notifications wake the workers, by its option `useListenNotify`;
 * without them a worker polls every two seconds.
 */

interface Payload {
  readonly id: string;
  readonly left: number;
  readonly item: Item;
}

/** The shortest intervals that it accepts; its defaults are 2 and 30 seconds. */
const looks = { localConcurrency: sizes.atOnce, pollingIntervalSeconds: 0.5, notifyPollingIntervalSeconds: 0.5 };

async function programOf(length: number, times: number): Promise<Program> {
  const results = new Results();
  const boss = new PgBoss({ connectionString: process.env.POSTGRES_URL, useListenNotify: true });
  boss.on("error", (error) => {
    throw error;
  });
  await boss.start();
  await boss.createQueue("step", { notify: true });
  await boss.work<Payload>("step", looks, async ([job]) => {
    const { id, left, item } = job.data;
    const next = checkedStep(item);
    if (left === 1) results.resolve(id, next);
    else await boss.send("step", { id, left: left - 1, item: next });
  });
  return {
    async run() {
      const chains = Array.from({ length: times }, () => results.next());
      await Promise.all(chains.map(({ id }) => boss.send("step", { id, left: length, item: start })));
      return sumOf(await Promise.all(chains.map(({ result }) => result)));
    },
    close: () => boss.stop({ graceful: false }),
  };
}

export const onPostgres: Programs = {
  storedChain: () => programOf(sizes.chain, 1),
  storedTasks: () => programOf(sizes.taskSteps, sizes.storedTasks),
};
