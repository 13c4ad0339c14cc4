import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import { isTaskTerminal } from "../../../src/core/model/records.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import { seededRandom } from "../../helpers/seeded-random.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { until } from "../../helpers/waiting.ts";
import { batchesIn, checkAll, outcomeOf, startWorker, taskIdsOf } from "../../helpers/worker-process.ts";

/** A file for a store, and one for the log of its processes. */
function newFiles() {
  const store = join(tempFolder(), "runs.db");
  return { store, log: `${store}.log` };
}

async function opened(path: string): Promise<Store> {
  const store = sqliteStore(path);
  await store.open();
  onTestFinished(() => store.close());
  return store;
}

describe("a process that is killed", () => {
  const work = { seed: 11, count: 40 }; // a few seconds of it: the kills must come before its end

  test("repeatedly loses nothing and stores nothing twice; the next one continues without waiting for its leases", async () => {
    const files = newFiles();
    const random = seededRandom(work.seed);
    const leaseMs = 60_000; // more than a slow machine takes from a claim to its worker's death
    for (let kills = 0; kills < 5; kills++) {
      const worker = startWorker(files, work, { leaseMs });
      // The first one dies at any moment, the others in the middle of a batch.
      if (kills === 0) await sleep(random() * 1_500);
      else {
        const enough = batchesIn(files.log) + 1 + Math.floor(random() * 12);
        await until(() => batchesIn(files.log) >= enough, "some batches");
      }
      worker.signal("SIGKILL");
      expect((await worker.outcome).output).toContain("SIGKILL");
    }
    const last = await outcomeOf(startWorker(files, work, { leaseMs }));
    expect(last.problems).toEqual([]);
    expect(last.processed).toBeGreaterThan(0); // otherwise no worker was killed midway
    const store = await opened(files.store);
    await checkAll(store, work, files.log);
    const records = await Promise.all((await taskIdsOf(store)).map((id) => store.readShards(id)));
    expect(records.flat().some(({ lost }) => lost > 0)).toBe(true);
    // Only the dead worker renewed its leases: by the store's clock, each one was ended before its deadline.
    for (const { history } of records.flat()) {
      for (const [index, { cause, at }] of history.entries()) {
        if (cause === "expire") expect(at - (history[index - 1]?.at ?? 0)).toBeLessThan(leaseMs);
      }
    }
  });

  test("leaves tasks that an engine on the file finishes without a call", async () => {
    const files = newFiles();
    const first = startWorker(files, work);
    await first.printed("ready");
    await until(() => batchesIn(files.log) > 0, "work");
    first.signal("SIGKILL");
    await first.outcome;
    const second = startWorker(files);
    await second.printed("ready");
    const store = await opened(files.store);
    const ids = await taskIdsOf(store);
    const ended = async () => {
      const tasks = await Promise.all(ids.map((id) => store.readTask(id)));
      return tasks.every((task) => task !== undefined && isTaskTerminal(task.status));
    };
    await until(ended, "the end of all tasks");
    second.signal("SIGTERM");
    expect(await outcomeOf(second)).toMatchObject({ problems: [] });
    await checkAll(store, work, files.log);
  });
});

test("three processes on one file share the work", async () => {
  const files = newFiles();
  const work = { seed: 3, count: 50 };
  const together = { together: 3 };
  const helpers = [startWorker(files, undefined, together), startWorker(files, undefined, together)];
  await Promise.all(helpers.map((helper) => helper.printed("ready")));
  const main = await outcomeOf(startWorker(files, work, together));
  for (const helper of helpers) helper.signal("SIGTERM");
  for (const each of [main, ...(await Promise.all(helpers.map(outcomeOf)))]) {
    expect(each.problems).toEqual([]);
    expect(each.processed).toBeGreaterThan(0);
  }
  await checkAll(await opened(files.store), work, files.log);
});

test("of three processes on one file, one is killed: the others take over when its leases have expired", async () => {
  const files = newFiles();
  const work = { seed: 5, count: 30 };
  const short = { leaseMs: 2_000 };
  const [victim, helper] = [startWorker(files, undefined, short), startWorker(files, undefined, short)];
  await Promise.all([victim, helper].map((each) => each.printed("ready")));
  const main = startWorker(files, work, short);
  await main.printed("ready");
  await until(() => batchesIn(files.log) > 0, "work");
  victim.signal("SIGKILL");
  await outcomeOf(main);
  helper.signal("SIGTERM");
  await outcomeOf(helper);
  await checkAll(await opened(files.store), work, files.log);
});
