import { fileURLToPath } from "node:url";
import { start as startRun } from "@workflow/core/runtime";
import { buildWorkflowTests, setupWorkflowTests, teardownWorkflowTests } from "@workflow/vitest";
import type { Program, Programs } from "../program.ts";
import { type Item, sizes, start, sumOf } from "../shapes.ts";

/*
 * As on its page "Testing", which runs workflows in one process on its local world: a folder of JSON files. Elsewhere
 * that world calls each step by HTTP.
 */

const folder = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const options = {
  cwd: folder("workflow/"),
  dataDir: folder("workflow/.cache/data/"),
  outDir: folder("workflow/.cache/out/"),
};
const chain = { workflowId: "workflow//./chain//chain" };

async function programOf(length: number, times: number): Promise<Program> {
  await buildWorkflowTests(options);
  await setupWorkflowTests(options);
  const one = async (): Promise<Item> => {
    const run = await startRun<[number, Item], Item>(chain, [length, start]);
    return run.returnValue;
  };
  return {
    run: async () => sumOf(await Promise.all(Array.from({ length: times }, one))),
    close: teardownWorkflowTests,
  };
}

export const inFiles: Programs = {
  storedChain: () => programOf(sizes.chain, 1),
  storedTasks: () => programOf(sizes.taskSteps, sizes.storedTasks),
};
