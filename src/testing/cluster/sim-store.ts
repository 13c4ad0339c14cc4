import { isDeepStrictEqual } from "node:util";
import { ArtifactLog } from "../../adapters/memory/artifact-log.ts";
import {
  type MemoryState,
  type MemoryStoreEvent,
  type MemoryStoreOptions,
  memoryStore,
} from "../../adapters/memory/index.ts";
import { type Attempt, isTaskTerminal, type OutcomeWithLast, shardKey } from "../../core/model/records.ts";
import type { DueLook, NewTask, Store, SweepKind } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import type { ParkOptions, ProcessLife, Scheduler } from "../scheduler/scheduler.ts";
import type { AllTasks } from "./archive.ts";
import type { Journal } from "./journal.ts";
import { showAnswer, showArguments } from "./trace-lines.ts";

/** Probabilities that a call fails, by where. */
export interface StoreFaults {
  /** Before its effect. */
  before: number;
  /** Between two of its records. */
  between: number;
  /** After its effect: the answer is lost. */
  after: number;
  /** The caller receives an error, and the call takes effect later, after calls that were made after it. */
  late: number;
  /** Slow in transit, so that it may outlive a lease. */
  slow: number;
  /** Slow between the fence and the fenced insert, where it matters most. */
  slowInsert: number;
  /** An operation that fails often in this run, to expose what is otherwise rare. */
  focus: string | undefined;
  /** Longest delay in ms. */
  lateMs: number;
}

export interface SimStoreOptions {
  readonly scheduler: Scheduler;
  readonly life: ProcessLife;
  readonly state: MemoryState;
  readonly now: () => number;
  /**
   * Whether a request to create a task arrives later than any network would deliver it: the task is already deleted.
   */
  readonly isTooLate: (task: NewTask) => boolean;
  /** Called when a delete arrives; the returned function is called with the answer. */
  readonly checkDelete: (taskId: string) => (answer: DeleteAnswer) => void;
  readonly faults: StoreFaults;
  readonly observe: (event: MemoryStoreEvent) => void;
  /** Retention of artifacts. */
  readonly keeps: Pick<MemoryStoreOptions, "dropConsumed" | "sinks"> | undefined;
  readonly journal: Journal;
  /** Receives the same calls in the same step and must return the same answers. Operations are then atomic. */
  readonly mirror: Store | undefined;
  /** `false`: no task is ever due for a sweep, which exposes what a sweep would repair. */
  readonly sweeps: boolean;
}

const focusRate = 0.2;
const inFlight: ParkOptions = { request: true };

type Call = (...args: unknown[]) => Promise<unknown>;

/**
 * The store as one process sees it. Each call parks before its effect, between the records that it touches, and before
 * its answer arrives. At each of these points it may fail, or its process may crash.
 */
