import { Logger, run, type TaskList } from "graphile-worker";
import type { Program, Programs } from "../program.ts";
import { type Item, sizes, start, sumOf } from "../shapes.ts";
import { checkedStep, Results } from "./item.ts";

/*
 * It runs single jobs: each adds the next one itself, as on its page "Library usage". A repeated job adds its successor
 * again.
 */

interface Payload {
  readonly id: string;
  readonly left: number;
  readonly item: Item;
}

async function programOf(length: number, times: number): Promise<Program> {
  const results = new Results();
  const taskList: TaskList = {
    async step(payload, { addJob }) {
      const { id, left, item } = payload as Payload;
      const next = checkedStep(item);
      if (left === 1) results.resolve(id, next);
      else await addJob("step", { id, left: left - 1, item: next });
    },
  };
  const logger = new Logger(() => () => {});
  const runner = await run({ connectionString: process.env.POSTGRES_URL, concurrency: sizes.atOnce, taskList, logger });
  return {
    async run() {
      const chains = Array.from({ length: times }, () => results.next());
      await Promise.all(chains.map(({ id }) => runner.addJob("step", { id, left: length, item: start })));
      return sumOf(await Promise.all(chains.map(({ result }) => result)));
    },
    close: () => runner.stop(),
  };
}

export const onPostgres: Programs = {
  storedChain: () => programOf(sizes.chain, 1),
  storedTasks: () => programOf(sizes.taskSteps, sizes.storedTasks),
};
