import { systemClock } from "../../core/ports/system.ts";
import { FlowError } from "../../errors/index.ts";
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
    return topics.map(({ name, partitions }) => ({
      topic: name.slice(prefix.length),
      partitions: partitions.length,
      replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      leaderless: partitions.filter(({ leader }) => leader < 0).length,
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
