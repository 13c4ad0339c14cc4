import { FlowError } from "../../errors/index.ts";
import type { BusParts } from "./client.ts";
import { mayPass } from "./driver-error.ts";
import { messageOf } from "./redaction.ts";

const legalName = /^[a-zA-Z0-9._-]{1,249}$/;

/** @throws FlowError `ENGINE_OPTIONS` for an invalid name */
export function checkTopic(name: string): void {
  if (legalName.test(name)) return;
  const rule = "at most 249 letters, digits, '.', '_' and '-'";
  throw new FlowError("ENGINE_OPTIONS", `invalid name '${name}' for a Kafka topic: ${rule}`);
}

/** Creates missing topics, each once; concurrent callers share requests. */
export class TopicCreation {
  readonly #parts: BusParts;
  readonly #known = new Set<string>();
  #requested = new Set<string>();
  #next: Promise<void> | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(parts: BusParts) {
    this.#parts = parts;
  }

  /** @throws FlowError `BUS_UNAVAILABLE` */
  ensure(topics: readonly string[]): Promise<void> {
    const missing = topics.filter((topic) => !this.#known.has(topic));
    if (missing.length === 0) return Promise.resolve();
    for (const topic of missing) this.#requested.add(topic);
    this.#next ??= this.#running.then(() => {
      const requested = [...this.#requested];
      this.#requested = new Set();
      this.#next = undefined;
      const created = this.#create(requested);
      this.#running = created.catch(() => {}); // reported to the callers
      return created;
    });
    return this.#next;
  }

  /** Checks these topics again: they may have been deleted. */
  forget(topics: readonly string[]): void {
    for (const topic of topics) this.#known.delete(topic);
  }

  async #create(topics: readonly string[]): Promise<void> {
    const { kafka, options, redact } = this.#parts;
    const { partitions, replicationFactor = -1 } = options.topics;
    const admin = kafka.admin();
    try {
      await admin.connect();
      const existing = new Set(await admin.listTopics());
      const missing = topics.filter((topic) => !existing.has(topic));
      if (missing.length > 0) {
        // If another process creates a topic at the same time, it is not an error.
        const wanted = missing.map((topic) => ({ topic, numPartitions: partitions, replicationFactor }));
        await admin.createTopics({ topics: wanted, waitForLeaders: true });
      }
      for (const topic of topics) this.#known.add(topic);
    } catch (error) {
      const message = `could not look up or create topics ${topics.join(", ")}: ${redact(messageOf(error))}`;
      const details = { topics: [...topics] };
      throw new FlowError("BUS_UNAVAILABLE", message, { retryable: mayPass(error), details, cause: error });
    } finally {
      await admin.disconnect().catch(() => {}); // the work itself has succeeded, or failed with its own error
    }
  }
}
