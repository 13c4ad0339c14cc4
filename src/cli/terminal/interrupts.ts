import { exitCodes } from "./cli-error.ts";
import type { Terminal } from "./terminal.ts";

/**
 * What signals do while something runs. The first one asks it to end; the second one ends the process, whatever it
 * is at. Disposed of, signals do again what they do by default.
 */
export function onSignals(
  terminal: Terminal,
  reactions: { readonly interrupt: () => void; readonly terminate: () => void },
): Disposable {
  let asked = false;
  const react = (reaction: () => void, exitCode: number) => {
    if (asked) {
      if (terminal.stderr.isTTY) terminal.stderr.write("\n"); // behind the "^C"
      process.exit(exitCode);
    }
    asked = true;
    reaction();
  };
  const listeners = {
    SIGINT: () => react(reactions.interrupt, exitCodes.interrupted),
    SIGTERM: () => react(reactions.terminate, exitCodes.terminated),
  };
  process.on("SIGINT", listeners.SIGINT);
  process.on("SIGTERM", listeners.SIGTERM);
  return {
    [Symbol.dispose]: () => {
      process.off("SIGINT", listeners.SIGINT);
      process.off("SIGTERM", listeners.SIGTERM);
    },
  };
}
