import type { Admin } from "kafkajs";
import { systemClock } from "../../core/ports/system.ts";
import { FlowError, isInstance, propertyOf } from "../../errors/index.ts";
import { busParts } from "./client.ts";
import { mayPass } from "./driver-error.ts";
import { checkOptions, type KafkaBusOptions } from "./options.ts";
import { messageOf } from "./redaction.ts";

/** A topic of a bus, as its brokers have it. */
export interface TopicReport {
  /** Without the prefix. */
  readonly topic: string;
  readonly partitions: number;
  /** The fewest that any of its partitions has. */
  readonly replicas: number;
  /** Partitions without a leader, which accept no message. */
  readonly leaderless: number;
  /** Absent if the brokers do not let this user read them. */
  readonly settings?: TopicSettings;
}

/** How brokers retain the messages of a topic. */
export interface TopicSettings {
  /** `-1`: they keep messages forever. */
  readonly retentionMs: number;
  /** "delete", "compact", or both. */
  readonly cleanupPolicy: string;
  readonly maxMessageBytes: number;
  readonly minInsyncReplicas: number;
}

/**
 * Lists the topics of a bus with this prefix; creates none.
 *
 * @throws FlowError `ENGINE_OPTIONS`, `BUS_UNAVAILABLE`
 */
export async function reportTopics(given: KafkaBusOptions): Promise<readonly TopicReport[]> {
  const options = checkOptions(given);
  const { kafka, redact } = busParts(given, options, systemClock());
  const admin = kafka.admin();
  const prefix = options.prefix === "" ? "" : `${options.prefix}.`;
  try {
    await admin.connect();
    const names = (await admin.listTopics()).filter((name) => name.startsWith(prefix) && /\.v1$/.test(name));
    const { topics } = names.length === 0 ? { topics: [] } : await admin.fetchTopicMetadata({ topics: names });
    const settings = await settingsOf(admin, names);
    return topics.map(({ name, partitions }) => ({
      topic: name.slice(prefix.length),
      partitions: partitions.length,
      replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      leaderless: partitions.filter(({ leader }) => leader < 0).length,
      ...(settings.has(name) ? { settings: settings.get(name) as TopicSettings } : {}),
    }));
  } catch (error) {
    throw new FlowError("BUS_UNAVAILABLE", `could not look up the topics: ${redact(messageOf(error))}`, {
      retryable: mayPass(error),
      cause: error,
    });
  } finally {
    await admin.disconnect().catch(() => {}); // the answer is known, or the error
  }
}

const settingNames = ["retention.ms", "cleanup.policy", "max.message.bytes", "min.insync.replicas"] as const;

/** By topic. Empty if this user lacks the privilege to read them. */
async function settingsOf(admin: Admin, names: readonly string[]): Promise<ReadonlyMap<string, TopicSettings>> {
  if (names.length === 0) return new Map();
  const query = names.map((name) => ({ type: topicResource, name, configNames: [...settingNames] }));
  try {
    const { resources } = await admin.describeConfigs({ resources: query, includeSynonyms: false });
    return new Map(
      resources.map(({ resourceName, configEntries }) => {
        const setTo = (name: (typeof settingNames)[number]): string =>
          configEntries.find(({ configName }) => configName === name)?.configValue ?? "";
        return [
          resourceName,
          {
            retentionMs: Number(setTo("retention.ms")),
            cleanupPolicy: setTo("cleanup.policy"),
            maxMessageBytes: Number(setTo("max.message.bytes")),
            minInsyncReplicas: Number(setTo("min.insync.replicas")),
          },
        ];
      }),
    );
  } catch (error) {
    if (isInstance(error, Error) && /_AUTHORIZATION_FAILED$/.test(String(propertyOf(error, "type")))) return new Map();
    throw error;
  }
}

/** `ConfigResourceTypes.TOPIC` of the driver, which declares it as an enum that cannot be imported by name. */
const topicResource = 2;
