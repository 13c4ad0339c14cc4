import { FlowError } from "../../errors/index.ts";
import type { BusParts } from "./client.ts";
import { mayPass } from "./driver-error.ts";
import { messageOf } from "./redaction.ts";

const legalName = /^[a-zA-Z0-9._-]{1,249}$/;

/** @throws FlowError `ENGINE_OPTIONS` for a name that Kafka doesn't take */
export function checkTopic(name: string): void {
  if (legalName.test(name)) return;
  const rule = "at most 249 letters, digits, '.', '_' and '-'";
  throw new FlowError("ENGINE_OPTIONS", `invalid name '${name}' for a Kafka topic: ${rule}`);
}

/** Makes the topics that are missing, each once; whoever asks at the same time is served by the same questions. */
export class TopicCreation {
  readonly #parts: BusParts;
  readonly #there = new Set<string>();
  #asked = new Set<string>();
  #next: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: BusParts) {
    this.#parts = parts;
  }

  /** @throws FlowError `BUS_UNAVAILABLE` */
  ensure(topics: readonly string[]): Promise<void> {
    const missing = topics.filter((topic) => !this.#there.has(topic));
    if (missing.length === 0) return Promise.resolve();
    for (const topic of missing) this.#asked.add(topic);
    this.#next ??= this.#running.then(() => {
      const asked = [...this.#asked];
      this.#asked = new Set();
      this.#next = undefined;
      const made = this.#make(asked);
      this.#running = made.catch(() => {}); // whoever asked is told
      return made;
    });
    return this.#next;
  }

  /** A topic that was thought to be there is not. */
  forget(topics: readonly string[]): void {
    for (const topic of topics) this.#there.delete(topic);
  }

  async #make(topics: readonly string[]): Promise<void> {
    const { kafka, options, redact } = this.#parts;
    const { partitions, replicationFactor = -1 } = options.topics;
    const admin = kafka.admin();
    try {
      await admin.connect();
      const there = new Set(await admin.listTopics());
      const missing = topics.filter((topic) => !there.has(topic));
      if (missing.length > 0) {
        // One that somebody else makes at the same time is no error.
        const wanted = missing.map((topic) => ({ topic, numPartitions: partitions, replicationFactor }));
        await admin.createTopics({ topics: wanted, waitForLeaders: true });
      }
      for (const topic of topics) this.#there.add(topic);
    } catch (error) {
      const words = `topics ${topics.join(", ")} could not be looked up or created: ${redact(messageOf(error))}`;
      const details = { topics: [...topics] };
      throw new FlowError("BUS_UNAVAILABLE", words, { retryable: mayPass(error), details, cause: error });
    } finally {
      await admin.disconnect().catch(() => {}); // what it was for is done, or has failed with its own error
    }
  }
}
