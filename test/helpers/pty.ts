import { spawn } from "@lydell/node-pty";
import xterm from "@xterm/headless";
import { onTestFinished } from "vitest";
import { flowkitBin, node } from "./cli.ts";

/** `flowkit` on a terminal: the visible screen, and key presses. */
export interface TerminalSession {
  /** The lines of the screen, without trailing empty ones. */
  screen(): readonly string[];
  /** Resolves once the screen shows this; rejects if the process exits before. */
  shows(what: RegExp): Promise<void>;
  press(keys: string): void;
  /** The whole output, including control characters. */
  written(): string;
  readonly exitCode: Promise<number>;
}

export function onTerminal(
  args: readonly string[],
  options: {
    readonly cwd: string;
    readonly columns?: number;
    readonly rows?: number;
    readonly env?: Record<string, string>;
  },
): TerminalSession {
  const { cwd, columns = 100, rows = 24, env = {} } = options;
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 1_000 });
  const child = spawn(node, [flowkitBin, ...args], {
    name: env.TERM ?? "xterm-256color",
    cols: columns,
    rows,
    cwd,
    env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...env },
  });
  let written = "";
  const looks = new Set<() => void>();
  const rendered = (done?: () => void) => terminal.write("", done);
  child.onData((data) => {
    written += data;
    terminal.write(data, () => {
      for (const look of looks) look();
    });
  });
  const exitCode = new Promise<number>((done) => {
    child.onExit((end) => rendered(() => done(end.exitCode)));
  });
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exitCode;
    terminal.dispose();
  });
  const screen = (): readonly string[] => {
    const { buffer } = terminal;
    const lines = Array.from({ length: buffer.active.length }, (_, index) =>
      (buffer.active.getLine(index)?.translateToString(true) ?? "").trimEnd(),
    );
    return lines.slice(0, lines.findLastIndex((line) => line !== "") + 1);
  };
  return {
    screen,
    written: () => written,
    press: (keys) => child.write(keys),
    exitCode,
    shows: (what) =>
      new Promise((done, reject) => {
        const look = () => {
          if (!what.test(screen().join("\n"))) return;
          looks.delete(look);
          done();
        };
        looks.add(look);
        void exitCode.then(() => reject(new Error(`exited before it showed ${what}:\n${screen().join("\n")}`)));
        look();
      }),
  };
}

export const ctrlC = "\u0003";
