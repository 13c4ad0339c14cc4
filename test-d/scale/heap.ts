import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/*
 * The memory of a compiler that a program retains after garbage collection. Unlike the memory usage that a compiler
 * reports, it is the same at every run. TypeScript 7.0 does not expose it.
 */

const run = promisify(execFile);

export interface Kept {
  readonly heapMiB: number;
  /** As the compiler's `--extendedDiagnostics` counts them. */
  readonly files: number;
  readonly types: number;
  readonly instantiations: number;
}

/** The memory for one file and its imports, checked by TypeScript 6.0 in a separate process. */
export async function keptBy(file: string): Promise<Kept> {
  const program = fileURLToPath(new URL("measure-heap.ts", import.meta.url));
  return JSON.parse((await run(process.execPath, ["--expose-gc", program, file])).stdout);
}
