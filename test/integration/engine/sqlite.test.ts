import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import { isTaskTerminal } from "../../../src/engine/model.ts";
import type { Store } from "../../../src/engine/ports/index.ts";
import { randomGraphs } from "../../helpers/random-graph.ts";
import { type RunningProcess, startProcess } from "../../helpers/run-process.ts";
import { seededRandom } from "../../helpers/seeded-random.ts";
import { misfits } from "../../helpers/stored-results.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { until } from "../../helpers/waiting.ts";

interface Told {
  readonly processed: number;
  readonly problems: readonly unknown[];
}

interface Work {
  readonly seed: number;
  readonly count: number;
}

const nothing: Work = { seed: 0, count: 0 };

/** A process on the file, with `count` tasks of its own. */
function startWorker(path: string, { seed, count }: Work = nothing, { leaseMs = 30_000 } = {}) {
  const program = resolve("test/integration/engine/programs/sqlite-worker.ts");
  const worker = startProcess(process.execPath, [program, path, ...[seed, count, leaseMs].map(String)], {
    timeoutMs: 120_000,
  });
  onTestFinished(async () => {
    worker.signal("SIGKILL");
    await worker.outcome;
  });
  return worker;
}

async function told({ outcome }: RunningProcess): Promise<Told> {
  const { exitCode, output } = await outcome;
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as Told;
}

async function opened(path: string): Promise<Store> {
  const store = sqliteStore(path);
  await store.open();
  onTestFinished(() => store.close());
  return store;
}

/** The tasks of {@link startWorker}, by number. */
async function taskIdsOf(store: Store): Promise<readonly string[]> {
  const { items } = await store.listTasks({ limit: 1_000 });
  const numberOf = (key = "") => Number(key.replace("task ", ""));
  return items.toSorted((a, b) => numberOf(a.idempotencyKey) - numberOf(b.idempotencyKey)).map(({ id }) => id);
}

/** Every task has ended, with the results of a plain evaluation, and each stored batch was processed by somebody. */
async function checkAll(path: string, store: Store, { seed, count }: Work) {
  const ids = await taskIdsOf(store);
  expect(ids).toHaveLength(count);
  const processed = new Set(readFileSync(`${path}.log`, "utf8").split("\n"));
  for (const [index, nodes] of randomGraphs(seed, count).entries()) {
    const id = ids[index] ?? "";
    expect(await store.readTask(id), `task ${index}`).toMatchObject({ status: "finished" });
    expect(await misfits(store, id, nodes), `task ${index}`).toEqual([]);
    for (const record of await store.readShards(id)) {
      for (const { uid } of await store.readArtifacts(record, record.generation, 0, 10_000)) {
        expect(processed).toContain(`${id}:${record.nodeId}:${uid}`);
      }
    }
  }
}

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

describe("a process that is killed", () => {
  const work = { seed: 11, count: 40 }; // a few seconds of it: the kills must come before its end

  test("again and again, loses nothing and stores nothing twice; the next one goes on without waiting for its leases", async () => {
    const path = join(tempFolder(), "runs.db");
    const random = seededRandom(work.seed);
    for (let kills = 0; kills < 5; kills++) {
      const worker = startWorker(path, work);
      if (kills > 0) await worker.printed("ready"); // the first one dies at any moment, the others in the middle
      await sleep(random() * (kills > 0 ? 250 : 1_500));
      worker.signal("SIGKILL");
      expect((await worker.outcome).output).toContain("SIGKILL");
    }
    const last = await told(startWorker(path, work));
    expect(last.problems).toEqual([]);
    expect(last.processed).toBeGreaterThan(0); // else nobody was killed in the middle
    const store = await opened(path);
    await checkAll(path, store, work);
    const records = await Promise.all((await taskIdsOf(store)).map((id) => store.readShards(id)));
    expect(records.flat().some(({ lost }) => lost > 0)).toBe(true);
  }, 120_000);

  test("leaves tasks that an engine on the file finishes by itself, without being asked", async () => {
    const path = join(tempFolder(), "runs.db");
    const first = startWorker(path, work);
    await first.printed("ready");
    await sleep(100);
    first.signal("SIGKILL");
    await first.outcome;
    const second = startWorker(path);
    await second.printed("ready");
    const store = await opened(path);
    const ids = await taskIdsOf(store);
    const ended = async () => {
      const tasks = await Promise.all(ids.map((id) => store.readTask(id)));
      return tasks.every((task) => task !== undefined && isTaskTerminal(task.status));
    };
    await until(ended, "the end of all tasks", 25_000);
    second.signal("SIGTERM");
    expect(await told(second)).toMatchObject({ problems: [] });
    await checkAll(path, store, work);
  }, 120_000);
});

test("three processes on one file share the work", async () => {
  const path = join(tempFolder(), "runs.db");
  const work = { seed: 3, count: 50 }; // an idle process looks for work once a second
  const helpers = [startWorker(path), startWorker(path)];
  await Promise.all(helpers.map((helper) => helper.printed("ready")));
  const main = await told(startWorker(path, work));
  for (const helper of helpers) helper.signal("SIGTERM");
  for (const each of [main, ...(await Promise.all(helpers.map(told)))]) {
    expect(each.problems).toEqual([]);
    expect(each.processed).toBeGreaterThan(0);
  }
  await checkAll(path, await opened(path), work);
}, 120_000);

test("of three processes on one file one is killed: the others do its work when its leases have run out", async () => {
  const path = join(tempFolder(), "runs.db");
  const work = { seed: 5, count: 30 };
  const short = { leaseMs: 2_000 };
  const [victim, helper] = [startWorker(path, nothing, short), startWorker(path, nothing, short)];
  await Promise.all([victim, helper].map((each) => each.printed("ready")));
  const main = startWorker(path, work, short);
  await main.printed("ready");
  await until(() => existsSync(`${path}.log`), "work");
  victim.signal("SIGKILL");
  await told(main);
  helper.signal("SIGTERM");
  await told(helper);
  await checkAll(path, await opened(path), work);
}, 120_000);
