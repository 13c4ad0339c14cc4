import { expect, test } from "vitest";
import { driverLog } from "../../../../src/adapters/kafka/client.ts";
import { RecordingLogger } from "../../../helpers/recording-logger.ts";

function log() {
  const logger = new RecordingLogger();
  const time = { now: 0 };
  const bus = { closed: false };
  const write = driverLog({
    clock: { monotonic: () => time.now },
    logger,
    redact: (text) => text.replaceAll("s3cret", "****"),
    isClosed: () => bus.closed,
  });
  const say = (message: string, more: Readonly<Record<string, string>> = {}) =>
    write({ namespace: "Connection", log: { timestamp: "", message, ...more } });
  const warnings = () => logger.lines.filter(({ level }) => level === "warn");
  return { logger, time, bus, say, warnings };
}

test("messages of the driver are warnings without secrets", () => {
  const { say, warnings } = log();
  say("refused: s3cret", { broker: "a:1", error: "s3cret", stack: "s3cret" });
  const fields = { part: "kafkajs Connection", broker: "a:1", error: "****" };
  expect(warnings()).toEqual([{ level: "warn", fields, message: "refused: ****" }]);
});

test("repeats within half a minute are logged at debug level and counted in the next warning", () => {
  const { logger, time, say, warnings } = log();
  for (const at of [0, 500, 29_999, 30_000, 30_500, 60_000]) {
    time.now = at;
    say("refused", { broker: "a:1" });
  }
  const fields = { part: "kafkajs Connection", broker: "a:1" };
  expect(warnings().map((line) => line.fields)).toEqual([fields, { ...fields, repeats: 2 }, { ...fields, repeats: 1 }]);
  expect(logger.lines.map(({ level }) => level)).toEqual(["warn", "debug", "debug", "warn", "debug", "warn"]);
});

test("another message, or the same about another broker, is a new warning", () => {
  const { say, warnings } = log();
  say("refused", { broker: "a:1" });
  say("refused", { broker: "b:1" });
  say("timed out", { broker: "a:1" });
  expect(warnings()).toHaveLength(3);
});

test("the newest hundred different messages are remembered", () => {
  const { logger, say, warnings } = log();
  for (let n = 0; n <= 100; n++) say(`request ${n} timed out`);
  expect(warnings()).toHaveLength(101);
  say("request 1 timed out");
  expect(logger.lines.at(-1)?.level).toBe("debug");
  say("request 0 timed out"); // forgotten
  expect(logger.lines.at(-1)?.level).toBe("warn");
});

test("members joining and leaving a group is not a warning", () => {
  const { logger, say } = log();
  say("The group is rebalancing, re-joining");
  say("Response Heartbeat(key: 12, version: 3)", { error: "The group is rebalancing, so a rejoin is needed" });
  say("Response OffsetCommit(key: 8, version: 5)", { error: "Specified group generation id is not valid" });
  expect(logger.lines.map(({ level }) => level)).toEqual(["debug", "debug", "debug"]);
});

test("messages about connections that the bus closes are not warnings", () => {
  const { logger, bus, say } = log();
  bus.closed = true;
  say("Connection error: this Kafka bus is closed");
  expect(logger.lines.map(({ level }) => level)).toEqual(["debug"]);
});
