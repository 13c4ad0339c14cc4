import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Machine } from "../machine.ts";
import type { Run } from "./runner.ts";
import type { ShapeName } from "./shapes.ts";

/** The result of a library for a shape: the measurements of each round, or why there are none. */
export type Outcome =
  | { readonly title: string; readonly version: string; readonly runs: readonly Run[] }
  | { readonly title: string; readonly version: string; readonly without: string };

/** A run of one suite, whose libraries are comparable with each other. */
export interface SuiteResults {
  readonly name: string;
  readonly title: string;
  readonly servers: readonly string[];
  readonly shapes: readonly { readonly shape: ShapeName; readonly outcomes: readonly Outcome[] }[];
  readonly absent: Readonly<Record<string, string>>;
  readonly machine: Machine;
  /** The load average of the last minute at the end; that at the start is the machine's. */
  readonly loadAtEnd: number;
  readonly rounds: number;
  readonly warmMs: number;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The runs that the pages show: an array of suites. */
export const resultsFile = here("results.json");

/** As in the lock file. */
export function versionOf(name: string | undefined): string {
  if (name === undefined) return "";
  const lock = JSON.parse(readFileSync(here("libraries/package-lock.json"), "utf8"));
  return lock.packages[`node_modules/${name}`].version;
}
