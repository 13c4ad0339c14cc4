import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { until } from "../../helpers/waiting.ts";
import { batchesIn, checkAll, outcomeOf, startWorker, taskIdsOf } from "../../helpers/worker-process.ts";
import { needsServices } from "../services.ts";
import { databases } from "./databases.ts";

describe.each(databases)("processes on $name", (database) => {
  needsServices(database.name);

  /** Where to store, and a file for the log of the processes. */
  const newPlace = () => {
    const { options, open } = database.newPlace();
    return { store: JSON.stringify(options), log: join(tempFolder(), "batches.log"), open };
  };

  test("a process that is killed repeatedly loses nothing and stores nothing twice", async () => {
    const place = newPlace();
    const work = { seed: 11, count: 8 };
    for (const batches of [1, 12, 25]) {
      const victim = startWorker(place, work, { leaseMs: 3_000 }); // which the next one waits for
      await until(() => batchesIn(place.log) >= batches, `${batches} batches`);
      victim.signal("SIGKILL");
      expect((await victim.outcome).output).toContain("SIGKILL");
    }
    const last = await outcomeOf(startWorker(place, work));
    expect(last.problems).toEqual([]);
    expect(last.processed).toBeGreaterThan(0);
    const store = await place.open();
    await checkAll(store, work, place.log);
    const records = await Promise.all((await taskIdsOf(store)).map((id) => store.readShards(id)));
    expect(records.flat().some(({ lost }) => lost > 0)).toBe(true);
  });

  test("two engines on one database share the work", async () => {
    const place = newPlace();
    const work = { seed: 3, count: 16 };
    const helper = startWorker(place, undefined, { together: 2 });
    await helper.printed("ready");
    const main = await outcomeOf(startWorker(place, work, { together: 2 }));
    helper.signal("SIGTERM");
    for (const each of [main, await outcomeOf(helper)]) {
      expect(each.problems).toEqual([]);
      expect(each.processed).toBeGreaterThan(0);
    }
    await checkAll(await place.open(), work, place.log);
  });
});
