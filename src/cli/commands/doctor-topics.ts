import type { TopicReport, TopicSettings } from "../../adapters/kafka/topic-report.ts";
import { counted, duration } from "../terminal/terminal.ts";

interface TopicFinding {
  readonly verdict: "ok" | "warning" | "error";
  readonly message: string;
  /** What to do. */
  readonly hint?: string;
}

/** The settings of created topics, and the largest message that this version sends. */
interface Wanted {
  readonly partitions?: number | undefined;
  readonly replicationFactor?: number | undefined;
}

/** The default of the bus; a message is smaller by what the broker adds to it. */
const largestMessage = 1_000_000;
/** Twice the default interval of sweeps, which read from the store what messages report. */
const leastRetentionMs = 60_000;
/** Messages kept longer only take up space. */
const mostRetentionMs = 30 * 86_400_000;
/** People read dead letters. */
const leastDeadLettersMs = 86_400_000;

/** Where the topics of a bus differ from FlowKit's needs or settings. */
export function topicFindings(found: readonly TopicReport[], wanted: Wanted): readonly TopicFinding[] {
  const findings: TopicFinding[] = [{ verdict: "ok", message: `${counted(found.length, "topic")} of this bus` }];
  const add = (
    verdict: "warning" | "error",
    says: string,
    hint: string,
    isWrong: (topic: TopicReport, settings: TopicSettings | undefined) => boolean,
    shown: (topic: TopicReport) => string = ({ topic }) => topic,
  ): void => {
    const wrong = found.filter((each) => isWrong(each, each.settings));
    if (wrong.length > 0) findings.push({ verdict, message: `${says}: ${wrong.map(shown).join(", ")}`, hint });
  };
  const isDeadLetters = ({ topic }: TopicReport): boolean => topic === "dlq.v1";
  const withRetention = ({ topic, settings }: TopicReport): string => {
    const ms = settings?.retentionMs ?? 0;
    return `${topic} (${ms < 0 ? "forever" : duration(ms)})`;
  };

  add(
    "error",
    "partitions without a leader",
    "They accept no messages: look at the brokers.",
    ({ leaderless }) => leaderless > 0,
  );
  add(
    "error",
    "topics with fewer replicas than min.insync.replicas",
    "They accept no messages: add replicas, or lower min.insync.replicas.",
    ({ replicas }, settings) => settings !== undefined && replicas < settings.minInsyncReplicas,
  );
  add(
    "warning",
    "topics with one replica",
    "Messages only wake processes that look at the store anyway: work slows down when the broker fails, and none is lost.",
    ({ replicas }) => replicas === 1,
  );
  add(
    "warning",
    "commands with one partition",
    "Only one worker of the type is woken; the others look at the store.",
    ({ topic, partitions }) => topic.startsWith("cmd.") && partitions === 1,
  );
  const { partitions: many, replicationFactor: copies } = wanted;
  add(
    "warning",
    `topics with other than ${many} partitions, as kafka.partitions says`,
    "The setting is for topics that are created; add partitions with the tools of Kafka.",
    ({ partitions }) => many !== undefined && partitions !== many,
    ({ topic, partitions }) => `${topic} (${partitions})`,
  );
  add(
    "warning",
    `topics with other than ${copies} replicas, as kafka.replicationFactor says`,
    "The setting is for topics that are created; reassign the partitions with the tools of Kafka.",
    ({ replicas }) => copies !== undefined && replicas !== copies,
    ({ topic, replicas }) => `${topic} (${replicas})`,
  );
  add(
    "warning",
    "topics that are compacted",
    "Each node has its own key, so they grow forever: set cleanup.policy=delete.",
    (_, settings) => settings?.cleanupPolicy.includes("compact") === true,
  );
  add(
    "warning",
    "topics that keep messages for less than a minute",
    "A process that reads late misses them, and finds the work in the store later: set retention.ms=3600000.",
    (each, settings) => isWithin(settings, 0, leastRetentionMs) && !isDeadLetters(each),
    withRetention,
  );
  add(
    "warning",
    "topics that keep messages for over 30 days",
    "Nothing reads messages older than an hour, which take up space: set retention.ms=3600000.",
    (each, settings) => settings !== undefined && !isDeadLetters(each) && !isWithin(settings, 0, mostRetentionMs + 1),
    withRetention,
  );
  add(
    "warning",
    "dead letters that are kept for less than a day",
    "They are messages that could not be read, for people to look at: set a longer retention.ms.",
    (each, settings) => isWithin(settings, 0, leastDeadLettersMs) && isDeadLetters(each),
    withRetention,
  );
  add(
    "warning",
    `topics that take no messages of ${largestMessage.toLocaleString("en")} bytes`,
    "Larger ones are rejected: set max.message.bytes=1048588, or maxMessageBytes of the bus.",
    (_, settings) => settings !== undefined && settings.maxMessageBytes < largestMessage,
    ({ topic, settings }) => `${topic} (${settings?.maxMessageBytes})`,
  );
  add(
    "warning",
    "topics whose settings cannot be read",
    "Grant DescribeConfigs on them to this user, or look with kafka-configs: retention.ms, cleanup.policy, max.message.bytes.",
    (_, settings) => settings === undefined,
  );
  return findings;
}

/** False for a topic that keeps messages forever. */
const isWithin = (settings: TopicSettings | undefined, least: number, below: number): boolean =>
  settings !== undefined && settings.retentionMs >= least && settings.retentionMs < below;
