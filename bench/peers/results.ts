import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Machine } from "../machine.ts";
import type { Run } from "./runner.ts";
import type { ShapeName } from "./shapes.ts";

/** What a library did with a shape: what each round measured, or why there is nothing. */
export type Outcome =
  | { readonly title: string; readonly version: string; readonly runs: readonly Run[] }
  | { readonly title: string; readonly version: string; readonly without: string };

export interface SuiteResults {
  readonly name: string;
  readonly title: string;
  readonly servers: readonly string[];
  readonly shapes: readonly { readonly shape: ShapeName; readonly outcomes: readonly Outcome[] }[];
  readonly absent: Readonly<Record<string, string>>;
}

/** One run of the comparison. */
export interface Results {
  readonly machine: Machine;
  /** The load average of the last minute at the end; that at the start is the machine's. */
  readonly loadAtEnd: number;
  readonly rounds: number;
  readonly warmMs: number;
  readonly suites: readonly SuiteResults[];
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The run that the pages show. */
export const resultsFile = here("results.json");

/** As in the lock file. */
export function versionOf(name: string | undefined): string {
  if (name === undefined) return "";
  const lock = JSON.parse(readFileSync(here("libraries/package-lock.json"), "utf8"));
  return lock.packages[`node_modules/${name}`].version;
}
