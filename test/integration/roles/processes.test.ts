import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import { randomGraphs } from "../../helpers/random-graph.ts";
import { type RunningProcess, startProcess } from "../../helpers/run-process.ts";
import { misfits } from "../../helpers/stored-results.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

interface Told {
  readonly processed: number;
  readonly problems: readonly unknown[];
}

/* Processes that share a SQLite file, and no bus. */
function startRole(path: string, ...args: readonly (string | number)[]): RunningProcess {
  const program = resolve("test/integration/engine/programs/sqlite-role.ts");
  const role = startProcess(process.execPath, [program, path, ...args.map(String)], { timeoutMs: 120_000 });
  onTestFinished(async () => {
    role.signal("SIGKILL");
    await role.outcome;
  });
  return role;
}

async function told({ outcome }: RunningProcess): Promise<Told> {
  const { exitCode, output } = await outcome;
  expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  return JSON.parse(output.trimEnd().split("\n").at(-1) ?? "") as Told;
}

async function checkAll(path: string, seed: number, count: number): Promise<void> {
  const store = sqliteStore(path);
  await store.open();
  onTestFinished(() => store.close());
  const { items } = await store.listTasks({ limit: 1_000 });
  expect(items).toHaveLength(count);
  for (const { id, status, idempotencyKey = "" } of items) {
    expect(status, idempotencyKey).toBe("finished");
    const nodes = randomGraphs(seed, count)[Number(idempotencyKey.replace("task ", ""))] ?? [];
    expect(await misfits(store, id, nodes), idempotencyKey).toEqual([]);
  }
}

test("a coordinator and two workers with different roles, each a process, give the plain evaluation's results", async () => {
  const path = join(tempFolder(), "runs.db");
  const coordinator = startRole(path, "coordinator", 21, 12);
  await coordinator.printed("ready"); // before there is a worker
  const workers = ["source,restarter", "step,once"].map((roles) => startRole(path, "worker", roles));
  expect(await told(coordinator)).toEqual({ processed: 0, problems: [] });
  for (const worker of workers) {
    worker.signal("SIGTERM");
    const { processed, problems } = await told(worker);
    expect(problems).toEqual([]);
    expect(processed).toBeGreaterThan(0);
  }
  await checkAll(path, 21, 12);
}, 120_000);

test("a client's tasks survive the end of the coordinator and of a worker in their middle", async () => {
  const path = join(tempFolder(), "runs.db");
  const all = "source,restarter,step,once";
  const first = [startRole(path, "coordinator"), startRole(path, "worker", all)] as const;
  await Promise.all(first.map((part) => part.printed("ready")));
  const client = startRole(path, "client", 22, 12);
  await client.printed("ready");
  for (const part of first) part.signal("SIGKILL");
  await Promise.all(first.map(({ outcome }) => outcome));
  const second = [startRole(path, "coordinator"), startRole(path, "worker", all)] as const;
  expect(await told(client)).toEqual({ processed: 0, problems: [] });
  for (const part of second) part.signal("SIGTERM");
  const [coordinator, worker] = await Promise.all(second.map(told));
  expect(coordinator).toEqual({ processed: 0, problems: [] });
  expect(worker).toMatchObject({ problems: [] });
  expect(worker?.processed).toBeGreaterThan(0); // else nobody was killed in the middle
  await checkAll(path, 22, 12);
}, 120_000);
