import { expect, test } from "vitest";
import { jsonLogger, terminalLogger } from "../../../src/cli/terminal/logger.ts";
import type { Terminal } from "../../../src/cli/terminal/terminal.ts";
import { hostileErrors } from "../../helpers/hostile-errors.ts";

function recorded() {
  const lines: string[] = [];
  const write = (text: string) => void lines.push(text);
  const terminal = { note: write, log: write, styled: (_style: unknown, text: string) => text };
  return { lines, terminal: terminal as unknown as Terminal };
}

test.for(Object.entries(hostileErrors))("%s is a line of each log", ([, { make, says }]) => {
  const { lines, terminal } = recorded();
  terminalLogger(terminal).error({ err: make() }, "told");
  jsonLogger(terminal, "info").error({ err: make() }, "told");
  expect(lines).toHaveLength(2);
  expect(lines[0]?.toWellFormed()).toMatch(says);
  expect(JSON.parse(lines[1] ?? "")).toMatchObject({ level: "error", msg: "told" });
});
