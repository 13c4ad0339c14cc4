import { describe, expect, test } from "vitest";
import { systemClock } from "../../../../src/core/ports/system.ts";
import { TaskChanges } from "../../../../src/core/tasks/task-changes.ts";

const clock = systemClock();
const longMs = 60_000;

describe("waiting for a task's changes", () => {
  test("ends at the next change, or at one since the last call: none is missed in between", async () => {
    const changes = new TaskChanges();
    using listener = changes.listen("t", { onlyEnd: false });
    changes.emit("t", false);
    await listener.next(clock, longMs);
    const waiting = listener.next(clock, longMs);
    changes.emit("t", false);
    await waiting;
  });

  test("ends after the given time", async () => {
    using listener = new TaskChanges().listen("t", { onlyEnd: false });
    await listener.next(clock, 1);
  });

  test("is not ended by another task, nor, for waiters for the end, by another change", async () => {
    const changes = new TaskChanges();
    using listener = changes.listen("t", { onlyEnd: true });
    let woken = false;
    const waiting = listener.next(clock, longMs).then(() => {
      woken = true;
    });
    changes.emit("other", true);
    changes.emit("t", false);
    await clock.yield();
    expect(woken).toBe(false);
    changes.emit("t", true);
    await waiting;
  });

  test("is rejected when the engine stops, before, during and after", async () => {
    const changes = new TaskChanges();
    using listener = changes.listen("t", { onlyEnd: true });
    const waiting = expect(listener.next(clock, longMs)).rejects.toMatchObject({ code: "ENGINE_STOPPED" });
    changes.close();
    await waiting;
    await expect(listener.next(clock, longMs)).rejects.toMatchObject({ code: "ENGINE_STOPPED" });
    expect(() => changes.check()).toThrow("stopped");
  });

  test("wakes all listeners, and no longer those that have left", () => {
    const changes = new TaskChanges();
    const woken: string[] = [];
    const first = changes.onEnd("t", () => woken.push("first"));
    changes.onEnd("t", () => woken.push("second"));
    changes.emit("t", true);
    first[Symbol.dispose]();
    changes.emit("t", true);
    expect(woken).toEqual(["first", "second", "second"]);
  });

  test("a listener that leaves while all are woken does not prevent the others from waking", () => {
    const changes = new TaskChanges();
    const woken: number[] = [];
    const listeners = [0, 1, 2].map((n) =>
      changes.onEnd("t", () => {
        woken.push(n);
        listeners[n]?.[Symbol.dispose]();
      }),
    );
    changes.emit("t", true);
    expect(woken).toEqual([0, 1, 2]);
  });
});
