import { Console } from "node:console";
import { Writable } from "node:stream";
import { styleText } from "node:util";

type Style = Parameters<typeof styleText>[0];

/**
 * Where the command writes. `stdout` has what was asked for and nothing else, so that it can be piped; all that is said
 * beside it goes to `stderr`.
 */
export class Terminal {
  readonly stdout: NodeJS.WriteStream = process.stdout;
  readonly stderr: NodeJS.WriteStream = process.stderr;
  /** One JSON document on stdout, for machines. */
  isJson = false;
  exitCode = 0;
  /** While something is redrawn in place: writes above it. */
  #above: ((text: string) => void) | undefined;
  readonly #secrets = new Set<string>();

  /** A result, for people and for pipes. */
  print(text: string): void {
    this.stdout.write(`${text}\n`);
  }

  printJson(value: unknown): void {
    this.print(compactJson(value));
  }

  /** A remark beside the result. */
  note(text: string): void {
    this.#writeBeside(`${text}\n`);
  }

  /** What is said beside the result never has these words, whoever says it. */
  hide(secret: string): void {
    if (secret === "") return;
    for (const form of [secret, JSON.stringify(secret).slice(1, -1)]) this.#secrets.add(form);
  }

  /** Coloured on a terminal; `NO_COLOR` and `FORCE_COLOR` have the last word. */
  styled(style: Style, text: string, stream: NodeJS.WriteStream = this.stderr): string {
    return styleText(style, text, { stream, validateStream: true });
  }

  /** From now on what is said beside the result is handed to `write`. Disposed of, it goes to stderr again. */
  divertNotes(write: (text: string) => void): Disposable {
    this.#above = write;
    return {
      [Symbol.dispose]: () => {
        this.#above = undefined;
      },
    };
  }

  /**
   * What a flow's own code prints goes beside the result: in the middle of it, nobody could read the JSON any more.
   */
  takeConsole(): void {
    const beside = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.#writeBeside(chunk.toString());
        done();
      },
    });
    globalThis.console = new Console({ stdout: beside, stderr: beside });
  }

  /** Resolves when a pipe has taken all that was written. */
  async flush(): Promise<void> {
    for (const stream of [this.stdout, this.stderr]) {
      if (!stream.writable) continue; // its reader has gone
      await new Promise<void>((done) => stream.write("", () => done()));
    }
  }

  /** A line of a log, past whatever takes remarks. */
  log(line: string): void {
    this.stderr.write(this.#withoutSecrets(line));
  }

  #writeBeside(text: string): void {
    if (this.#above === undefined) this.log(text);
    else this.#above(this.#withoutSecrets(text));
  }

  #withoutSecrets(text: string): string {
    let shown = text;
    for (const secret of this.#secrets) shown = shown.replaceAll(secret, "****");
    return shown;
  }
}

const width = 116;

/**
 * JSON for people and machines: a list or object that fits on a line stands on one.
 *
 * @example
 * compactJson({ sum: [{ revenue: 4 }] }) // { "sum": [{ "revenue": 4 }] }
 */
export function compactJson(value: unknown): string {
  return written(JSON.parse(JSON.stringify(value) ?? "null"), "", 0);
}

function written(value: unknown, indent: string, used: number): string {
  const line = onOneLine(value, width - indent.length - used);
  if (line !== undefined) return line;
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${value.map((item) => `${inner}${written(item, inner, 1)}`).join(",\n")}\n${indent}]`;
  }
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([key, item]) => {
      const head = `${JSON.stringify(key)}: `;
      return `${inner}${head}${written(item, inner, head.length + 1)}`;
    });
    return `{\n${members.join(",\n")}\n${indent}}`;
  }
  return JSON.stringify(value);
}

/** `undefined`: it is longer than that. */
function onOneLine(value: unknown, room: number): string | undefined {
  if (room < 0) return undefined;
  if (typeof value !== "object" || value === null) {
    const text = JSON.stringify(value);
    return text.length <= room ? text : undefined;
  }
  const isList = Array.isArray(value);
  let text = isList ? "[" : "{ ";
  let isFirst = true;
  for (const [key, item] of Object.entries(value)) {
    const head = `${isFirst ? "" : ", "}${isList ? "" : `${JSON.stringify(key)}: `}`;
    const inner = onOneLine(item, room - text.length - head.length - 1);
    if (inner === undefined) return undefined;
    text += head + inner;
    isFirst = false;
  }
  text = isFirst ? (isList ? "[]" : "{}") : `${text}${isList ? "]" : " }"}`;
  return text.length <= room ? text : undefined;
}

/** Rows as columns of equal width; the last one is as long as it is. */
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