export function simStore(options: SimStoreOptions): Store {
  const { scheduler, life, state, faults, observe } = options;
  const delay = (label: string): Promise<void> => {
    const ms = scheduler.random.int(faults.lateMs);
    scheduler.recordStep(() => `${life.name}\t${label} is slow`);
    return new Promise<void>((arrived) => void scheduler.after(ms, undefined, arrived));
  };
  const { mirror, journal } = options;
  const { violated } = journal;
  const common = { state, observe, now: options.now, keepFinishedTasks: 1_000, ...options.keeps };
  const step = async (label: string): Promise<void> => {
    if (scheduler.random.chance(label.includes(":") ? faults.slowInsert : faults.slow)) await delay(label);
    await scheduler.park(life, label, inFlight);
    if (scheduler.random.chance(faults.between)) throw unavailable(label);
  };
  const inner =
    mirror === undefined ? memoryStore({ ...common, step }) : mirroredStore(memoryStore(common), { mirror, violated });
  const whole = mirror === undefined ? memoryStore(common) : inner;
  const rateOf = (name: string, rate: number): number => (name === faults.focus ? Math.max(rate, focusRate) : rate);
  const runLate = (name: string, work: () => Promise<unknown>): void => {
    const parked = () => scheduler.park(life, `${name} (given up by ${life.name})`, { request: true });
    const run = () => parked().then(work).catch(ignoreAnswer);
    scheduler.after(scheduler.random.int(faults.lateMs), undefined, () => void run());
  };
  const withFaults = (name: string, call: Call): Call => {
    const answered = `${name} ->`;
    // Details are formatted only for a trace: most runs have none.
    const sent = (args: readonly unknown[]): ParkOptions =>
      scheduler.isTraced ? { ...inFlight, detail: () => showArguments(args) } : inFlight;
    const shown = (answer: unknown, lost: boolean): ParkOptions | undefined =>
      scheduler.isTraced ? { detail: () => (lost ? " lost" : showAnswer(answer)) } : undefined;
    return async (...args) => {
      if (scheduler.random.chance(rateOf(name, faults.slow))) await delay(name);
      await scheduler.park(life, name, sent(args));
      if (scheduler.random.chance(faults.before)) throw unavailable(name);
      if (scheduler.random.chance(rateOf(name, faults.late))) {
        runLate(name, () => call.apply(inner, args));
        throw unavailable(name);
      }
      const answer = await call.apply(inner, args);
      const lost = scheduler.random.chance(rateOf(name, faults.after));
      await scheduler.park(life, answered, shown(answer, lost));
      if (lost) throw unavailable(name);
      return answer;
    };
  };
  /** Law 8: an attempt whose lease was lost before its fence was read writes nothing. */
  const fenced: Call = async (...args) => {
    const attempt = args[0] as Attempt;
    const record = state.shard(attempt)?.record;
    const holds = record?.lease?.claimId === attempt.claimId && record.status === "running";
    const answer = await inner.append(...(args as Parameters<Store["append"]>));
    if (answer === "ok" && !holds) violated(`${shardKey(attempt)}: an append of ${attempt.claimId} passed the fence`);
    return answer;
  };
  const create: Call = async (...args) => {
    const task = args[0] as NewTask;
    if (options.isTooLate(task)) throw unavailable("createTask");
    return inner.createTask(task);
  };
  const remove: Call = async (...args) => {
    const id = args[0] as string;
    const check = options.checkDelete(id);
    const answer = await inner.deleteTask(id);
    check(answer);
    return answer;
  };
  const lookForDue: Call = async (...args) => {
    const found = await inner.dueDeferred(...(args as Parameters<Store["dueDeferred"]>));
    if (found.nextInMs !== undefined) journal.counts.earlyLooks++;
    journal.sweeping.add(life);
    return found;
  };
  /**
   * Some stores insert the last artifact and the marker before they judge the end, by the record that they wrote last:
   * both may come from an attempt that has lost its lease.
   */
  const storeEarly = (attempt: Attempt, { generation, count, last }: OutcomeWithLast): void => {
    const entry = state.shard(attempt);
    if (entry === undefined) return;
    if (entry.record.lease?.claimId !== attempt.claimId) journal.counts.endsInFlight++;
    const log = entry.logs[generation] ?? new ArtifactLog();
    if (entry.logs[generation] === undefined) entry.logs = Object.assign([...entry.logs], { [generation]: log });
    if (last !== undefined) {
      const stored = log.append(attempt, last);
      if (typeof stored === "string") return;
      entry.node.hasArtifacts = true;
      observe({ kind: "artifact", ref: entry.record, generation, artifact: stored });
    }
    if (!log.closed && log.close(count)) observe({ kind: "log_closed", ref: entry.record, generation, count });
  };
  /** Some stores do this in one write, others in several. */
  const completeAndClaim: Call = async (...args) => {
    const [attempt, outcome, next] = args as Parameters<Store["completeAndClaim"]>;
    const record = state.shard(attempt)?.record;
    const holds = record?.lease?.claimId === attempt.claimId && record.status === "running";
    const inParts = mirror === undefined && scheduler.random.chance(0.5);
    if (inParts && options.keeps === undefined && scheduler.random.chance(0.5)) {
      storeEarly(attempt, outcome);
      await step("completeAndClaim:judge");
    }
    const done = await (inParts ? inner : whole).completeAndClaim(attempt, outcome, inParts ? undefined : next);
    if (done.answer === "ok" && outcome.last !== undefined) {
      journal.counts.storedAtEnd++;
      if (!holds && record?.lastClaimId !== attempt.claimId)
        violated(`${shardKey(attempt)}: the last artifact of ${attempt.claimId} passed the fence`);
    }
    if (done.answer !== "ok" || next === undefined) return done;
    if (inParts) await step("completeAndClaim:next");
    const claimed = inParts ? await inner.dispatchClaimed(next) : done.claimed;
    if (claimed !== undefined) journal.counts.continued++;
    return { ...done, claimed };
  };
  /**
   * Some stores insert a shard by the state of its task just before, announce it, and then check whether the task has
   * changed. A process may end in between: then a sweep marks the shard.
   */
  const dispatch: Call = async (...args) => {
    const [ref, init, announce] = args as Parameters<Store["dispatch"]>;
    const task = state.tasks.get(ref.taskId);
    if (task === undefined || mirror !== undefined || scheduler.random.chance(0.5))
      return inner.dispatch(ref, init, announce);
    const { paused = false } = task.record;
    const isPaused = () => task.record.paused ?? false;
    await step("dispatch:insert");
    const { record } = task;
    task.record = { ...record, paused };
    journal.dispatching.add(shardKey(ref));
    const dispatching = inner.dispatch(ref, init, announce); // inserts in this step
    task.record = record;
    try {
      const answer = await dispatching;
      if (answer !== "dispatched") return answer;
      await step("dispatch:follow");
      if (isPaused() !== paused) journal.counts.pausedInFlight++;
      for (let marked = paused; marked !== isPaused(); marked = !marked)
        await (isPaused() ? inner.pauseShard(ref) : inner.resumeShard(ref));
      return answer;
    } finally {
      journal.dispatching.delete(shardKey(ref));
    }
  };
  /** Some stores look for all due records in one request. Any task may be due. */
  const lookAtOnce: Call = async (): Promise<DueLook> => {
    const deferred = await inner.dueDeferred(1);
    const overdue = await inner.overdueTasks(1);
    const schedules = await inner.dueEntries("schedule", 1);
    const lists: readonly (readonly [SweepKind, readonly unknown[]])[] = [
      ["expired", await inner.expiredLeases(1)],
      ["deferred", deferred.due],
      ["overdue", overdue.overdue],
      ["schedules", schedules.due],
      ["pausedFlows", (await inner.listEntries("paused_flow", { limit: 1 })).items],
      ["slots", await inner.heldSlots()],
    ];
    const found = lists.filter(([, { length }]) => length > 0).map(([kind]) => kind);
    const waits = [deferred, overdue, schedules].flatMap(({ nextInMs = [] }) => nextInMs);
    return { found: new Set([...found, "tasks"]), nextInMs: waits.length === 0 ? undefined : Math.min(...waits) };
  };
  const endOfSweep: Call = async (...args) => {
    journal.sweeping.delete(life);
    return options.sweeps ? inner.dueTasks(...(args as Parameters<Store["dueTasks"]>)) : [];
  };
  const looksAtOnce = mirror === undefined && scheduler.random.chance(0.5);
  const methods = new Map<PropertyKey, unknown>([
    ["append", withFaults("append", fenced)],
    ["completeAndClaim", withFaults("completeAndClaim", completeAndClaim)],
    ["createTask", withFaults("createTask", create)],
    ["deleteTask", withFaults("deleteTask", remove)],
    ["dispatch", withFaults("dispatch", dispatch)],
    ["dueDeferred", withFaults("dueDeferred", lookForDue)],
    ["dueTasks", withFaults("dueTasks", endOfSweep)],
    ["lookForDue", looksAtOnce ? withFaults("lookForDue", lookAtOnce) : undefined],
  ]);
  return new Proxy(inner, {
    get(target, name) {
      if (methods.has(name)) return methods.get(name);
      const member: unknown = Reflect.get(target, name);
      const method = typeof member === "function" ? withFaults(String(name), member as Call) : member;
      methods.set(name, method);
      return method;
    },
  });
}

