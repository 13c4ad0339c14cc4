import { isDeepStrictEqual } from "node:util";
import {
  type MemoryState,
  type MemoryStoreEvent,
  type MemoryStoreOptions,
  memoryStore,
} from "../../adapters/memory/index.ts";
import { type Attempt, shardKey } from "../../core/model/records.ts";
import type { NewTask, Store } from "../../core/ports/index.ts";
import { FlowError } from "../../errors/index.ts";
import type { ParkOptions, ProcessLife, Scheduler } from "../scheduler/scheduler.ts";
import type { DeleteAnswer } from "./delete-check.ts";
import type { Journal } from "./journal.ts";
import { showAnswer, showArguments } from "./show-call.ts";

/** How likely a call fails, and where. */
export interface StoreFaults {
  /** Before its effect. */
  before: number;
  /** Between two of its records. */
  between: number;
  /** After its effect: the answer is lost. */
  after: number;
  /** The caller gives up, and the call takes effect later, behind others that were made after it. */
  late: number;
  /** Takes its time on the way, so that it may outlive a lease. */
  slow: number;
  /** The same between the fence and what it fences: where being late does most. */
  slowInsert: number;
  /** An operation that is bad in this world: what goes wrong with it seldom elsewhere goes wrong all the time here. */
  focus: string | undefined;
  /** How much later, in ms at most. */
  lateMs: number;
}

export interface SimStoreOptions {
  readonly scheduler: Scheduler;
  readonly life: ProcessLife;
  readonly state: MemoryState;
  readonly now: () => number;
  /** Whether this request to create a task is later than any network delivers one: the task has ended and is deleted. */
  readonly isTooLate: (task: NewTask) => boolean;
  /** Called as a delete arrives; what it gives is called with the answer. */
  readonly checkDelete: (taskId: string) => (answer: DeleteAnswer) => void;
  readonly faults: StoreFaults;
  readonly observe: (event: MemoryStoreEvent) => void;
  /** How it keeps artifacts. */
  readonly keeps: Pick<MemoryStoreOptions, "dropConsumed" | "sinks"> | undefined;
  readonly journal: Journal;
  /** Asked the same in the same step: must answer alike. Operations are atomic then. */
  readonly mirror: Store | undefined;
  /** `false`: no task is ever due for a sweep, so that what a sweep would mend shows. */
  readonly sweeps: boolean;
}

const focusRate = 0.2;
const onItsWay: ParkOptions = { request: true };

type Call = (...args: unknown[]) => Promise<unknown>;

/**
 * The store as one process sees it. Each call parks before its effect, between the records that it touches, and before
 * its answer arrives; at each of these places it may fail, or its process may die.
 */
