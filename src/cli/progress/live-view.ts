import type { Terminal } from "../terminal.ts";
import { nodeLine } from "./node-line.ts";
import { isOver, type NodeProgress, type TaskProgress } from "./progress.ts";

const redrawEveryMs = 100;
const clearLine = "\u001b[2K";
const clearBelow = "\u001b[0J";
const upBy = (lines: number): string => (lines === 0 ? "" : `\u001b[${lines}A`);

/**
 * The nodes of a run on a terminal, a line each, redrawn in place. What is written meanwhile appears above. A graph with
 * more nodes than the terminal has lines shows those that do something.
 */
export class LiveView {
  readonly #terminal: Terminal;
  readonly #progress: TaskProgress;
  readonly #timer: NodeJS.Timeout;
  readonly #notes: Disposable;
  /** How many lines stand there now, the cursor below them. */
  #drawn = 0;

  constructor(terminal: Terminal, progress: TaskProgress) {
    this.#terminal = terminal;
    this.#progress = progress;
    this.#notes = terminal.divertNotes((text) => this.#draw(text));
    this.#timer = setInterval(() => this.#draw(), redrawEveryMs);
  }

  /** Leaves the last state of all nodes on the screen. */
  end(): void {
    clearInterval(this.#timer);
    this.#draw("", this.#progress.all());
    this.#notes[Symbol.dispose]();
  }

  #draw(above = "", nodes = this.#shown()): void {
    const { columns = 80 } = this.#terminal.stderr;
    const idWidth = Math.max(...this.#progress.all().map(({ id }) => id.length));
    const now = Date.now();
    const lines = nodes.map((node) => nodeLine(this.#terminal, node, { idWidth, now, columns }));
    const hidden = this.#progress.all().length - nodes.length;
    if (hidden > 0) lines.push(`  ... and ${hidden} more`);
    const text = lines.map((line) => `${clearLine}${line}\n`).join("");
    const ended = above === "" || above.endsWith("\n") ? above : `${above}\n`;
    // In one write: a terminal shows no half of it.
    this.#terminal.stderr.write(`${upBy(this.#drawn)}\r${clearBelow}${ended}${text}`);
    this.#drawn = lines.length;
  }

  /** All, or as many as fit: first those that run or failed, then those that wait, then those that are over. */
  #shown(): readonly NodeProgress[] {
    const nodes = this.#progress.all();
    const room = Math.max(1, (this.#terminal.stderr.rows ?? 24) - 2);
    if (nodes.length <= room) return nodes;
    const rank = ({ status }: NodeProgress) => {
      if (status === "queued") return 1;
      return isOver(status) && status !== "failed" ? 2 : 0;
    };
    const chosen = new Set(nodes.toSorted((a, b) => rank(a) - rank(b)).slice(0, room));
    return nodes.filter((node) => chosen.has(node));
  }
}
