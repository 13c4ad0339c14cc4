import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cliProject } from "../../helpers/cli.ts";
import { ctrlC, onTerminal } from "../../helpers/pty.ts";

/** Each batch of `count` waits for a file with its number; `square` fails its first attempt. */
const gatedFlow = `
import { existsSync } from "node:fs";
import { defineHandler, flow, RetryableError } from "flowkit";
import * as z from "zod";

const until = async (name: string, signal: AbortSignal) => {
  while (!existsSync(name)) {
    if (signal.aborted && !existsSync("stubborn")) throw signal.reason;
    await new Promise((done) => setTimeout(done, 10));
  }
};
const count = defineHandler("count", {
  output: z.int(),
  async *iterBatches(_args, ctx) {
    for (const n of [1, 2, 3]) {
      await until("go-" + n, ctx.signal);
      console.log("counted to", n);
      yield { payload: n };
    }
  },
});
const square = defineHandler("square", {
  input: z.int(),
  output: z.int(),
  loadInput(_args, ctx) {
    if (ctx.epoch === 1) throw new RetryableError("tired");
  },
  processBatch(n, ctx) {
    ctx.progress(n, 3);
    return n * n;
  },
});
const add = defineHandler("add", { input: z.int(), output: z.int(), processBatch: (n) => n });
export const gated = flow("gated")
  .node("count", count)
  .then("square", square, { startWhen: "first_batch", retry: { backoffSec: 0.05 } })
  .then("add", add);
`;

describe("a run on a terminal", () => {
  const start = (
    options: { readonly columns?: number; readonly rows?: number; readonly env?: Record<string, string> } = {},
  ) => {
    const cwd = cliProject({ "flow.ts": gatedFlow });
    const session = onTerminal(["run", "flow.ts"], { cwd, ...options });
    return { session, go: (n: number) => writeFileSync(join(cwd, `go-${n}`), ""), cwd };
  };

  test("prints one line per change where the cursor cannot be moved", async () => {
    const { session, go } = start({ env: { TERM: "dumb", NO_COLOR: "1" } });
    await session.shows(/ s {2}count {2}running$/);
    for (const n of [1, 2, 3]) go(n);
    await session.shows(/ s {2}add {2}finished, 3 batches/);
    expect(await session.exitCode).toBe(0);
    expect(session.written()).not.toContain("\u001b");
  });

  test("shows one line per node, updated in place", async () => {
    const { session, go } = start();
    await session.shows(/▸ count +running +0 batches/);
    await session.shows(/· square +queued\n· add +queued$/);
    go(1);
    await session.shows(/▸ count +running +1 batch .*\n▸ square +running +1 batch .* 1 retry {2}1\/3\n· add +queued$/);
    expect(session.screen().filter((line) => line.includes("square"))).toHaveLength(1);
    expect(session.screen()[0]).toBe("counted to 1"); // output of handlers appears above
    go(2);
    go(3);
    expect(await session.exitCode).toBe(0);
    const screen = session.screen().join("\n");
    expect(screen).toMatch(
      /^counted to 1\ncounted to 2\ncounted to 3\n✔ count {3}finished +3 batches .*\n✔ square {2}finished +3 batches .* 1 retry {2}3\/3\n✔ add {5}finished +3 batches .*\n\{ "add": \[1, 4, 9\] \}$/,
    );
  });

  test("is coloured unless NO_COLOR is set", async () => {
    const coloured = start();
    for (const n of [1, 2, 3]) coloured.go(n);
    expect(await coloured.session.exitCode).toBe(0);
    expect(coloured.session.written()).toContain("\u001b[32m✔");
    const plain = start({ env: { NO_COLOR: "1" } });
    for (const n of [1, 2, 3]) plain.go(n);
    expect(await plain.session.exitCode).toBe(0);
    expect(plain.session.written()).toContain("✔");
    expect(plain.session.written()).not.toContain("\u001b[32m");
  });

  test("fits into a small window", async () => {
    const { session, go } = start({ columns: 30, rows: 4 });
    await session.shows(/▸ count {3}running/);
    go(1);
    await session.shows(/\.\.\. and 1 more$/);
    expect(session.screen().filter((line) => line.includes("square"))).toHaveLength(1);
    go(2);
    go(3);
    expect(await session.exitCode).toBe(0);
    expect(Math.max(...session.screen().map((line) => line.length))).toBeLessThanOrEqual(30);
    expect(session.screen().filter((line) => /^✔/.test(line))).toHaveLength(3); // all of them at the end
  });

  test("Ctrl-C cancels it and exits with 130", async () => {
    const { session, go } = start();
    go(1);
    await session.shows(/▸ square +running +1 batch/);
    session.press(ctrlC);
    expect(await session.exitCode).toBe(130);
    const screen = session.screen().join("\n");
    expect(screen).toContain("cancelling; press Ctrl-C again to exit immediately\n");
    expect(screen).toMatch(/■ count {3}cancelled/);
    expect(screen).toMatch(/■ square {2}cancelled/);
    expect(screen).toMatch(/error TASK_CANCELLED: task \S+ was cancelled/);
  });

  test("a second Ctrl-C exits immediately, whatever a handler does", async () => {
    const { session, cwd } = start();
    await session.shows(/▸ count +running/);
    writeFileSync(join(cwd, "stubborn"), ""); // it ignores its signal
    session.press(ctrlC);
    await session.shows(/cancelling; press Ctrl-C again/);
    await session.shows(/▸ count +cancelling/);
    session.press(ctrlC);
    expect(await session.exitCode).toBe(130);
    expect(existsSync(join(cwd, "go-1"))).toBe(false);
  });
});

test("a report is not written to a terminal", async () => {
  const session = onTerminal(["report", "3f2a", "--store", "runs.db"], { cwd: cliProject({}) });
  await session.shows(/Pass -o run\.html, or redirect stdout\./);
  expect(await session.exitCode).toBe(2);
  expect(session.screen()[0]).toMatch(/^error CLI_USAGE: missing output file: a report is an HTML page of up to 2 MB/);
});
