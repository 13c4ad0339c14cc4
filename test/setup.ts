import { format } from "node:util";
import { afterEach, beforeEach, vi } from "vitest";

/** Console output and process warnings fail the test, because a library must be silent. */
const methods = ["log", "info", "warn", "error", "debug", "trace"] as const;
let printed: string[] = [];
const onWarning = (warning: Error) => printed.push(`process warning ${warning.name}: ${warning.message}`);

beforeEach(() => {
  printed = [];
  process.on("warning", onWarning);
  for (const method of methods) {
    vi.spyOn(console, method).mockImplementation((...args: unknown[]) => {
      printed.push(`console.${method}: ${format(...args)}`);
    });
  }
});

afterEach(async () => {
  await new Promise((done) => setImmediate(done)); // process warnings are emitted on the next tick
  process.off("warning", onWarning);
  for (const method of methods) vi.mocked(console[method]).mockRestore();
  if (printed.length > 0) throw new Error(`unexpected output:\n${printed.join("\n")}`);
});
