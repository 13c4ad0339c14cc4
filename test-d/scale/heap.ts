import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/*
 * The memory of a compiler that a program retains after garbage collection. Unlike the memory usage that a compiler
 * reports, it is the same at every run. TypeScript 7.0 does not expose it.
 */

const run = promisify(execFile);

const heapCompilers = { "5.9": "typescript-5.9", "6.0": "typescript" } as const;

/** In MiB, of one file and what it imports, checked in a process of its own. */
export async function keptHeap(compiler: keyof typeof heapCompilers, file: string): Promise<number> {
  const args = [
    "--expose-gc",
    fileURLToPath(new URL("measure-heap.ts", import.meta.url)),
    heapCompilers[compiler],
    file,
  ];
  return Number((await run(process.execPath, args)).stdout);
}