/** The caller of a late call no longer waits for its answer; what it reads may have been dropped. */
function ignoreAnswer(error: unknown): void {
  if (!FlowError.is(error, "STORE_UNAVAILABLE") && !FlowError.is(error, "ARTIFACTS_DROPPED")) throw error;
}

const unavailable = (label: string): FlowError =>
  new FlowError("STORE_UNAVAILABLE", `${label}: the simulated store is unreachable`, { retryable: true });

/** Answers, and fields of answers, whose order stores do not guarantee. */
const setAnswers: ReadonlySet<PropertyKey> = new Set([
  "countArtifacts",
  "dueTasks",
  "endedTasks",
  "expiredLeases",
  "heldSlots",
  "liveWorkers",
  "storedUids",
]);
const setParts: ReadonlySet<string> = new Set(["due", "overdue", "origins"]);

/**
 * A store that repeats each call on another store in the same step and reports different answers. Both must be atomic:
 * an interrupted operation would see different records in each.
 */
function mirroredStore(
  model: Store,
  { mirror, violated }: { readonly mirror: Store; readonly violated: (what: string) => void },
): Store {
  return new Proxy(model, {
    get(target, name: keyof Store) {
      const call = target[name] as Call;
      const mirrored = mirror[name] as Call;
      return async (...args: unknown[]) => {
        const [own, mirrorAnswer] = await Promise.allSettled([call.apply(target, args), mirrored.apply(mirror, args)]);
        // Nearly all answers are equal without conversion, which would cost more than the calls.
        if (!isDeepStrictEqual(own, mirrorAnswer)) {
          const [expected, got] = [own, mirrorAnswer].map((answer) => comparable(name, answer));
          if (!isDeepStrictEqual(expected, got)) {
            const texts = [args, expected, got].map((value) => JSON.stringify(value));
            violated(`${name}(${texts[0]}) returned ${texts[1]} in memory, ${texts[2]} in the mirror`);
          }
        }
        if (own.status === "rejected") throw own.reason;
        return own.value;
      };
    },
  });
}

