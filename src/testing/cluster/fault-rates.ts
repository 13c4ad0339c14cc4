import type { Store } from "../../core/ports/index.ts";
import type { RunningLimits } from "../../core/worker/attempt/worker-options.ts";
import { coordinatorFnType } from "../../graph/index.ts";
import type { SeededRandom } from "../scheduler/seeded-random.ts";
import type { BusFaults } from "./sim-bus.ts";
import type { StoreFaults } from "./sim-store.ts";

/**
 * - `chaos`: every fault there is, for a while; finds wrong results.
 * - `calm`: no fault, and no task is ever swept; finds lost wake-ups, which under chaos are a delay and no more.
 */
export type SimulationMode = "chaos" | "calm";

/**
 * Kinds of trouble; all of them happen unless said otherwise.
 *
 * - `store`: calls fail before, between or after their effects, or take effect late
 * - `messages`: lost, doubled, delayed
 * - `crashes`: a process dies and comes back
 * - `stops`: it is stopped in order and started again
 * - `pauses`: it stands still, past its lease at times; or time passes while it works
 * - `cancels`: somebody cancels the task
 * - `clocks`: the wall clock is set forward and back, by up to a day
 */
export interface Faults {
  readonly store?: boolean;
  readonly messages?: boolean;
  readonly crashes?: boolean;
  readonly stops?: boolean;
  readonly pauses?: boolean;
  readonly cancels?: boolean;
  readonly clocks?: boolean;
}

/** What handlers do besides their work, as probabilities a batch. */
export interface HandlerRates {
  throws: number;
  /** A source that can't resume, at its end: all that its consumers have in hand is withdrawn. */
  breaksOff: number;
  /** An `init`. */
  initFails: number;
  /** Of what is thrown: codes that no retry mends. Also of what `finalize` does: there much of the graph has finished. */
  permanent: number;
  slow: number;
  /** Cleanups that take a while: who waits for the node's end is told after them. */
  slowCleanup: number;
  /** Never comes back; only where the node has a timeout. */
  hangs: number;
  misfits: number;
  /** Saves a checkpoint. */
  remembers: number;
}

export interface FaultRates {
  readonly store: StoreFaults;
  readonly bus: BusFaults;
  readonly handlers: HandlerRates;
  /** A step at which a process dies, stops in order, or is paused. */
  crash: number;
  stop: number;
  pause: number;
  slowTime: number;
  cancels: boolean;
  /** A step at which the wall clock is set; no fault, since nothing may depend on it. */
  readonly clockSet: number;
  /** A step at which a call is made in the name of an attempt that has lost its shard. */
  readonly stale: number;
}

/** Of the store: those whose being late or repeated could do harm. */
const operations: readonly (keyof Store)[] = [
  ...(["dispatch", "cancelShard", "expire", "requeue", "finishTask", "writeVars", "readShards"] as const),
  ...([
    "claim",
    "takeSlot",
    "freeSlot",
    "supersede",
    "renew",
    "restart",
    "report",
    "append",
    "complete",
    "fail",
    "release",
    "tail",
    "readArtifacts",
  ] as const),
];

const noStoreFaults = { before: 0, between: 0, after: 0, late: 0, slow: 0, slowInsert: 0, focus: undefined };

/** Each kind of trouble is there in half of the seeds only: quiet corners must occur too. */
export function drawFaultRates(
  random: SeededRandom,
  mode: SimulationMode,
  options: {
    readonly faults?: Faults | undefined;
    /** What fails is tried again as a new task: so more should fail. */
    readonly retries: boolean;
  },
): FaultRates {
  const { faults = {}, retries } = options;
  const rates = drawAll(random, mode, retries);
  if (faults.store === false) Object.assign(rates.store, noStoreFaults);
  if (faults.messages === false) Object.assign(rates.bus, { lose: 0, refuse: 0, double: 0, delayMs: 0 });
  if (faults.crashes === false) rates.crash = 0;
  if (faults.stops === false) rates.stop = 0;
  if (faults.pauses === false) Object.assign(rates, { pause: 0, slowTime: 0 });
  if (faults.cancels === false) rates.cancels = false;
  return faults.clocks === false ? { ...rates, clockSet: 0 } : rates;
}

function drawAll(random: SeededRandom, mode: SimulationMode, retries: boolean): FaultRates {
  const upTo = (most: number): number => (random.chance(0.5) ? random.next() * most : 0);
  const handlers = {
    throws: upTo(0.08),
    breaksOff: upTo(0.4),
    initFails: random.chance(0.3) ? random.next() * 0.5 : 0,
    permanent: random.chance(retries ? 0.4 : 0.05) ? 0.1 : 0,
    slow: random.chance(0.1) ? 0.8 : upTo(0.4),
    slowCleanup: mode === "calm" ? 0 : 0.3,
    hangs: upTo(0.04),
    misfits: random.chance(0.05) ? 0.01 : 0,
    remembers: random.chance(0.4) ? random.next() * 0.5 : 0,
  };
  const cancels = random.chance(0.2);
  const clockSet = upTo(0.01);
  if (mode === "calm") {
    // A message that comes twice is no fault: it takes nothing away.
    const none = {
      store: { ...noStoreFaults, lateMs: 0 },
      bus: { lose: 0, refuse: 0, double: random.chance(0.5) ? 0.3 : 0, delayMs: 0 },
    };
    // Stopping workers in order is no fault: it costs no lease, and no attempt.
    const stop = random.chance(0.3) ? 0.004 : 0;
    return { ...none, handlers, cancels, clockSet, crash: 0, stop, pause: 0, slowTime: 0, stale: 0 };
  }
  return {
    store: {
      before: upTo(0.05),
      between: upTo(0.05),
      after: upTo(0.05),
      late: upTo(0.03),
      slow: upTo(0.04),
      slowInsert: upTo(0.4),
      // What an insert meets that comes late is the rarest of all: two attempts of one shard at one place of its log.
      focus: random.chance(0.6) ? (random.chance(0.3) ? "append" : random.pick(operations)) : undefined,
      lateMs: 9_000,
    },
    bus: { lose: upTo(0.5), refuse: upTo(0.2), double: upTo(0.3), delayMs: random.int(2_000) },
    handlers,
    cancels,
    crash: upTo(0.03),
    stop: upTo(0.01),
    pause: upTo(0.03),
    slowTime: upTo(0.03),
    clockSet,
    stale: upTo(0.02),
  };
}

/** What may run at once, in a third of the worlds: tight, so that it binds. */
export function drawLimits(random: SeededRandom, types: readonly string[]): RunningLimits {
  if (random.chance(0.67)) return {};
  return {
    ...(random.chance(0.5) ? { maxRunning: 1 + random.int(2) } : {}),
    ...(random.chance(0.5) ? { maxRunningPerTask: 1 + random.int(2) } : {}),
    ...(random.chance(0.5) ? { maxRunningPerType: { [random.pick([...types, coordinatorFnType])]: 1 } } : {}),
  };
}

/** The faults are over: from here on everything must come to its end. */
export function calmDown(rates: FaultRates): void {
  Object.assign(rates.store, noStoreFaults);
  Object.assign(rates.bus, { lose: 0, refuse: 0, double: 0, delayMs: 10 });
  Object.assign(rates.handlers, {
    throws: 0,
    breaksOff: 0,
    initFails: 0,
    permanent: 0,
    slow: 0,
    slowCleanup: 0,
    hangs: 0,
    misfits: 0,
  });
  Object.assign(rates, { crash: 0, stop: 0, pause: 0, slowTime: 0 });
}
