import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, onTestFinished } from "vitest";
import type { Store } from "../../src/core/ports/index.ts";
import { randomGraphs } from "./random-graph.ts";
import { type RunningProcess, startProcess } from "./run-process.ts";
import { misfits } from "./stored-results.ts";

/** Random graphs by seed. */
export interface Work {
  readonly seed: number;
  readonly count: number;
}

/** The output of a test program when it ends. */
interface ProgramOutcome {
  readonly processed: number;
  readonly problems: readonly unknown[];
}

/** Starts a test program, which is killed at the end of the test. */
export function startProgram(path: string, args: readonly (string | number)[]): RunningProcess {
  const program = startProcess(process.execPath, [resolve(path), ...args.map(String)]);
  onTestFinished(async () => {
    program.signal("SIGKILL");
    await program.outcome;
  });
  return program;
}

/**
 * Starts an engine in a separate process on a store, with or without its own tasks.
 *
 * @param at.store - a SQLite file, or the options of a MongoDB or PostgreSQL store as JSON
 * @param at.log - receives a line for each processed batch
 * @param options.together - number of processes of the log that must have a batch before any of them processes one
 */
export function startWorker(
  at: { readonly store: string; readonly log: string },
  { seed, count }: Work = { seed: 0, count: 0 },
  { leaseMs = 60_000, together = 1 } = {},
): RunningProcess {
  const { store, log } = at;
  return startProgram("test/integration/engine/programs/store-worker.ts", [store, log, seed, count, leaseMs, together]);
}

/** How many batches the processes of a log have processed. */
export const batchesIn = (log: string): number =>
  existsSync(log) ? readFileSync(log, "utf8").split("\n").length - 1 : 0;

/** Its final output; it must have succeeded. */
export async function outcomeOf({ outcome }: RunningProcess): Promise<ProgramOutcome> {
  const { exitCode, output } = await outcome;
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as ProgramOutcome;
}

/** The tasks of {@link startWorker}, by number. */
export async function taskIdsOf(store: Store): Promise<readonly string[]> {
  const { items } = await store.listTasks({ limit: 1_000 });
  const numberOf = (key = "") => Number(key.replace("task ", ""));
  return items.toSorted((a, b) => numberOf(a.idempotencyKey) - numberOf(b.idempotencyKey)).map(({ id }) => id);
}

/**
 * Checks that every task finished with the results of a plain evaluation and, if there is a log, that each stored batch
 * was processed by a worker.
 */
export async function checkAll(store: Store, { seed, count }: Work, log?: string): Promise<void> {
  const ids = await taskIdsOf(store);
  expect(ids).toHaveLength(count);
  const processed = log === undefined ? undefined : new Set(readFileSync(log, "utf8").split("\n"));
  for (const [index, nodes] of randomGraphs(seed, count).entries()) {
    const id = ids[index] ?? "";
    expect(await store.readTask(id), `task ${index}`).toMatchObject({ status: "finished" });
    expect(await misfits(store, id, nodes), `task ${index}`).toEqual([]);
    if (processed === undefined) continue;
    for (const record of await store.readShards(id)) {
      for (const { uid } of await store.readArtifacts(record, record.generation, 0, 10_000)) {
        expect(processed).toContain(`${id}:${record.nodeId}:${uid}`);
      }
    }
  }
}
