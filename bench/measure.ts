import { performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { isWrite, type StoreCalls } from "./store-calls.ts";

/** Something worth timing. */
export interface Case {
  readonly name: string;
  /** What is counted, in the singular: "node", "batch". */
  readonly unit: string;
  /** How many of them one round does. */
  readonly units: number;
  /** Cases of one group are measured in turn, so that they meet the same machine. */
  readonly group?: string;
  /** Left out of a quick look. */
  readonly isLong?: boolean;
  readonly target?: Target;
  /**
   * A fresh state for one round. Making and disposing of it is not timed.
   *
   * @param calls - where calls of a store are counted, in a round that isn't timed
   */
  prepare(calls?: Record<string, number>): Promise<Round>;
}

/** What a case should be. */
export interface Target {
  readonly text: string;
  isMet(measurement: Measurement): boolean;
}

export interface Round extends AsyncDisposable {
  /** Milliseconds of each task when they ran one after another: each is then a measurement of its own. */
  run(): Promise<readonly number[] | undefined>;
}

export interface Measurement {
  readonly name: string;
  readonly unit: string;
  readonly units: number;
  /** Microseconds a unit, of each round or of each task in it, fastest first. */
  readonly rounds: readonly number[];
  /** Microseconds a unit of all threads of the process, the collector's included: on a busy machine they say more. */
  readonly cpu: number;
  /** Largest heap seen in any round, less what was there before the round; in MiB. What isn't collected yet counts. */
  readonly heapPeakMiB: number;
  /** Largest heap left after a round and a collection, less what was there before; in MiB. The state still lives. */
  readonly heapKeptMiB: number;
  /** The median in medians of the group's first case. */
  readonly ratio?: number;
  /** Of a store, in one round; what is there for housekeeping left out. */
  readonly calls: StoreCalls;
  readonly target?: { readonly text: string; readonly isMet: boolean };
}

/** The heap is looked at this often while a round runs. */
const heapSampleMs = 10;
const heapUsedMiB = () => getHeapStatistics().used_heap_size / 2 ** 20;

/**
 * Runs cases for `warmUp` rounds that don't count, then for `rounds` that do, each round one of every case, with a
 * collection before each, so that none pays for the garbage of the one before. A last round counts calls of the store.
 */
export async function measure(
  group: readonly Case[],
  { warmUp, rounds }: { readonly warmUp: number; readonly rounds: number },
): Promise<readonly Measurement[]> {
  if (globalThis.gc === undefined) throw new Error("start Node with --expose-gc");
  const measured = group.map(() => [] as RoundMeasurement[]);
  for (let n = 0; n < warmUp + rounds; n++) {
    for (const [index, what] of group.entries()) {
      const round = await measureRound(what);
      if (n >= warmUp) measured[index]?.push(round);
    }
  }
  const measurements: Measurement[] = [];
  for (const [index, what] of group.entries()) {
    const own = { ...summary(what, measured[index] ?? []), calls: await countCalls(what) };
    const [first] = measurements;
    const whole = first === undefined ? own : { ...own, ratio: median(own.rounds) / median(first.rounds) };
    const { target } = what;
    const judged = target && { target: { text: target.text, isMet: target.isMet(whole) } };
    measurements.push({ ...whole, ...judged });
  }
  return measurements;
}

const summary = ({ name, unit, units }: Case, measured: readonly RoundMeasurement[]) => ({
  name,
  unit,
  units,
  rounds: measured
    .flatMap(({ samples }) => samples.map((ms) => (ms * 1000 * samples.length) / units))
    .toSorted((a, b) => a - b),
  cpu: median(measured.map(({ cpu }) => cpu / units).toSorted((a, b) => a - b)),
  heapPeakMiB: Math.max(...measured.map(({ heapPeakMiB }) => heapPeakMiB)),
  heapKeptMiB: Math.max(...measured.map(({ heapKeptMiB }) => heapKeptMiB)),
});

async function countCalls(what: Case): Promise<StoreCalls> {
  const calls: Record<string, number> = {};
  await using round = await what.prepare(calls);
  await round.run();
  return calls;
}

interface RoundMeasurement {
  readonly samples: readonly number[];
  /** Microseconds of the whole round. */
  readonly cpu: number;
  readonly heapPeakMiB: number;
  readonly heapKeptMiB: number;
}

async function measureRound(what: Case): Promise<RoundMeasurement> {
  await using round = await what.prepare();
  globalThis.gc?.();
  const before = heapUsedMiB();
  let peak = before;
  const look = () => {
    peak = Math.max(peak, heapUsedMiB());
  };
  const sampling = setInterval(look, heapSampleMs);
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const tasks = await round.run();
  const { user, system } = process.cpuUsage(cpuBefore);
  const samples = tasks ?? [performance.now() - started];
  clearInterval(sampling);
  look();
  globalThis.gc?.();
  return { samples, cpu: user + system, heapPeakMiB: peak - before, heapKeptMiB: heapUsedMiB() - before };
}

export const median = (sorted: readonly number[]): number => quantile(sorted, 0.5);

/** Between two of the values, in proportion. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

/** Calls a unit that change a record. */
export function writesOf({ calls, units }: Measurement): number {
  const writes = Object.entries(calls).filter(([operation]) => isWrite(operation));
  return writes.reduce((sum, [, count]) => sum + count, 0) / units;
}
