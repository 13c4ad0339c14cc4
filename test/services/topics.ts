import type { Admin, ITopicConfig } from "kafkajs";
import { until } from "../helpers/waiting.ts";

/**
 * Creates topics and waits until the broker knows their leaders. The driver's own `waitForLeaders` gives up if the
 * broker's metadata does not have the topic yet, as happens on a busy machine.
 */
export async function createTopics(admin: Admin, topics: readonly ITopicConfig[]): Promise<void> {
  await admin.createTopics({ topics: [...topics], waitForLeaders: false });
  await untilLed(
    admin,
    topics.map(({ topic }) => topic),
  );
}

/**
 * Waits until topics, which exist or are being created, have leaders. A producer or a consumer of the driver fails at
 * once for a topic that the broker's metadata does not have yet.
 */
export async function untilLed(admin: Admin, topics: readonly string[]): Promise<void> {
  const led = async () => {
    try {
      const metadata = await admin.fetchTopicMetadata({ topics: [...topics] });
      return metadata.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
    } catch (error) {
      if (error instanceof Error && "retriable" in error && error.retriable === true) return false;
      throw error;
    }
  };
  await until(led, `leaders of ${topics.join(", ")}`);
}
