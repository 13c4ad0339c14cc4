import { Console } from "node:console";
import { Writable } from "node:stream";
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/** The output of the command: the result goes to `stdout`, so that it can be piped, and everything else to `stderr`. */
export class Terminal {
  readonly stdout: NodeJS.WriteStream = process.stdout;
  readonly stderr: NodeJS.WriteStream = process.stderr;
  /** Print one JSON document to stdout: `--json`. */
  isJson = false;
  exitCode = 0;
  /** Receives notes instead of stderr, such as a view that is redrawn in place. */
  #divertedTo: ((text: string) => void) | undefined;
  readonly #secrets = new Set<string>();

  /** Whether stderr is a terminal that can move its cursor. */
  get canRedraw(): boolean {
    return this.stderr.isTTY && process.env.TERM !== "dumb";
  }

  /** Prints a line of the result to stdout. */
  print(text: string): void {
    this.stdout.write(`${text}\n`);
  }

  printJson(value: unknown): void {
    this.print(compactJson(value));
  }

  /** Prints a line to stderr. */
  note(text: string): void {
    this.#writeNote(`${text}\n`);
  }

  /** Masks a secret in everything that is written to stderr. */
  hide(secret: string): void {
    if (secret === "") return;
    for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) this.#secrets.add(form);
  }

  /** Styles text if the stream is a terminal; `NO_COLOR` and `FORCE_COLOR` override that. */
  styled(style: Style, text: string, stream: NodeJS.WriteStream = this.stderr): string {
    return styleText(style, text, { stream, validateStream: true });
  }

  /** Passes notes to `write` instead of stderr, until disposed. */
  divertNotes(write: (text: string) => void): Disposable {
    this.#divertedTo = write;
    return {
      [Symbol.dispose]: () => {
        this.#divertedTo = undefined;
      },
    };
  }

  /** Redirects `console` to stderr: output of a flow's code must not corrupt the JSON on stdout. */
  redirectConsole(): void {
    const stream = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#writeNote(chunk.toString());
        done();
      },
    });
    globalThis.console = new Console({ stdout: stream, stderr: stream });
  }

  /** Resolves once everything written has been flushed. */
  async flush(): Promise<void> {
    for (const stream of [this.stdout, this.stderr]) {
      if (!stream.writable) continue; // the reader of the pipe has closed it
      await new Promise<void>((done) => stream.write("", () => done()));
    }
  }

  /** Writes to stderr, even while notes are diverted. */
  log(line: string): void {
    this.stderr.write(this.#masked(line));
  }

  #writeNote(text: string): void {
    if (this.#divertedTo === undefined) this.log(text);
    else this.#divertedTo(this.#masked(text));
  }

  #masked(text: string): string {
    let masked = text;
    for (const secret of this.#secrets) masked = masked.replaceAll(secret, "****");
    return masked;
  }
}

const width = 116;

/**
 * Formats JSON with each list and object on one line if it fits.
 *
 * @example
 * compactJson({ sum: [{ revenue: 4 }] }) // { "sum": [{ "revenue": 4 }] }
 */
export function compactJson(value: unknown): string {
  return formatted(JSON.parse(JSON.stringify(value) ?? "null"), "", 0);
}

function formatted(value: unknown, indent: string, used: number): string {
  const line = onOneLine(value, width - indent.length - used);
  if (line !== undefined) return line;
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => `${inner}${formatted(item, inner, 1)}`).join(",\n")}\n${indent}]`;
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([key, item]) => {
      const head = `${JSON.stringify(key)}: `;
      return `${inner}${head}${formatted(item, inner, head.length + 1)}`;
    });
    return `{\n${members.join(",\n")}\n${indent}}`;
  }
  return JSON.stringify(value);
}

/** `undefined`: does not fit into `available` columns. */
function onOneLine(value: unknown, available: number): string | undefined {
  if (available < 0) return undefined;
  if (typeof value !== "object" || value === null) {
    const text = JSON.stringify(value);
    return text.length <= available ? text : undefined;
  }
  const isList = Array.isArray(value);
  let text = isList ? "[" : "{ ";
  let isFirst = true;
  for (const [key, item] of Object.entries(value)) {
    const head = `${isFirst ? "" : ", "}${isList ? "" : `${JSON.stringify(key)}: `}`;
    const inner = onOneLine(item, available - text.length - head.length - 1);
    if (inner === undefined) return undefined;
    text += head + inner;
    isFirst = false;
  }
  text = isFirst ? (isList ? "[]" : "{}") : `${text}${isList ? "]" : " }"}`;
  return text.length <= available ? text : undefined;
}

/** Aligns rows in columns, without trailing spaces. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows)
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** "1 batch", "1,200 batches". */
export const counted = (n: number, one: string, many = `${one}s`): string =>
  `${n.toLocaleString("en")} ${n === 1 ? one : many}`;

/** "0.12 s", "3:05", "2:00:07". */
export function duration(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.floor(ms / 1000);
  const two = (n: number) => String(n).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  const tail = two(seconds % 60);
  return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${tail}`;
}

/** "4.2/s", "1,200/s"; empty if too little was measured. */
export function perSecond(count: number, ms: number): string {
  if (ms < 100 || count === 0) return "";
  const rate = (count / ms) * 1000;
  return `${rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString("en")}/s`;
}
