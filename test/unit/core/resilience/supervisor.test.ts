import { describe, expect, test } from "vitest";
import { systemClock } from "../../../../src/core/ports/system.ts";
import { Supervisor } from "../../../../src/core/resilience/supervisor.ts";
import { FlowError } from "../../../../src/errors/index.ts";
import { RecordingLogger } from "../../../helpers/recording-logger.ts";
import { until } from "../../../helpers/waiting.ts";

function supervisor() {
  const logger = new RecordingLogger();
  const clock = systemClock();
  const slept: number[] = [];
  const sleep = async (ms: number) => {
    slept.push(ms);
    await clock.yield();
  };
  return { logger, slept, supervisor: new Supervisor({ clock: { ...clock, sleep }, logger }) };
}

describe("background work", () => {
  test("that fails is logged and rejects nowhere", async () => {
    const { supervisor: owner, logger } = supervisor();
    owner.spawn("part", () => Promise.reject(new Error("boom")));
    await owner.stop();
    expect(logger.lines).toMatchObject([{ level: "error", fields: { part: "part", err: { message: "boom" } } }]);
  });

  test("that fails for want of the store is a warning", async () => {
    const { supervisor: owner, logger } = supervisor();
    owner.spawn("part", () => Promise.reject(new FlowError("STORE_UNAVAILABLE", "down")));
    await owner.stop();
    expect(logger.lines).toMatchObject([{ level: "warn" }]);
  });

  test("in a loop is started again, later each time, and shows in its health", async () => {
    const { supervisor: owner, slept } = supervisor();
    let turns = 0;
    owner.loop("loop", async () => {
      if (++turns <= 9) throw new Error(`turn ${turns}`);
      await systemClock().yield();
    });
    await until(() => turns > 12);
    expect(owner.loops).toEqual([{ name: "loop", restarts: 9, lastError: "turn 9" }]);
    expect(slept).toEqual([50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    await owner.stop();
  });

  test("is waited for by stop, also what it spawns meanwhile", async () => {
    const { supervisor: owner } = supervisor();
    const done: string[] = [];
    owner.spawn("outer", async () => {
      await systemClock().yield();
      owner.spawn("inner", async () => {
        await systemClock().yield();
        done.push("inner");
      });
      done.push("outer");
    });
    await owner.stop();
    expect(done).toEqual(["outer", "inner"]);
  });
});
