import { exitCodes } from "./cli-error.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Handles signals while a command runs: the first one triggers the reaction, the second one exits immediately. Disposing
 * restores the default behaviour.
 */
export function onSignals(
  terminal: Terminal,
  reactions: { readonly interrupt: () => void; readonly terminate: () => void },
): Disposable {
  let wasSignalled = false;
  const react = (reaction: () => void, exitCode: number) => {
    if (wasSignalled) {
      if (terminal.stderr.isTTY) terminal.stderr.write("\n"); // after the "^C" that the terminal echoes
      process.exit(exitCode);
    }
    wasSignalled = true;
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
