import { expect, test } from "vitest";
import type { TopicReport, TopicSettings } from "../../../src/adapters/kafka/topic-report.ts";
import { topicFindings } from "../../../src/cli/commands/doctor-topics.ts";

const day = 86_400_000;
const settings: TopicSettings = {
  retentionMs: 7 * day,
  cleanupPolicy: "delete",
  maxMessageBytes: 1_048_588,
  minInsyncReplicas: 1,
};
const right: TopicReport = { topic: "cmd.load.v1", partitions: 6, replicas: 3, leaderless: 0, settings };
const withSettings = (change: Partial<TopicSettings>, more: Partial<TopicReport> = {}): TopicReport => ({
  ...right,
  settings: { ...settings, ...change },
  ...more,
});
const wrong = (found: readonly TopicReport[], wanted: Parameters<typeof topicFindings>[1] = {}) =>
  topicFindings(found, wanted).flatMap(({ verdict, message, hint }) => {
    if (verdict !== "ok") expect(hint).toMatch(/\.$/);
    return verdict === "ok" ? [] : [`${verdict}: ${message}`];
  });

test("topics as the bus creates them are right", () => {
  expect(topicFindings([right], { partitions: 6, replicationFactor: 3 })).toEqual([
    { verdict: "ok", message: "1 topic of this bus" },
  ]);
});

test.each<[TopicReport, string]>([
  [{ ...right, leaderless: 2 }, "error: partitions without a leader: cmd.load.v1"],
  [withSettings({ minInsyncReplicas: 4 }), "error: topics with fewer replicas than min.insync.replicas: cmd.load.v1"],
  [{ ...right, replicas: 1 }, "warning: topics with one replica: cmd.load.v1"],
  [{ ...right, partitions: 1 }, "warning: commands with one partition: cmd.load.v1"],
  [withSettings({ cleanupPolicy: "compact" }), "warning: topics that are compacted: cmd.load.v1"],
  [withSettings({ cleanupPolicy: "compact,delete" }), "warning: topics that are compacted: cmd.load.v1"],
  [
    withSettings({ retentionMs: 5_000 }),
    "warning: topics that keep messages for less than a minute: cmd.load.v1 (5.00 s)",
  ],
  [withSettings({ retentionMs: -1 }), "warning: topics that keep messages for over 30 days: cmd.load.v1 (forever)"],
  [
    withSettings({ retentionMs: 31 * day }),
    "warning: topics that keep messages for over 30 days: cmd.load.v1 (744:00:00)",
  ],
  [
    withSettings({ retentionMs: 3_600_000 }, { topic: "dlq.v1" }),
    "warning: dead letters that are kept for less than a day: dlq.v1 (1:00:00)",
  ],
  [
    withSettings({ maxMessageBytes: 65_536 }),
    "warning: topics that take no messages of 1,000,000 bytes: cmd.load.v1 (65536)",
  ],
])("%j", (topic, text) => {
  expect(wrong([topic, { ...right, topic: "status.load.v1" }])).toEqual([text]);
});

test.each([60_000, 30 * day])("messages may be kept for %d ms, and dead letters forever", (retentionMs) => {
  expect(wrong([withSettings({ retentionMs }), withSettings({ retentionMs: -1 }, { topic: "dlq.v1" })])).toEqual([]);
});

test("existing topics are compared with the settings of new ones", () => {
  expect(
    wrong([right, { ...right, topic: "signals.v1", partitions: 3 }], { partitions: 6, replicationFactor: 2 }),
  ).toEqual([
    "warning: topics with other than 6 partitions, as kafka.partitions says: signals.v1 (3)",
    "warning: topics with other than 2 replicas, as kafka.replicationFactor says: cmd.load.v1 (3), signals.v1 (3)",
  ]);
});

test("a user without the privilege to read settings is informed of it", () => {
  const { settings: _, ...bare } = right;
  expect(wrong([bare])).toEqual(["warning: topics whose settings cannot be read: cmd.load.v1"]);
});