export function simStore(options: SimStoreOptions): Store {
  const { scheduler, life, state, faults, observe } = options;
  const takesTime = (label: string): Promise<void> => {
    const ms = scheduler.random.int(faults.lateMs);
    scheduler.note(() => `${life.name}\t${label} is slow`);
    return new Promise<void>((arrived) => void scheduler.after(ms, undefined, arrived));
  };
  const { mirror, journal } = options;
  const { violated } = journal;
  const common = { state, observe, now: options.now, keepFinishedTasks: 1_000, ...options.keeps };
  const step = async (label: string): Promise<void> => {
    if (scheduler.random.chance(label.includes(":") ? faults.slowInsert : faults.slow)) await takesTime(label);
    await scheduler.park(life, label, onItsWay);
    if (scheduler.random.chance(faults.between)) throw unavailable(label);
  };
  const inner =
    mirror === undefined ? memoryStore({ ...common, step }) : mirroredStore(memoryStore(common), { mirror, violated });
  const rateOf = (name: string, rate: number): number => (name === faults.focus ? Math.max(rate, focusRate) : rate);
  const runLate = (name: string, work: () => Promise<unknown>): void => {
    const parked = () => scheduler.park(life, `${name} (given up by ${life.name})`, { request: true });
    const run = () => parked().then(work).catch(ignoreAnswer);
    scheduler.after(scheduler.random.int(faults.lateMs), undefined, () => void run());
  };
  const through = (name: string, call: Call): Call => {
    const answered = `${name} ->`;
    // What only people read is made for them only: most calls of a run are never looked at.
    const sent = (args: readonly unknown[]): ParkOptions =>
      scheduler.isTraced ? { ...onItsWay, detail: () => showArguments(args) } : onItsWay;
    const shown = (answer: unknown, lost: boolean): ParkOptions | undefined =>
      scheduler.isTraced ? { detail: () => (lost ? " lost" : showAnswer(answer)) } : undefined;
    return async (...args) => {
      if (scheduler.random.chance(rateOf(name, faults.slow))) await takesTime(name);
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
  /** Law 8: nothing is written whose fence was read after the lease was lost. */
  const fenced: Call = async (...args) => {
    const attempt = args[0] as Attempt;
    const record = state.shard(attempt)?.record;
    const holds = record?.lease?.claimId === attempt.claimId && record.status === "running";
    const answer = await inner.append(...(args as Parameters<Store["append"]>));
    if (answer === "ok" && !holds) violated(`${shardKey(attempt)}: an append of ${attempt.claimId} got by the fence`);
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
  const endOfSweep: Call = async (...args) => {
    journal.sweeping.delete(life);
    return options.sweeps ? inner.dueTasks(...(args as Parameters<Store["dueTasks"]>)) : [];
  };
  const methods = new Map<PropertyKey, unknown>([
    ["append", through("append", fenced)],
    ["createTask", through("createTask", create)],
    ["deleteTask", through("deleteTask", remove)],
    ["dueDeferred", through("dueDeferred", lookForDue)],
    ["dueTasks", through("dueTasks", endOfSweep)],
  ]);
  return new Proxy(inner, {
    get(target, name) {
      const known = methods.get(name);
      if (known !== undefined) return known;
      const member: unknown = Reflect.get(target, name);
      const method = typeof member === "function" ? through(String(name), member as Call) : member;
      methods.set(name, method);
      return method;
    },
  });
}

/** Nobody waits for the answer of a call that was given up; what it would have read may be dropped by now. */
function ignoreAnswer(error: unknown): void {
  if (!FlowError.is(error, "STORE_UNAVAILABLE") && !FlowError.is(error, "ARTIFACTS_DROPPED")) throw error;
}

const unavailable = (label: string): FlowError =>
  new FlowError("STORE_UNAVAILABLE", `${label}: the simulated store can't be reached`, { retryable: true });

/** Answers, and parts of them, that come in an order which no store promises: of what is due at the same time. */
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
 * A store that asks another one the same in the same step, and tells when their answers differ. Both must be atomic:
 * an operation that is interrupted half-way would meet different records in each.
 */
function mirroredStore(
  model: Store,
  { mirror, violated }: { readonly mirror: Store; readonly violated: (what: string) => void },
): Store {
  return new Proxy(model, {
    get(target, name: keyof Store) {
      const ask = target[name] as Call;
      const askMirror = mirror[name] as Call;
      return async (...args: unknown[]) => {
        const [own, other] = await Promise.allSettled([ask.apply(target, args), askMirror.apply(mirror, args)]);
        const [expected, got] = [own, other].map((answer) => comparable(name, answer));
        if (!isDeepStrictEqual(expected, got)) {
          const texts = [args, expected, got].map((value) => JSON.stringify(value));
          violated(`${name}(${texts[0]}) is ${texts[1]} in memory, ${texts[2]} in its mirror`);
        }
        if (own.status === "rejected") throw own.reason;
        return own.value;
      };
    },
  });
}

/** As JSON, so that what is left out and what is undefined are the same. */
function comparable(name: keyof Store, answer: PromiseSettledResult<unknown>): unknown {
  if (answer.status === "rejected") return { refused: String(answer.reason) };
  const { value } = answer;
  if (setAnswers.has(name)) return sorted(value as Iterable<unknown>);
  return JSON.parse(
    JSON.stringify(value ?? null, (key, inner) => {
      if (key === "cursor") return undefined; // means something to its own store only
      return setParts.has(key) ? sorted(inner) : inner;
    }),
  );
}

const sorted = (items: Iterable<unknown>): readonly string[] =>
  [...items].map((item) => JSON.stringify(item)).toSorted();
