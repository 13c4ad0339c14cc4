import { expect, test } from "vitest";
import { StartLog } from "../../../../src/core/resilience/supervisor.ts";
import { RecordingLogger } from "../../../helpers/recording-logger.ts";

const task = (id: string, more: object = {}) =>
  ({ id, graph: { name: "etl" }, createdAt: 1_000, traceparent: undefined, ...more }) as never;

test("a task starts once in the log, whichever part sees it first", () => {
  const logger = new RecordingLogger();
  const starts = new StartLog(logger, 1_000);
  starts.seen(task("a", { retryOf: "z" }));
  starts.log({ taskId: "a", flow: "etl" });
  starts.log({ taskId: "b", flow: "etl", traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" });
  starts.seen(task("b"));
  expect(logger.lines).toEqual([
    { level: "info", fields: { taskId: "a", flow: "etl", retryOf: "z" }, message: "a task started" },
    {
      level: "info",
      fields: { taskId: "b", flow: "etl", trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" },
      message: "a task started",
    },
  ]);
});

test("a task from before the process, or one that starts later, is not logged when it is seen", () => {
  const logger = new RecordingLogger();
  const starts = new StartLog(logger, 1_001);
  starts.seen(task("old"));
  starts.seen(task("later", { createdAt: 2_000, startsAt: 9_000 }));
  expect(logger.lines).toEqual([]);
  starts.log({ taskId: "later", flow: "etl" }); // it does
  expect(logger.lines).toHaveLength(1);
});

test("of the newest 10,000 tasks", () => {
  const logger = new RecordingLogger();
  const starts = new StartLog(logger, 0);
  for (let n = 0; n <= 10_000; n++) starts.log({ taskId: `${n}`, flow: undefined });
  starts.log({ taskId: "10000", flow: undefined });
  expect(logger.lines).toHaveLength(10_001);
});
