import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { memoryStore } from "../../../src/adapters/memory/index.ts";
import { sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { Store } from "../../../src/core/ports/index.ts";
import { type Operation, operation, type Progress } from "../store/random-operations.ts";
import { visibleState } from "../store/visible-state.ts";

const operations = fc.array(fc.tuple(operation, fc.constantFrom(0, 1, 10, 60, 1_000)), {
  minLength: 10,
  maxLength: 120,
});

/** An answer or a rejection: both stores must reject alike. */
const answerOf = async (call: (store: Store) => unknown, store: Store): Promise<unknown> => {
  try {
    return { answer: await call(store) };
  } catch (error) {
    return { refused: error instanceof Error ? error.message : error };
  }
};

for (const commit of ["turn", "call"] as const) {
  test(`any sequence of operations has the same answers on SQLite as in memory (commit: ${commit})`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "flowkit-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(operations, async (steps) => {
        const path = join(folder, `${runs++}.db`);
        symlinkSync(path, `${path}-link`);
        await compare(steps, { path, commit });
      }),
      { numRuns: 40 },
    );
  });
}

async function compare(
  steps: readonly (readonly [Operation, number])[],
  { path, commit }: { readonly path: string; readonly commit: "turn" | "call" },
): Promise<void> {
  let now = 1_000_000;
  const clock = { now: () => now };
  const model = memoryStore({ ...clock, keepFinishedTasks: 1_000 });
  const store = sqliteStore(path, { ...clock, commit });
  // Another connection has nothing cached: it shows the content of the file.
  const other = sqliteStore(`${path}-link`, { ...clock, commit });
  for (const each of [model, store, other]) await each.open();
  try {
    const progress: Progress = { model, attempts: [] };
    for (const [step, [next, waitMs]] of steps.entries()) {
      now += waitMs;
      const call = await next.prepare(progress);
      const expected = await answerOf(call, model);
      expect(await answerOf(call, store), `answer to ${next}`).toEqual(expected);
      if (step % 10 !== 0 && step !== steps.length - 1) continue;
      const state = await visibleState(model);
      expect(await visibleState(store), `state after ${next}`).toEqual(state);
      await store.settle();
      expect(await visibleState(other), `file after ${next}`).toEqual(state);
    }
  } finally {
    for (const each of [model, store, other]) await each.close();
  }
}
