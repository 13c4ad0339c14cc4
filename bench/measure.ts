import { performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";

/** Something worth timing. */
export interface Case {
  readonly name: string;
  /** What is counted, in the singular: "node", "batch". */
  readonly unit: string;
  /** How many of them one round does. */
  readonly units: number;
  /** Cases of one group are measured in turn, so that they meet the same machine. */
  readonly group?: string;
  /** A fresh state for one round. Making and disposing of it is not timed. */
  prepare(): Promise<Round>;
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
  /** Largest heap seen in any round, less what was there before the round; in MiB. */
  readonly heapPeakMiB: number;
  /** Largest heap left after a round and a collection, less what was there before; in MiB. The state still lives. */
  readonly heapKeptMiB: number;
  /** The median in medians of the group's first case. */
  readonly ratio?: number;
}

/** The heap is looked at this often while a round runs. */
const heapSampleMs = 10;
const heapUsedMiB = () => getHeapStatistics().used_heap_size / 2 ** 20;

/**
 * Runs cases for `warmUp` rounds that don't count, then for `rounds` that do, each round one of every case, with a
 * collection before each, so that none pays for the garbage of the one before.
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
  const measurements = group.map((what, index) => summary(what, measured[index] ?? []));
  const first = median(measurements[0]?.rounds ?? []);
  return measurements.map((each, index) => (index === 0 ? each : { ...each, ratio: median(each.rounds) / first }));
}

const summary = ({ name, unit, units }: Case, measured: readonly RoundMeasurement[]): Measurement => ({
  name,
  unit,
  units,
  rounds: measured
    .flatMap(({ samples }) => samples.map((ms) => (ms * 1000 * samples.length) / units))
    .toSorted((a, b) => a - b),
  heapPeakMiB: Math.max(...measured.map(({ heapPeakMiB }) => heapPeakMiB)),
  heapKeptMiB: Math.max(...measured.map(({ heapKeptMiB }) => heapKeptMiB)),
});

interface RoundMeasurement {
  readonly samples: readonly number[];
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
  const started = performance.now();
  const tasks = await round.run();
  const samples = tasks ?? [performance.now() - started];
  clearInterval(sampling);
  look();
  globalThis.gc?.();
  return { samples, heapPeakMiB: peak - before, heapKeptMiB: heapUsedMiB() - before };
}

export function median(sorted: readonly number[]): number {
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}
