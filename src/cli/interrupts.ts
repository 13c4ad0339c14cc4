import { exitCodes } from "./cli-error.ts";
import type { Terminal } from "./terminal.ts";

/**
 * What signals do while something runs. The first Ctrl-C asks it to end; the second one ends the process, whatever it
 * is at. Disposed of, signals do again what they do by default.
 */
export function onSignals(
  terminal: Terminal,
  reactions: { readonly interrupt: () => void; readonly terminate: () => void },
): Disposable {
  let asked = false;
  const react = (reaction: () => void) => {
    if (asked) {
      terminal.stderr.write("\n");
      process.exit(exitCodes.interrupted);
    }
    asked = true;
    reaction();
  };
  const listeners = { SIGINT: () => react(reactions.interrupt), SIGTERM: () => react(reactions.terminate) };
  process.on("SIGINT", listeners.SIGINT);
  process.on("SIGTERM", listeners.SIGTERM);
  return {
    [Symbol.dispose]: () => {
      process.off("SIGINT", listeners.SIGINT);
      process.off("SIGTERM", listeners.SIGTERM);
    },
  };
}
