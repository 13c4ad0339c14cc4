import type { Admin } from "kafkajs";
import type { BusParts } from "./client.ts";
import { within } from "./driver-error.ts";
import { messageOf } from "./redaction.ts";

export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
}

/** The current ends of topics: a group that starts there misses nothing that is published later. */
export function endsOf({ kafka }: BusParts, topics: readonly string[]): Promise<readonly Position[]> {
  return withAdmin(kafka.admin(), async (admin) => {
    const ends: Position[] = [];
    // Sequential: if one of several concurrent requests failed, the driver's pending ones would reconnect after the
    // disconnect.
    for (const topic of topics) {
      const offsets = await admin.fetchTopicOffsets(topic);
      ends.push(...offsets.map(({ partition, high }) => ({ topic, partition, offset: high })));
    }
    return ends;
  });
}

/** Deletes a group that no process will join again. Never rejects: the broker eventually expires an empty group. */
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
    await admin.disconnect().catch(() => {}); // the work itself has succeeded, or failed with its own error
  }
}
