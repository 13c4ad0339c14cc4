import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/*
 * The memory of a compiler that a program retains after garbage collection. Unlike the memory usage that a compiler
 * reports, it is the same at every run. TypeScript 7.0 does not expose it.
 */

const run = promisify(execFile);

/** In MiB, of one file and what it imports, checked by TypeScript 6.0 in a process of its own. */
export async function keptHeap(file: string): Promise<number> {
  const program = fileURLToPath(new URL("measure-heap.ts", import.meta.url));
  return Number((await run(process.execPath, ["--expose-gc", program, file])).stdout);
}
