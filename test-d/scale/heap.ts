import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/*
 * What a program keeps in a compiler's memory, garbage collected: unlike the memory that a compiler says it used, the
 * same at every run. 7.0 can't be asked for it.
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
