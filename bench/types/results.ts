import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { LibraryCases } from "./cases.ts";
import type { GraphCost } from "./large-graph.ts";
import type { Library } from "./library.ts";

/** The results of one run of the comparison. It is identified by versions, not dates. */
export interface Results {
  readonly node: string;
  readonly cores: number;
  readonly zod: string;
  /** Number of compilations of each large graph; times are medians. */
  readonly rounds: number;
  readonly libraries: readonly LibraryResults[];
}

export interface LibraryResults extends LibraryCases {
  readonly name: string;
  readonly title: string;
  readonly package: string;
  readonly version: string;
  readonly graphs: readonly GraphCost[];
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The run that the README shows. */
export const resultsFile = here("results.json");

/** As in the lock files. */
export function versionOf(name: Library["package"]): string {
  if (name === "flowkit") return read("../../package.json").version;
  return read("package-lock.json").packages[`node_modules/${name}`].version;
}

const read = (path: string) => JSON.parse(readFileSync(here(path), "utf8"));
