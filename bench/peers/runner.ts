/* `node runner.ts MODULE EXPORT SHAPE WARM_MS`: runs a program in this process, and sends the measurements to its parent. */
import { performance } from "node:perf_hooks";
import { isDeepStrictEqual } from "node:util";
import { median } from "../measure.ts";
import type { Program, Programs } from "./program.ts";
import { type ShapeName, shapes } from "./shapes.ts";

/** The measurements of one process, in microseconds per unit. */
export interface Run {
  /** The mean of the first calls. */
  readonly cold: number;
  /** The median of the calls after warming up. */
  readonly warm: number;
  /** CPU time of all threads of this process, after warming up. */
  readonly cpu: number;
}

/** The message of a process: measurements, or why the library does not have this shape. */
export type Answer = Run | { readonly without: string };

const [, , module = "", place = "", shapeName = "", warmMs = ""] = process.argv;
const { cold: coldCalls, expected, units } = shapes[shapeName as ShapeName];
const places = (await import(module)) as Readonly<Record<string, Programs>>;
const prepare = places[place]?.[shapeName as ShapeName];
if (prepare === undefined) throw new Error(`${module} has no ${shapeName} for ${place}`);
const answer: Answer = typeof prepare === "string" ? { without: prepare } : await measure(await prepare());
process.send?.(answer, () => process.exit());

async function measure(program: Program): Promise<Run> {
  const cold: number[] = [];
  const started = performance.now();
  while (cold.length < coldCalls) cold.push(await timed(program));
  await repeat(program, started);
  const cpuBefore = process.cpuUsage();
  const warm = [await timed(program), ...(await repeat(program, performance.now()))];
  const { user, system } = process.cpuUsage(cpuBefore);
  await program.close?.();
  return {
    cold: (1000 * cold.reduce((sum, ms) => sum + ms, 0)) / (coldCalls * units),
    warm: (1000 * median(warm.toSorted((a, b) => a - b))) / units,
    cpu: (user + system) / (warm.length * units),
  };
}

/** Calls the program until the given time since `started` has passed; the milliseconds of each call. */
async function repeat(program: Program, started: number): Promise<readonly number[]> {
  const durations: number[] = [];
  while (performance.now() < started + Number(warmMs)) durations.push(await timed(program));
  return durations;
}

async function timed(program: Program): Promise<number> {
  const started = performance.now();
  const result = await program.run();
  const ms = performance.now() - started;
  if (!isDeepStrictEqual(JSON.parse(JSON.stringify(result)), expected)) {
    const found = JSON.stringify(result)?.slice(0, 200);
    throw new Error(`${module}, ${shapeName}: the result is ${found} instead of ${JSON.stringify(expected)}`);
  }
  return ms;
}
