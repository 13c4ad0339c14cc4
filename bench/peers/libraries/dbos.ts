import { DBOS } from "@dbos-inc/dbos-sdk";
import type { Program, Programs } from "../program.ts";
import { sizes, start, sumOf } from "../shapes.ts";
import { checkedStep } from "./item.ts";

/* As on its page "Workflows and steps": a registered function that runs its steps with `DBOS.runStep`. */

async function chain(length: number) {
  let item = start;
  for (let n = 1; n <= length; n++) item = await DBOS.runStep(async () => checkedStep(item), { name: `s${n}` });
  return item;
}

async function programOf(length: number, times: number): Promise<Program> {
  DBOS.setConfig({
    name: "peers",
    applicationVersion: "1",
    systemDatabaseUrl: process.env.POSTGRES_URL,
    logLevel: "error",
  });
  const workflow = DBOS.registerWorkflow(chain, { name: "chain" });
  await DBOS.launch();
  return {
    run: async () => sumOf(await Promise.all(Array.from({ length: times }, () => workflow(length)))),
    close: () => DBOS.shutdown(),
  };
}

export const onPostgres: Programs = {
  storedChain: () => programOf(sizes.chain, 1),
  storedTasks: () => programOf(sizes.taskSteps, sizes.storedTasks),
};