/** As JSON, so that a missing and an undefined field are equal. */
function comparable(name: keyof Store, answer: PromiseSettledResult<unknown>): unknown {
  if (answer.status === "rejected") return { refused: String(answer.reason) };
  const { value } = answer;
  if (setAnswers.has(name)) return sorted(value as Iterable<unknown>);
  return JSON.parse(
    JSON.stringify(value ?? null, (key, inner) => {
      if (key === "cursor") return undefined; // store-specific
      return setParts.has(key) ? sorted(inner) : inner;
    }),
  );
}

const sorted = (items: Iterable<unknown>): readonly string[] =>
  [...items].map((item) => JSON.stringify(item)).toSorted();

export type DeleteAnswer = "deleted" | "unknown" | "open" | "borrowed";

/**
 * Inspects the state when the delete of a task arrives: only a task that has ended and that no other task borrows from
 * may be deleted. The returned function checks the answer in the same step.
 */
export function checkDelete(
  parts: {
    readonly state: MemoryState;
    readonly allTasks: AllTasks;
    readonly journal: Journal;
  },
  id: string,
): (answer: DeleteAnswer) => void {
  const { state, allTasks, journal } = parts;
  const entry = state.tasks.get(id);
  const wanted = (): DeleteAnswer => {
    if (entry === undefined) return "unknown";
    if (!isTaskTerminal(entry.record.status)) return "open";
    if (state.tasks.has(entry.record.parent?.taskId ?? "")) return "borrowed";
    return [...state.tasks.values()].some(({ record }) => record.borrowsFrom?.includes(id)) ? "borrowed" : "deleted";
  };
  const expected = wanted();
  return (answer) => {
    if (answer === "borrowed") journal.counts.borrowed++;
    if (answer !== expected) journal.violated(`deleting ${id} returned '${answer}', expected '${expected}'`);
    if (answer !== "deleted" || entry === undefined) return;
    const borrower = [...state.tasks.values()].find(({ nodes }) =>
      [...nodes.values()].some(({ shards }) =>
        shards.some((shard) => [shard?.record.artifactsOf?.taskId, shard?.record.carried?.taskId].includes(id)),
      ),
    );
    if (borrower !== undefined) journal.violated(`${id} was deleted, but ${borrower.record.id} borrows its artifacts`);
    journal.counts.deleted++;
    allTasks.deleted(entry);
  };
}
