import type { Store } from "../../core/ports/index.ts";
import type { RunningLimits } from "../../core/worker/attempt/worker-options.ts";
import { coordinatorFnType } from "../../graph/index.ts";
import type { SeededRandom } from "../scheduler/seeded-random.ts";
import type { BusFaults } from "./sim-bus.ts";
import type { StoreFaults } from "./sim-store.ts";

/**
 * - `chaos`: injects all kinds of faults for a while; finds wrong results.
 * - `calm`: no faults and no sweeps; finds lost wake-ups, which under `chaos` only cause a delay.
 */
export type SimulationMode = "chaos" | "calm";

/**
 * Kinds of faults, all enabled by default.
 *
 * - `store`: calls fail before, during or after their effect, or take effect late
 * - `messages`: lost, duplicated, delayed
 * - `crashes`: a process crashes and restarts
 * - `stops`: a process is stopped gracefully and started again
 * - `pauses`: a process is paused, at times past its lease; or time passes while it works
 * - `cancels`: the task is cancelled
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

/** Misbehaviour of handlers, as probabilities per batch. */
export interface HandlerRates {
  throws: number;
  /** The same for `processBatch`, where it costs only a try of one batch. */
  batchThrows: number;
  /** A non-resumable source fails at its end, which withdraws everything that its consumers have read. */
  breaks: number;
  /** A `setup` fails. */
  setupFails: number;
  /** A thrown error is permanent; also applies to `finalize`, when much of the graph has finished. */
  permanent: number;
  slow: number;
  /** A cleanup takes a while; the node's end is reported after it. */
  slowCleanup: number;
  /** Never returns; only if the node has a timeout. */
  hangs: number;
  mismatches: number;
  /** Saves a checkpoint. Not a fault. */
  checkpoints: number;
}

export interface FaultRates {
  readonly store: StoreFaults;
  readonly bus: BusFaults;
  readonly handlers: HandlerRates;
  /** Probability per step that a process crashes, stops gracefully, or is paused. */
  crash: number;
  stop: number;
  pause: number;
  slowTime: number;
  cancels: boolean;
  /** Probability per step that the wall clock is set. Not a fault: nothing may depend on it. */
  readonly clockSet: number;
  /** Probability per step of a call from an attempt that has lost its lease. */
  readonly stale: number;
}

/** Store operations that could do harm when late or repeated. */
const operations: readonly (keyof Store)[] = [
  ...(["dispatch", "cancelShard", "expire", "requeue", "finishTask", "writeVars", "readShards"] as const),
  ...(["signalTask", "pauseTask", "wake", "pauseShard", "resumeShard"] as const),
  ...([
    "claim",
    "completeAndClaim",
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

/** Enables each kind of fault in half of the seeds only, so that runs without it occur too. */
export function drawFaultRates(
  random: SeededRandom,
  mode: SimulationMode,
  options: {
    readonly faults?: Faults | undefined;
    /** Failed tasks are retried as new tasks, so more should fail. */
    readonly retries: boolean;
  },
): FaultRates {
  const { faults = {}, retries } = options;
  const rates = drawAll(random, mode, retries);
  if (faults.store === false) Object.assign(rates.store, noStoreFaults);
  if (faults.messages === false) Object.assign(rates.bus, { lose: 0, reject: 0, duplicate: 0, delayMs: 0 });
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
    batchThrows: random.chance(0.4) ? upTo(0.3) : upTo(0.06),
    breaks: upTo(0.4),
    setupFails: random.chance(0.3) ? random.next() * 0.5 : 0,
    permanent: random.chance(retries ? 0.6 : 0.05) ? 0.2 : 0,
    slow: random.chance(0.1) ? 0.8 : upTo(0.4),
    slowCleanup: mode === "calm" ? 0 : 0.3,
    hangs: upTo(0.04),
    mismatches: random.chance(0.05) ? 0.01 : 0,
    checkpoints: random.chance(0.4) ? random.next() * 0.5 : 0,
  };
  const cancels = random.chance(retries ? 0.5 : 0.2);
  const clockSet = upTo(0.01);
  if (mode === "calm") {
    // A duplicated message is not a fault: it delays nothing.
    const none = {
      store: { ...noStoreFaults, lateMs: 0 },
      bus: { lose: 0, reject: 0, duplicate: random.chance(0.5) ? 0.3 : 0, delayMs: 0 },
    };
    // Stopping workers gracefully is not a fault: it costs neither a lease nor an attempt.
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
      // The rarest event is a late insert that collides with another attempt's at the same position of a log.
      focus: random.chance(0.6) ? (random.chance(0.3) ? "append" : random.pick(operations)) : undefined,
      lateMs: 9_000,
    },
    bus: { lose: upTo(0.5), reject: upTo(0.2), duplicate: upTo(0.3), delayMs: random.int(2_000) },
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

/** Running limits in a third of the runs, rates of a type in a fifth: low, so that they take effect. */
export function drawLimits(random: SeededRandom, types: readonly string[]): RunningLimits {
  const rate = { perSec: random.pick([4, 20]), burst: 1 + random.int(3) };
  const rates = random.chance(0.2) ? { ratePerType: { [random.pick(types)]: rate } } : {};
  if (random.chance(0.67)) return rates;
  return {
    ...rates,
    ...(random.chance(0.5) ? { maxRunning: 1 + random.int(2) } : {}),
    ...(random.chance(0.5) ? { maxRunningPerTask: 1 + random.int(2) } : {}),
    ...(random.chance(0.5) ? { maxRunningPerType: { [random.pick([...types, coordinatorFnType])]: 1 } } : {}),
  };
}

/** Ends all faults: from here on, every task must end. */
export function stopFaults(rates: FaultRates): void {
  Object.assign(rates.store, noStoreFaults);
  Object.assign(rates.bus, { lose: 0, reject: 0, duplicate: 0, delayMs: 10 });
  Object.assign(rates.handlers, {
    throws: 0,
    batchThrows: 0,
    breaks: 0,
    setupFails: 0,
    permanent: 0,
    slow: 0,
    slowCleanup: 0,
    hangs: 0,
    mismatches: 0,
  });
  Object.assign(rates, { crash: 0, stop: 0, pause: 0, slowTime: 0 });
}
