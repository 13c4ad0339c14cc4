import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import type { Store } from "../../../src/engine/ports/index.ts";
import { randomGraphs } from "../../helpers/random-graph.ts";
import { type RunningProcess, startProcess } from "../../helpers/run-process.ts";
import { misfits } from "../../helpers/stored-results.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { needsServices } from "../services.ts";
import { freshPrefix, openStore } from "./mongo-world.ts";

needsServices("mongodb");

interface Work {
  readonly seed: number;
  readonly count: number;
}

interface Database {
  readonly prefix: string;
  readonly log: string;
}

const nothing: Work = { seed: 0, count: 0 };
const leaseMs = 3_000;

const newDatabase = (): Database => ({ prefix: freshPrefix(), log: join(tempFolder(), "batches.log") });

/** A process on the database, with `count` tasks of its own. */
function startWorker({ prefix, log }: Database, { seed, count }: Work = nothing): RunningProcess {
  const program = resolve("test/services/mongodb/programs/mongo-worker.ts");
  const worker = startProcess(
    process.execPath,
    [program, inject("mongodbUrl"), prefix, log, ...[seed, count, leaseMs].map(String)],
    { timeoutMs: 110_000 },
  );
  onTestFinished(async () => {
    worker.signal("SIGKILL");
    await worker.outcome;
  });
  return worker;
}

async function told({
  outcome,
}: RunningProcess): Promise<{ readonly processed: number; readonly problems: unknown[] }> {
  const { exitCode, output } = await outcome;
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "");
}

/** Every task has finished, with the results of a plain evaluation, and each stored batch was processed by somebody. */
async function checkAll({ prefix, log }: Database, { seed, count }: Work): Promise<Store> {
  const store = await openStore({ url: inject("mongodbUrl"), prefix });
  const { items } = await store.listTasks({ limit: 1_000 });
  expect(items).toHaveLength(count);
  const processed = new Set(readFileSync(log, "utf8").split("\n"));
  for (const [index, nodes] of randomGraphs(seed, count).entries()) {
    const task = items.find(({ idempotencyKey }) => idempotencyKey === `task ${index}`);
    expect(task?.status, `task ${index}`).toBe("finished");
    const id = task?.id ?? "";
    expect(await misfits(store, id, nodes), `task ${index}`).toEqual([]);
    for (const record of await store.readShards(id)) {
      for (const { uid } of await store.readArtifacts(record, record.generation, 0, 10_000)) {
        expect(processed).toContain(`${id}:${record.nodeId}:${uid}`);
      }
    }
  }
  return store;
}

const batchesIn = ({ log }: Database): number => {
  try {
    return readFileSync(log, "utf8").split("\n").length - 1;
  } catch {
    return 0; // the process hasn't come so far
  }
};

test("a process that is killed again and again loses nothing and stores nothing twice", async () => {
  const database = newDatabase();
  const work = { seed: 11, count: 8 };
  for (const batches of [1, 12, 25]) {
    const victim = startWorker(database, work);
    while (batchesIn(database) < batches) await new Promise((done) => setTimeout(done, 5));
    victim.signal("SIGKILL");
    expect((await victim.outcome).output).toContain("SIGKILL");
  }
  const last = await told(startWorker(database, work));
  expect(last.problems).toEqual([]);
  expect(last.processed).toBeGreaterThan(0);
  const store = await checkAll(database, work);
  const { items } = await store.listTasks({ limit: 100 });
  const records = await Promise.all(items.map(({ id }) => store.readShards(id)));
  expect(records.flat().some(({ lost }) => lost > 0)).toBe(true);
});

test("two engines on one database share the work", async () => {
  const database = newDatabase();
  const work = { seed: 3, count: 16 };
  const helper = startWorker(database);
  await helper.printed("ready");
  const main = await told(startWorker(database, work));
  helper.signal("SIGTERM");
  for (const each of [main, await told(helper)]) {
    expect(each.problems).toEqual([]);
    expect(each.processed).toBeGreaterThan(0);
  }
  await checkAll(database, work);
});
