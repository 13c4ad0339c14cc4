import type { Admin } from "kafkajs";
import type { BusParts } from "./client.ts";
import { within } from "./driver-error.ts";
import { messageOf } from "./redaction.ts";

export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** Where topics end now: a group that reads from there misses nothing that is published later. */
export function endsOf({ kafka }: BusParts, topics: readonly string[]): Promise<readonly Position[]> {
  return withAdmin(kafka.admin(), async (admin) => {
    const ends: Position[] = [];
    // One after another: if one failed, what the driver still does for another would connect again after the disconnect.
    for (const topic of topics) {
      const offsets = await admin.fetchTopicOffsets(topic);
      ends.push(...offsets.map(({ partition, high }) => ({ topic, partition, offset: high })));
    }
    return ends;
  });
}

/** Removes a group that nobody will ever join again. Never rejects: the broker forgets a group without members, later. */
export async function deleteGroup({ kafka, clock, options, logger, redact }: BusParts, group: string): Promise<void> {
  const deleting = withAdmin(kafka.admin(), (admin) => admin.deleteGroups([group]));
  const why = await within(clock, options.closeTimeoutMs, deleting).then(
    (inTime) => (inTime ? undefined : "no answer"),
    (error: unknown) => redact(messageOf(error)),
  );
  if (why !== undefined)
    logger.info({ part: "kafka", group, why }, "a consumer group was not deleted; brokers will expire it");
}

async function withAdmin<T>(admin: Admin, work: (admin: Admin) => Promise<T>): Promise<T> {
  try {
    await admin.connect();
    return await work(admin);
  } finally {
    await admin.disconnect().catch(() => {}); // what it was for is done, or has failed with its own error
  }
}
