import type { Admin, ITopicConfig } from "kafkajs";
import { until } from "../helpers/waiting.ts";

/**
 * Makes topics and waits until the broker knows who leads them. The driver's own `waitForLeaders` gives up when the
 * broker's metadata does not have the topic yet, which a busy machine shows.
 */
export async function createTopics(admin: Admin, topics: readonly ITopicConfig[]): Promise<void> {
  await admin.createTopics({ topics: [...topics], waitForLeaders: false });
  const names = topics.map(({ topic }) => topic);
  const led = async () => {
    try {
      const metadata = await admin.fetchTopicMetadata({ topics: names });
      return metadata.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
    } catch (error) {
      if (error instanceof Error && "retriable" in error && error.retriable === true) return false;
      throw error;
    }
  };
  await until(led, `leaders of ${names.join(", ")}`);
}
