import { closeSync, existsSync, openSync, readSync, writeSync } from "node:fs";

const beatMs = 50;
const stallMs = 150;

/** Milliseconds of the machine's monotonic clock: the same clock in all processes, and it never steps. */
export const machineMs = (): number => Number(process.hrtime.bigint()) / 1e6;

export interface CallRef {
  readonly task: string;
  readonly node: string;
  readonly shard: number;
  readonly epoch: number;
}

/**
 * What a process of handlers writes down.
 *
 * - `begin`, `end`: a call of `processBatch` (with its `uid`), or of anything else (without)
 * - `threw`: what it throws next, on purpose
 * - `stall`: the process stood still from `from` on
 */
export type JournalLine =
  | ({ readonly kind: "begin" | "end"; readonly at: number; readonly type: string; readonly uid?: string } & CallRef)
  | ({ readonly kind: "threw"; readonly at: number; readonly code: string } & CallRef)
  | { readonly kind: "stall"; readonly at: number; readonly from: number };

/** Appended line by line, each in the file before the call goes on: it is all there when the process is killed. */
export class JournalWriter {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  write(line: JournalLine): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  /** Writes down when this process stood still: what it did right after it did not know the time yet. */
  watchStalls(): void {
    let before = machineMs();
    setInterval(() => {
      const at = machineMs();
      if (at - before > beatMs + stallMs) this.write({ kind: "stall", at, from: before });
      before = at;
    }, beatMs).unref();
  }
}

/** Reads on where it ended the last time. */
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
        text += buffer.toString("latin1", 0, length); // ids and uids here are plain ASCII
      }
    } finally {
      closeSync(file);
    }
    const lines = text.split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => JSON.parse(line) as JournalLine);
  }
}
