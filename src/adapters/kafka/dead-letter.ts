import type { Outgoing } from "./publisher.ts";

/** A message that nobody can read or handle, as it came. */
export interface BadMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** What people find in the topic of dead letters: the original bytes, whence they came, and why they are here. */
export function deadLetter(
  bad: BadMessage,
  about: { to: string; group: string; reason: string; at: number },
): Outgoing {
  const { topic, partition, offset, key, value } = bad;
  const { to, group, reason, at } = about;
  const letter = { v: 1, topic, partition, offset, group, reason, ts_ms: at };
  const body = { ...letter, value_base64: value === null ? null : value.toString("base64") };
  return { topic: to, key, value: Buffer.from(JSON.stringify(body)) };
}
