import { performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";
import { isWrite, type StoreCalls } from "./store-calls.ts";

/** A case to measure. */
export interface Case {
  readonly name: string;
  /** What is counted, in the singular: "node", "batch". */
  readonly unit: string;
  /** Units per round. */
  readonly units: number;
  /** Cases of one group are measured in turn, under the same load of the machine. */
  readonly group?: string;
  /** Excluded by `--quick`. */
  readonly isLong?: boolean;
  readonly target?: Target;
  /**
   * Creates the state for one round. Creating and disposing it is not timed.
   *
   * @param calls - counts store calls, in a round that is not timed
   */
  prepare(calls?: Record<string, number>): Promise<Round>;
}

/** A target of a case. */
export interface Target {
  readonly text: string;
  isMet(measurement: Measurement): boolean;
}

export interface Round extends AsyncDisposable {
  /** Milliseconds of each task, if tasks ran one after another: each is then a separate measurement. */
  run(): Promise<readonly number[] | undefined>;
}

export interface Measurement {
  readonly name: string;
  readonly unit: string;
  readonly units: number;
  /** Microseconds per unit of each round, or of each task in it, fastest first. */
  readonly rounds: readonly number[];
  /**
   * CPU time in microseconds per unit, of all threads including garbage collection: more reliable on a busy machine.
   */
  readonly cpu: number;
  /** Peak growth of the heap during a round, including garbage, in MiB. */
  readonly heapPeakMiB: number;
  /** Growth of the heap after a round and a collection, in MiB, while its state is still referenced. */
  readonly heapKeptMiB: number;
  /** The median of the rounds' times, each relative to that of the group's first case in the same round. */
  readonly ratio?: number;
  /** Likewise for the CPU time of the main thread, which depends less on the load of the machine. */
  readonly threadRatio?: number;
  /** Store calls of one round, without periodic ones. */
  readonly calls: StoreCalls;
  readonly target?: { readonly text: string; readonly isMet: boolean };
}

/** Sampling interval of the heap during a round. */
const heapSampleMs = 10;
const heapUsedMiB = () => getHeapStatistics().used_heap_size / 2 ** 20;

/**
 * Runs each case once per round, for `warmUp` rounds and then `rounds` measured ones, every other round in reverse order. A
 * garbage collection before each run keeps cases from paying for each other. A last round counts store calls.
 */
export async function measure(
  group: readonly Case[],
  { warmUp, rounds }: { readonly warmUp: number; readonly rounds: number },
): Promise<readonly Measurement[]> {
  if (globalThis.gc === undefined) throw new Error("start Node with --expose-gc");
  const measured = group.map(() => [] as RoundMeasurement[]);
  for (let n = 0; n < warmUp + rounds; n++) {
    const inOrder = [...group.entries()];
    for (const [index, what] of n % 2 === 0 ? inOrder : inOrder.toReversed()) {
      const round = await measureRound(what);
      if (n >= warmUp) measured[index]?.push(round);
    }
  }
  const measurements: Measurement[] = [];
  for (const [index, what] of group.entries()) {
    const own = { ...summary(what, measured[index] ?? []), calls: await countCalls(what) };
    const whole = index === 0 ? own : { ...own, ...ratios(group, measured, index) };
    const { target } = what;
    const judged = target && { target: { text: target.text, isMet: target.isMet(whole) } };
    measurements.push({ ...whole, ...judged });
  }
  return measurements;
}

/** The ratios of a case to the first one. */
function ratios(group: readonly Case[], measured: readonly (readonly RoundMeasurement[])[], index: number) {
  const [first, own] = [0, index].map((at) => ({ units: group[at]?.units ?? Number.NaN, rounds: measured[at] ?? [] }));
  if (first === undefined || own === undefined) throw new Error(`no case ${index}`);
  const ratio = (cost: (round: RoundMeasurement) => number): number => {
    const base = first.rounds.map((round) => cost(round) / first.units);
    const each = own.rounds.map((round, n) => cost(round) / own.units / (base[n] ?? Number.NaN));
    return median(each.toSorted((a, b) => a - b));
  };
  const time = ({ samples }: RoundMeasurement) => median(samples.toSorted((a, b) => a - b)) * samples.length;
  return { ratio: ratio(time), threadRatio: ratio(({ thread }) => thread) };
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

export async function countCalls(what: Case): Promise<StoreCalls> {
  const calls: Record<string, number> = {};
  await using round = await what.prepare(calls);
  await round.run();
  return calls;
}

interface RoundMeasurement {
  readonly samples: readonly number[];
  /** Microseconds per round. */
  readonly cpu: number;
  readonly thread: number;
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
  const [cpuBefore, threadBefore] = [process.cpuUsage(), process.threadCpuUsage()];
  const started = performance.now();
  const tasks = await round.run();
  const [cpu, thread] = [process.cpuUsage(cpuBefore), process.threadCpuUsage(threadBefore)].map(
    ({ user, system }) => user + system,
  ) as [number, number];
  const samples = tasks ?? [performance.now() - started];
  clearInterval(sampling);
  look();
  globalThis.gc?.();
  return { samples, cpu, thread, heapPeakMiB: peak - before, heapKeptMiB: heapUsedMiB() - before };
}

export const median = (sorted: readonly number[]): number => quantile(sorted, 0.5);

/** Interpolates between two values. */
export function quantile(sorted: readonly number[], share: number): number {
  const at = share * (sorted.length - 1);
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low + (high - low) * (at - Math.floor(at));
}

/** Calls per unit that change a record. */
export function writesOf({ calls, units }: Measurement): number {
  const writes = Object.entries(calls).filter(([operation]) => isWrite(operation));
  return writes.reduce((sum, [, count]) => sum + count, 0) / units;
}
