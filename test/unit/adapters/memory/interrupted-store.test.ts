import { expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../../../src/adapters/memory/index.ts";
import type { Attempt } from "../../../../src/core/model/records.ts";
import type { Store } from "../../../../src/core/ports/index.ts";
import { artifactOf, claimed, newTask, recordOf, runningShard, shardOf } from "../../../contract/store/fixture.ts";

/** A process whose store stops at a named step until it is resumed, and another one whose store does not stop. */
function interruptible() {
  const state = new MemoryState();
  let now = 0;
  const slow = memoryStore({ state, now: () => now, step: (label) => gate(label) });
  const other = memoryStore({ state, now: () => now });
  let place: string | undefined;
  let letGo = (): void => {};
  let arrived = Promise.resolve();
  let arrive = (): void => {};

  const gate = (label: string): Promise<void> => {
    if (label !== place) return Promise.resolve();
    place = undefined;
    arrive();
    return new Promise((resolve) => {
      letGo = resolve;
    });
  };

  return {
    slow,
    other,
    /** Starts the call and resolves when it has reached the step. */
    async stopAt<T>(label: string, call: (store: Store) => Promise<T>): Promise<{ resume: () => Promise<T> }> {
      place = label;
      arrived = new Promise((resolve) => {
        arrive = resolve;
      });
      const answer = call(slow);
      await arrived;
      return {
        resume: () => {
          letGo();
          return answer;
        },
      };
    },
    async takeOver(attempt: Attempt): Promise<Attempt> {
      now += 1_000;
      await other.expire(attempt, 5);
      return claimed(other, attempt, 500);
    },
  };
}

test("an insert in flight when its lease is lost becomes a valid next entry", async () => {
  const { slow, other, stopAt, takeOver } = interruptible();
  const stale = await runningShard(slow, shardOf(), 500);
  await slow.append(stale, 0, artifactOf(0));
  const { resume } = await stopAt("append:insert", async (store) => store.append(stale, 0, artifactOf(1)));
  const holder = await takeOver(stale);

  expect(await resume()).toBe("ok");
  expect(await slow.append(stale, 0, artifactOf(2))).toBe("fenced");

  expect(await other.append(holder, 0, artifactOf(1))).toBe("conflict");
  const { length } = await other.tail(holder, 0);
  expect(length).toBe(2);
  expect(await other.append(holder, 0, artifactOf(length))).toBe("ok");
  expect(await other.complete(holder, { generation: 0, count: 3 })).toBe("ok");
  const log = await other.readArtifacts(holder, 0, 0, 10);
  expect(log.map(({ seq, epoch }) => [seq, epoch])).toEqual([
    [0, 1],
    [1, 1],
    [2, 2],
  ]);
});

test("an insert that arrives after one of the next attempt is a conflict and changes nothing", async () => {
  const { slow, other, stopAt, takeOver } = interruptible();
  const stale = await runningShard(slow, shardOf(), 500);
  const { resume } = await stopAt("append:insert", async (store) => store.append(stale, 0, artifactOf(0)));
  const holder = await takeOver(stale);
  expect(await other.append(holder, 0, artifactOf(0))).toBe("ok");

  expect(await resume()).toBe("conflict");

  const log = await other.readArtifacts(holder, 0, 0, 10);
  expect(log.map(({ claimId }) => claimId)).toEqual([holder.claimId]);
});

test("an insert that arrives after the complete marker is a conflict", async () => {
  const { slow, other, stopAt, takeOver } = interruptible();
  const stale = await runningShard(slow, shardOf(), 500);
  const { resume } = await stopAt("append:insert", async (store) => store.append(stale, 0, artifactOf(0)));
  const holder = await takeOver(stale);
  await other.complete(holder, { generation: 0, count: 0 });

  expect(await resume()).toBe("conflict");

  expect(await other.tail(holder, 0)).toMatchObject({ length: 0, closed: true });
});

test("a complete marker that arrives after a stale insert is a conflict", async () => {
  const { slow, other, stopAt, takeOver } = interruptible();
  const stale = await runningShard(slow, shardOf(), 500);
  const insert = await stopAt("append:insert", async (store) => store.append(stale, 0, artifactOf(0)));
  const holder = await takeOver(stale);
  expect(await insert.resume()).toBe("ok");
  expect(await other.complete(holder, { generation: 0, count: 0 })).toBe("conflict");
  expect(await recordOf(other, holder)).toMatchObject({ status: "running" });
  expect(await other.complete(holder, { generation: 0, count: 1 })).toBe("ok");
});

test("an attempt that loses its lease between marker and record does not finish; the next one finds the log closed", async () => {
  const { slow, other, stopAt, takeOver } = interruptible();
  const stale = await runningShard(slow, shardOf(), 500);
  await slow.append(stale, 0, artifactOf(0));
  const outcome = { generation: 0, count: 1 };
  const { resume } = await stopAt("complete:finish", async (store) => store.complete(stale, outcome));
  const holder = await takeOver(stale);
  expect(await resume()).toBe("fenced");
  expect(await recordOf(other, holder)).toMatchObject({ status: "running", epoch: 2 });

  expect(await other.tail(holder, 0)).toMatchObject({ length: 1, closed: true });
  expect(await other.append(holder, 0, artifactOf(1))).toBe("conflict");
  expect(await other.complete(holder, { generation: 0, count: 2 })).toBe("conflict");
  expect(await other.complete(holder, outcome)).toBe("ok");
});

test("a cancel between fence and marker keeps the shard from finishing", async () => {
  const { slow, other, stopAt } = interruptible();
  const attempt = await runningShard(slow, shardOf(), 500);
  const { resume } = await stopAt("complete:marker", async (store) =>
    store.complete(attempt, { generation: 0, count: 0 }),
  );
  expect(await other.cancelShard(attempt, { type: "extractor", graceMs: 1_000 })).toBe("cancelling");
  expect(await resume()).toBe("cancelling");
  expect(await other.confirmCancelled(attempt)).toBe("ok");
});

test("an interrupted call and a concurrent one share the due tasks", async () => {
  const { slow, other, stopAt } = interruptible();
  for (const id of ["a", "b", "c"]) await slow.createTask(newTask(id));
  const { resume } = await stopAt("dueTasks", (store) => store.dueTasks(10, 1_000));
  const [mine] = [await other.dueTasks(2, 1_000)];
  const theirs = await resume();
  expect(mine).toHaveLength(2);
  expect([...mine, ...theirs].toSorted()).toEqual(["a", "b", "c"]);
});
