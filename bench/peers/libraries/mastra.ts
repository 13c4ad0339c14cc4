import { createStep, createWorkflow } from "@mastra/core/workflows";
import * as z from "zod";
import type { Program, Programs } from "../program.ts";
import { addOne, itemAt, sizes, start, sumOf } from "../shapes.ts";

/*
 * As on its pages "Workflows overview" and "Control flow". Runs of a workflow that is not registered with a `Mastra`
 * are not stored, which is faster.
 */

const Item = z.object({ n: z.int(), label: z.string() });
type Item = z.infer<typeof Item>;

const step = (id: string) =>
  createStep({ id, inputSchema: Item, outputSchema: Item, execute: async ({ inputData }) => addOne(inputData) });

/** A workflow whose steps are not known to the compiler. */
interface Workflow {
  then(step: unknown): Workflow;
  parallel(steps: readonly unknown[]): Workflow;
  foreach(step: unknown, options: { readonly concurrency: number }): Workflow;
  commit(): Workflow;
  createRun(): Promise<{ start(options: { readonly inputData: unknown }): Promise<Ended> }>;
}

interface Ended {
  readonly status: string;
  readonly result?: unknown;
  readonly error?: unknown;
}

const workflowOf = (id: string, schema: z.ZodType) =>
  createWorkflow({ id, inputSchema: schema, outputSchema: schema }) as unknown as Workflow;

function chainOf(length: number): Workflow {
  let chain = workflowOf("chain", Item);
  for (let n = 1; n <= length; n++) chain = chain.then(step(`s${n}`));
  return chain.commit();
}

async function resultOf<T>(workflow: Workflow, inputData: unknown): Promise<T> {
  const run = await workflow.createRun();
  const { status, result, error } = await run.start({ inputData });
  if (status !== "success") throw new Error(`the run ended as ${status}: ${error}`);
  return result as T;
}

const once = (workflow: Workflow, inputData: unknown): Program => ({ run: () => resultOf(workflow, inputData) });

export const memory: Programs = {
  chain: async () => once(chainOf(sizes.chain), start),
  async fanOut() {
    const branches = Array.from({ length: sizes.branches }, (_, n) => step(`b${n}`));
    const join = createStep({
      id: "join",
      inputSchema: z.object(Object.fromEntries(branches.map(({ id }) => [id, Item]))),
      outputSchema: Item,
      execute: async ({ inputData }) => sumOf(Object.values(inputData)),
    });
    return once(workflowOf("fan-out", Item).then(step("first")).parallel(branches).then(join).commit(), start);
  },
  async tasks() {
    const workflow = chainOf(sizes.taskSteps);
    return {
      async run() {
        return sumOf(await Promise.all(Array.from({ length: sizes.tasks }, () => resultOf<Item>(workflow, start))));
      },
    };
  },
  async stream() {
    let workflow = workflowOf("items", z.array(Item));
    for (let n = 1; n <= sizes.itemSteps; n++) workflow = workflow.foreach(step(`s${n}`), { concurrency: 100 });
    workflow.commit();
    const inputs = Array.from({ length: sizes.items }, (_, n) => itemAt(n));
    return { run: async () => sumOf(await resultOf<readonly Item[]>(workflow, inputs)) };
  },
};
