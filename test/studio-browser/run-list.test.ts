import { expect, onTestFinished, test } from "vitest";
import { RunList } from "../../studio/src/api/run-list.ts";
import type { ListEvents, TaskPage, TaskRow, Waiting, WaitingList } from "../../studio/src/api/source.ts";
import { until } from "../helpers/waiting.ts";

const pageSize = 10;

const row = (n: number, state: TaskRow["state"] = "finished"): TaskRow => ({
  id: `run-${n}`,
  createdAt: n,
  state,
  priority: 0,
});

/** Runs with numbers, the newest first; a cursor is the number after which a page begins. */
class Server {
  runs = new Map<number, TaskRow>();
  /** The beginning of each page that was read. */
  readonly reads: (string | undefined)[] = [];
  readonly asked: (readonly string[])[] = [];
  waitingRuns: Readonly<Record<string, Waiting>> = {};
  isGone = false;
  /** Delays an answer after it was computed. */
  delay: () => Promise<void> = async () => {};
  listeners: { reset(data: ListEvents["reset"]): void; tasks(data: ListEvents["tasks"]): void } | undefined;

  constructor(count: number) {
    for (let n = 1; n <= count; n++) this.runs.set(n, row(n));
  }

  async tasks(_: unknown, cursor: string | undefined): Promise<TaskPage> {
    this.reads.push(cursor);
    if (this.isGone) throw new TypeError("Failed to fetch");
    const below = [...this.runs.keys()].filter((n) => cursor === undefined || n < Number(cursor)).sort((a, b) => b - a);
    const numbers = below.slice(0, pageSize);
    const items = numbers.flatMap((n) => this.runs.get(n) ?? []);
    await this.delay();
    return below.length > pageSize ? { items, cursor: String(numbers.at(-1)) } : { items };
  }
  async waiting(ids: readonly string[]): Promise<WaitingList> {
    this.asked.push(ids);
    return {
      items: ids.flatMap((taskId) => {
        const waiting = this.waitingRuns[taskId];
        return waiting === undefined ? [] : [{ taskId, ...waiting }];
      }),
    };
  }
  streamTasks(_: unknown, listeners: NonNullable<Server["listeners"]>): () => void {
    this.listeners = listeners;
    return () => {
      this.listeners = undefined;
    };
  }
  reset = () => this.listeners?.reset({ at: 0 });
  change = (...changed: readonly TaskRow[]) => this.listeners?.tasks({ at: 0, changed, removed: [] });
}

function listOf(server: Server) {
  const list = new RunList(server, {});
  onTestFinished(list.open());
  const ids = () => list.current().rows.map(({ id }) => id);
  const states = () => new Set(list.current().rows.map(({ state }) => state));
  /** Waits until nothing more is read. */
  const settled = async () => {
    for (let before = -1; before !== server.reads.length; await new Promise((done) => setImmediate(done))) {
      before = server.reads.length;
    }
  };
  return { list, ids, states, settled };
}

/** More than the list reads ahead. */
const many = 1_000;
const numbers = (from: number, to: number) =>
  Array.from({ length: from - to + 1 }, (_, index) => `run-${from - index}`);

test("pages are read when they are nearly in view, each once", async () => {
  const server = new Server(many);
  const { list, ids, settled } = listOf(server);
  await settled();
  expect(ids()).toEqual(numbers(1_000, 591));
  expect(list.current()).toMatchObject({ hasMore: true, isPending: false, error: null });
  list.show(600, 620);
  await settled();
  expect(ids()).toEqual(numbers(1_000, 1));
  expect(list.current().hasMore).toBe(false);
  expect(new Set(server.reads).size).toBe(server.reads.length);
});

test("after an interruption, pages are read again once they are shown, and no others", async () => {
  const server = new Server(many);
  const { list, ids, states, settled } = listOf(server);
  list.show(980, 999);
  await settled();
  server.reads.length = 0;
  for (const n of server.runs.keys()) server.runs.set(n, row(n, "failed"));
  server.reset();
  await settled();
  expect(server.reads).toEqual(["31", "21", "11"]);
  expect(
    list
      .current()
      .rows.slice(-20)
      .map(({ state }) => state),
  ).toEqual(Array(20).fill("failed"));
  expect(states()).toEqual(new Set(["finished", "failed"]));
  list.show(500, 504);
  await settled();
  expect(server.reads.slice(3)).toEqual(["511", "501"]);
  expect(ids()).toEqual(numbers(1_000, 1));
});

test("runs that were started during an interruption appear at the top, without a gap", async () => {
  const server = new Server(many);
  const { list, ids, settled } = listOf(server);
  list.show(980, 999);
  await settled();
  for (let n = many + 1; n <= many + 35; n++) server.runs.set(n, row(n));
  server.reset();
  await settled();
  expect(ids()).toEqual(numbers(1_000, 1));
  list.show(0, 20);
  await settled();
  const shown = ids();
  expect(shown).toEqual(numbers(1_035, 1_035 - shown.length + 1));
  expect(shown.length).toBeGreaterThan(400);
});

test("a change that comes while a page is read is not undone by the older page", async () => {
  const server = new Server(5);
  const answers = Promise.withResolvers<void>();
  server.delay = () => answers.promise;
  const { list, settled } = listOf(server);
  server.change(row(3, "failed"), row(6, "running"));
  answers.resolve();
  await settled();
  expect(list.current().rows.map(({ id, state }) => `${id} ${state}`)).toEqual([
    "run-6 running",
    "run-5 finished",
    "run-4 finished",
    "run-3 failed",
    "run-2 finished",
    "run-1 finished",
  ]);
});

test("a change draws new runs first, and leaves older ones to their pages", async () => {
  const server = new Server(many);
  const { list, ids, settled } = listOf(server);
  await settled();
  server.change(row(1_001, "running"), row(2, "failed"));
  server.listeners?.tasks({ at: 0, changed: [], removed: ["run-999"] });
  expect(ids()).toEqual(["run-1001", "run-1000", ...numbers(998, 591)]);
  expect(list.current().rows[0]?.state).toBe("running");
});

test("a failed read is tried again", async () => {
  const server = new Server(5);
  server.isGone = true;
  const { list, ids } = listOf(server);
  await until(() => list.current().error !== null, "the error");
  server.isGone = false;
  await until(() => ids().length === 5, "the rows");
  expect(list.current().error).toBeNull();
});

test("only for running runs that are shown, the list asks what they wait for, and it changes only what has changed", async () => {
  const server = new Server(0);
  for (let n = 1; n <= 9; n++) server.runs.set(n, row(n, n % 2 === 0 ? "running" : "finished"));
  server.waitingRuns = { "run-8": { nodeId: "approve", for: "signal", others: 0 } };
  const { list } = listOf(server);
  list.show(0, 3);
  await until(() => list.current().waiting.size === 1, "what it waits for");
  expect(server.asked.at(-1)).toEqual(["run-8", "run-6"]);
  const before = list.current();
  expect(before.waiting.get("run-8")).toEqual({ nodeId: "approve", for: "signal", others: 0 });
  server.change();
  const count = server.asked.length;
  await until(() => server.asked.length > count, "another question");
  expect(list.current().waiting.get("run-8")).toBe(before.waiting.get("run-8"));
  server.waitingRuns = {};
  server.change();
  await until(() => list.current().waiting.size === 0, "that it goes on");
});
