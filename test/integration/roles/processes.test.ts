import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { RunningProcess } from "../../helpers/run-process.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";
import { checkAll, outcomeOf, startProgram, type Work } from "../../helpers/worker-process.ts";

/* Processes that share a SQLite file but no bus. */
const startRole = (path: string, ...args: readonly (string | number)[]): RunningProcess =>
  startProgram("test/integration/engine/programs/sqlite-role.ts", [path, ...args]);

async function checkFile(path: string, work: Work): Promise<void> {
  const store = sqliteStore(path);
  await store.open();
  onTestFinished(() => store.close());
  await checkAll(store, work);
}

test("a coordinator and two workers with different roles, each a process, give the results of a plain evaluation", async () => {
  const path = join(tempFolder(), "runs.db");
  const coordinator = startRole(path, "coordinator", 21, 12);
  await coordinator.printed("ready"); // before any worker runs
  const workers = ["source,restarter", "step,once"].map((roles) => startRole(path, "worker", roles));
  expect(await outcomeOf(coordinator)).toEqual({ processed: 0, problems: [] });
  for (const worker of workers) {
    worker.signal("SIGTERM");
    const { processed, problems } = await outcomeOf(worker);
    expect(problems).toEqual([]);
    expect(processed).toBeGreaterThan(0);
  }
  await checkFile(path, { seed: 21, count: 12 });
});

test("a client's tasks survive if the coordinator and a worker are killed while running them", async () => {
  const path = join(tempFolder(), "runs.db");
  const all = "source,restarter,step,once";
  // The leases that these processes have when they are killed must expire; all other leases are longer than a busy machine
  // needs.
  const leaseMs = 2_000;
  const first = [startRole(path, "coordinator", 0, 0, leaseMs), startRole(path, "worker", all, 0, leaseMs)] as const;
  await Promise.all(first.map((part) => part.printed("ready")));
  const client = startRole(path, "client", 22, 12);
  await client.printed("ready");
  for (const part of first) part.signal("SIGKILL");
  await Promise.all(first.map(({ outcome }) => outcome));
  const second = [startRole(path, "coordinator"), startRole(path, "worker", all)] as const;
  expect(await outcomeOf(client)).toEqual({ processed: 0, problems: [] });
  for (const part of second) part.signal("SIGTERM");
  const [coordinator, worker] = await Promise.all(second.map(outcomeOf));
  expect(coordinator).toEqual({ processed: 0, problems: [] });
  expect(worker).toMatchObject({ problems: [] });
  expect(worker?.processed).toBeGreaterThan(0); // otherwise the kill came too late
  await checkFile(path, { seed: 22, count: 12 });
});
