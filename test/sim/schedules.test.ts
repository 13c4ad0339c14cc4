import { describe, expect, test } from "vitest";
import { MemoryState, memoryStore } from "../../src/adapters/memory/index.ts";
import { CronTimes } from "../../src/core/coordinator/cron-times.ts";
import {
  fireSchedule,
  type Overlap,
  putSchedule,
  scheduleEntry,
  scheduleOf,
} from "../../src/core/coordinator/schedules.ts";
import type { Store } from "../../src/core/ports/index.ts";
import { silentLogger } from "../../src/definitions/index.ts";
import { FlowError } from "../../src/errors/index.ts";
import { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import { node, parsed } from "../helpers/graphs.ts";

/*
 * Coordinators that fire one schedule at once, with calls that interleave, fail, lose their answers and outlive their
 * callers, over restarts and downtimes. Between two phases time passes and some tasks end.
 */

const [second, minute, hour] = [1_000, 60_000, 3_600_000];
const start = Date.parse("2026-03-27T00:10:00Z"); // two days before Berlin's clock changes
const phases = 14;
const crons = ["*/20 * * * *", "0 * * * *", "30 2 * * *", "15,45 1-3 * * *"];
const overlaps: readonly Overlap[] = ["skip", "queue", "allow", "replace"];
const key = { kind: "schedule", id: "s" } as const;

class Crash extends Error {}

interface CreatedTask {
  readonly id: string;
  readonly dueAt: number;
  readonly phase: number;
  readonly lateMs: number;
}

class World {
  readonly random: SeededRandom;
  readonly state = new MemoryState();
  readonly real = memoryStore({ state: this.state, now: () => this.now });
  readonly rule: { readonly cron: string; readonly timeZone: string };
  readonly overlap: Overlap;
  readonly catchUp: number;
  readonly created: CreatedTask[] = [];
  readonly open = new Set<string>();
  now = start;
  phase = 0;
  #parked: (() => void)[] = [];
  #ids = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
    const { random } = this;
    this.rule = { cron: this.#oneOf(crons), timeZone: this.#oneOf(["Europe/Berlin", "UTC"]) };
    this.overlap = this.#oneOf(overlaps);
    this.catchUp = random.int(4);
  }

  #oneOf<T>(items: readonly T[]): T {
    return items[this.random.int(items.length)] as T;
  }

  park(): Promise<void> {
    return new Promise((go) => void this.#parked.push(go));
  }

  put(store: Store): Promise<unknown> {
    const definition = {
      graph: parsed(node("a")),
      params: {},
      ...this.rule,
      overlap: this.overlap,
      catchUp: this.catchUp,
    };
    return store.updateEntry(key, (entry, now) => ({
      answer: undefined,
      next: scheduleEntry(putSchedule(definition, scheduleOf(entry), now)),
    }));
  }

  /** The store as a coordinator sees it; `faulty` calls fail, and may do so after their effect. */
  #storeOf(life: { dead: boolean; readonly faulty: boolean }): Store {
    const { real, random } = this;
    return new Proxy(real, {
      get: (target, name: keyof Store) => {
        const call = target[name] as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          await this.park();
          if (life.dead) throw new Crash();
          if (life.faulty && random.chance(0.06)) throw unavailable();
          const answer = await call.apply(target, args);
          await this.park();
          if (life.faulty && random.chance(0.05)) life.dead = true;
          if (life.dead) throw new Crash();
          if (life.faulty && random.chance(0.06)) throw unavailable();
          return answer;
        };
      },
    });
  }

  /** Fires until nothing is due, or until it crashes. */
  async #coordinator(faulty: boolean): Promise<void> {
    const life = { dead: false, faulty };
    const store = this.#storeOf(life);
    const firing = {
      store,
      logger: silentLogger,
      createTask: async ({
        graph,
        idempotencyKey = "",
      }: Parameters<Parameters<typeof fireSchedule>[0]["createTask"]>[0]) => {
        const id = `t${this.#ids++}`;
        await this.park();
        if (life.dead) throw new Crash();
        const { id: found, outcome } = await this.real.createTask({
          id,
          graph,
          params: {},
          priority: 0,
          idempotencyKey,
        });
        if (outcome === "created") this.#onCreated(id, Date.parse(idempotencyKey.replace(/^schedule:s:/, "")));
        await this.park();
        if (life.dead) throw new Crash();
        return { id: found, created: outcome === "created" };
      },
      cancelTask: async (id: string) => {
        if (this.overlap !== "replace") throw new Error(`cancelled ${id}, the only task of its run`);
        return this.real.cancelTask(id, "replaced");
      },
    };
    for (;;) {
      try {
        const { due } = await store.dueEntries("schedule", 5);
        if (due.length === 0) return;
        for (const id of due) await fireSchedule(firing, id);
      } catch (error) {
        if (error instanceof Crash) return;
        if (!FlowError.is(error, "STORE_UNAVAILABLE")) throw error;
      }
    }
  }

  #onCreated(id: string, dueAt: number): void {
    if (this.overlap !== "allow")
      expect([...this.open], "tasks that are open when the next one is created").toEqual([]);
    this.open.add(id);
    this.created.push({ id, dueAt, phase: this.phase, lateMs: this.now - dueAt });
  }

  async runPhase(): Promise<void> {
    let running = 0;
    const begin = (faulty: boolean) => {
      running++;
      void this.#coordinator(faulty)
        .catch((error: unknown) => {
          this.#failure ??= error;
        })
        .finally(() => {
          running--;
        });
    };
    for (let count = 1 + this.random.int(3); count > 0; count--) begin(true);
    begin(false); // one of them survives
    if (this.random.chance(0.4)) void this.park().then(() => this.put(this.real)); // a program that starts meanwhile
    while (running > 0) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
      const at = this.random.int(this.#parked.length);
      this.#parked.splice(at, 1)[0]?.();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  #failure: unknown;

  /** Ends this task, or all that were cancelled. */
  async end(id: string): Promise<void> {
    if (!(await this.real.finishTask(id))) await this.real.closeTask(id);
    this.open.delete(id);
  }

  async between(): Promise<void> {
    const { random } = this;
    for (const id of [...this.open]) if (random.chance(0.5)) await this.end(id);
    if (random.chance(0.3)) await this.put(this.real); // a program that starts again
    this.now += this.#oneOf([second, 30 * second, minute, 15 * minute, hour, 3 * hour, 26 * hour]);
    this.phase++;
  }
}

const unavailable = () => new FlowError("STORE_UNAVAILABLE", "simulated", { retryable: true });

/** All runs up to an instant. */
function occurrences({ rule }: World, to: number): readonly number[] {
  const times = new CronTimes(rule.cron, rule.timeZone);
  const found: number[] = [];
  for (let at = times.next(start); at !== undefined && at <= to; at = times.next(at)) found.push(at);
  return found;
}

async function run(seed: number): Promise<void> {
  const world = new World(seed);
  await world.put(world.real);
  for (let phase = 0; phase < phases; phase++) {
    const before = await recordOf(world);
    const wasOpen = world.open.size > 0;
    await world.between();
    await world.runPhase();
    const late = world.created.filter((each) => each.phase === world.phase && each.lateMs >= minute);
    const most = world.overlap === "queue" ? Math.max(1, world.catchUp) : world.catchUp;
    expect(late.length, "runs that were made up").toBeLessThanOrEqual(most);
    if (world.overlap === "allow" || (world.overlap === "skip" && !wasOpen && world.catchUp === 1)) {
      const missed = occurrences(world, world.now - minute).filter((at) => at >= (before.dueAt ?? start));
      expect(
        late.map(({ dueAt }) => dueAt),
        "the newest of those that were missed",
      ).toEqual(missed.slice(missed.length - Math.min(world.catchUp, missed.length)));
    }
    // Every due run has a task, or waits for one.
    const { dueAt = 0 } = await recordOf(world);
    if (world.open.size === 0 || world.overlap === "skip" || world.overlap === "allow") {
      expect(dueAt, "the next run").toBeGreaterThan(world.now);
    }
  }
  for (let isOver = false; !isOver; ) {
    for (const id of [...world.open]) await world.end(id);
    world.now += second;
    await world.runPhase();
    isOver = world.open.size === 0 && ((await recordOf(world)).dueAt ?? 0) > world.now;
  }
  const { dueAt = 0, skipped, missed } = await recordOf(world);
  const due = occurrences(world, world.now);
  const started = world.created.map((each) => each.dueAt);
  expect(dueAt, "the next run").toBe(new CronTimes(world.rule.cron, world.rule.timeZone).next(world.now));
  expect(new Set(started).size, "runs with more than one task").toBe(started.length);
  expect(
    started.filter((at) => !due.includes(at)),
    "runs at no time of the schedule",
  ).toEqual([]);
  expect(started.length + skipped + missed, "runs that are counted").toBe(due.length);
}

async function recordOf({ real }: World) {
  const record = await real.updateEntry(key, (entry) => ({ answer: scheduleOf(entry) }));
  if (record === undefined) throw new Error("the schedule is gone");
  return record;
}

test("each run of a schedule starts once, is skipped or is missed, whatever crashes", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    await run(seed).catch((error: unknown) => {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}`, { cause: error });
    });
  }
});

/** Hourly runs, of which coordinators that the test stalls create tasks t0, t1, ... */
async function hourly(overlap: Overlap, beforeCreation: (number: number, hours: Hours) => Promise<void>) {
  let now = start;
  const store = memoryStore({ now: () => now });
  const rule = { cron: "0 * * * *", timeZone: "UTC", overlap, catchUp: 0 } as const;
  const definition = { graph: parsed(node("a")), params: {}, ...rule };
  await store.updateEntry(key, (entry, at) => ({
    answer: undefined,
    next: scheduleEntry(putSchedule(definition, scheduleOf(entry), at)),
  }));
  let ids = 0;
  const hours: Hours = {
    store,
    async next() {
      now = (Math.floor(now / hour) + 1) * hour;
      await fireSchedule(firing, key.id);
    },
    fire: () => fireSchedule(firing, key.id),
    async end(id) {
      await store.cancelTask(id, "enough");
      await store.closeTask(id);
      await store.deleteTask(id);
    },
  };
  const firing: Parameters<typeof fireSchedule>[0] = {
    store,
    logger: silentLogger,
    async createTask({ graph, idempotencyKey = "" }) {
      const number = ids++;
      const create = () => store.createTask({ id: `t${number}`, graph, params: {}, priority: 0, idempotencyKey });
      const early = number === 0 && hours.answersLate ? await create() : undefined;
      await beforeCreation(number, hours);
      const { id, outcome } = early ?? (await create());
      return { id, created: outcome === "created" };
    },
    cancelTask: (id, reason) => store.cancelTask(id, reason),
  };
  return hours;
}

interface Hours {
  readonly store: Store;
  /** Whether the first creation happens before its coordinator stalls. */
  answersLate?: boolean;
  /** Fires the run of the next hour. */
  next(): Promise<void>;
  /** Another coordinator fires what is due. */
  fire(): Promise<void>;
  /** Ends and deletes a task. */
  end(id: string): Promise<void>;
}

describe("a task that a stalled coordinator creates for a run whose task was deleted is cancelled", () => {
  const reason = "the run of 2026-03-27T01:00:00.000Z had a task before";

  test.each(overlaps)("%s", async (overlap) => {
    const hours = await hourly(overlap, async (number, { fire, end }) => {
      if (number > 0) return;
      await fire();
      await end("t1");
    });
    await hours.next();
    expect(await hours.store.readTask("t0")).toMatchObject({ status: "cancelling", cancelReason: reason });
  });

  test.each(overlaps)("%s, after later runs have started", async (overlap) => {
    const hours = await hourly(overlap, async (number, { fire, next, end }) => {
      if (number > 0) return;
      await fire();
      await end("t1");
      await next();
      await end("t2");
      await next();
    });
    await hours.next();
    expect(await hours.store.readTask("t0")).toMatchObject({ status: "cancelling", cancelReason: reason });
    expect(await hours.store.readTask("t3")).toMatchObject({ status: "running" });
  });
});

test("the only task of a run continues if its coordinator learns of its creation after later runs have started", async () => {
  const hours = await hourly("allow", async (number, { fire, next }) => {
    if (number > 0) return;
    await fire();
    await next();
    await next();
  });
  hours.answersLate = true;
  await hours.next();
  for (const id of ["t0", "t2", "t3"]) expect(await hours.store.readTask(id)).toMatchObject({ status: "running" });
});
