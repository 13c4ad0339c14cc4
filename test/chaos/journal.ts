import { closeSync, existsSync, openSync, readSync, writeSync } from "node:fs";

const beatMs = 50;
const stallMs = 150;

/** The machine's monotonic clock in ms: shared by all processes, and never set. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface CallRef {
  readonly task: string;
  readonly node: string;
  readonly shard: number;
  readonly epoch: number;
}

/**
 * The journal entries of a process with handlers.
 *
 * - `begin`, `end`: a call of `processBatch` (with its `uid`), or of another method (without)
 * - `threw`: the error that it is about to throw deliberately
 * - `stall`: the process stalled since `from`
 */
export type JournalLine =
  | ({ readonly kind: "begin" | "end"; readonly at: number; readonly type: string; readonly uid?: string } & CallRef)
  | ({ readonly kind: "threw"; readonly at: number; readonly code: string } & CallRef)
  | { readonly kind: "stall"; readonly at: number; readonly from: number };

/** Appended line by line, each written before the call continues, so that nothing is lost if the process is killed. */
export class JournalWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(line: JournalLine): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  /** Records when this process stalled. */
  watchStalls(): void {
    let before = machineMs();
    setInterval(() => {
      const at = machineMs();
      if (at - before > beatMs + stallMs) this.write({ kind: "stall", at, from: before });
      before = at;
    }, beatMs).unref();
  }
}

/** Continues reading after the last read. */
export class JournalReader {
  readonly #path: string;
  #offset = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
  }

  read(): JournalLine[] {
    if (!existsSync(this.#path)) return [];
    const file = openSync(this.#path, "r");
    const buffer = Buffer.alloc(1 << 16);
    let text = this.#rest;
    try {
      for (;;) {
        const length = readSync(file, buffer, 0, buffer.length, this.#offset);
        if (length === 0) break;
        this.#offset += length;
        text += buffer.toString("latin1", 0, length); // ids and uids are plain ASCII
      }
    } finally {
      closeSync(file);
    }
    const lines = text.split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => JSON.parse(line) as JournalLine);
  }
}
