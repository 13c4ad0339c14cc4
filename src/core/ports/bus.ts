import type { Message } from "../messages/messages.ts";

/** Membership in a consumer group, until it is closed. */
export interface Subscription {
  /** Accepts no further message and waits for running handlers. May be called twice. */
  close(): Promise<void>;
}

/** The topics and the consumer group of a subscriber. */
export interface SubscribeOptions {
  /** Members of a group share the messages of their topics: each message is delivered to one of them. */
  readonly group: string;
  /** All members of a group subscribe to the same topics. */
  readonly topics: readonly string[];
  /**
   * The group belongs to this subscriber alone: it receives only messages published from now on, and is deleted when it
   * is closed. A bus that retains messages also delivers earlier ones to a shared group.
   *
   * @defaultValue false
   */
  readonly isPrivate?: boolean;
  /**
   * A bus that retains messages need not deliver older ones to a new group.
   *
   * @defaultValue it delivers all of them
   */
  readonly maxAgeMs?: number;
  /** Resolving acknowledges the message; rejecting requests redelivery, a bounded number of times. */
  readonly handle: (message: Message) => Promise<void>;
  /**
   * Called for each message that is dropped because it cannot be read or because every delivery failed. The memory bus
   * calls its own `onDeadLetter` instead.
   */
  readonly onDeadLetter?: (letter: UndeliverableMessage) => void;
}

/** A message that was dropped: as received, and why. */
export interface UndeliverableMessage {
  readonly topic: string;
  readonly key: string;
  readonly body: string;
  readonly reason: string;
}

/** The state of a bus, as far as this process knows. */
export interface BusHealth {
  /**
   * `connecting`: not reached since this process started. `unreachable`: messages do not arrive, or some were lost
   * recently; the store has what they announced.
   */
  readonly status: "ok" | "connecting" | "unreachable";
  /** Unless `ok`: since when, in ms since 1970. */
  readonly since?: number;
  /** How often a consumer was recreated. */
  readonly restarts: number;
  /** Messages that were refused or dropped. */
  readonly dropped: number;
  readonly lastError?: string;
}

/**
 * Carries hints between processes. Delivery is at least once; messages with one key usually keep their order. A lost,
 * repeated or reordered message may cost time, but never correctness: its receiver reads the store.
 */
export interface Bus {
  /**
   * Resolves when the message has been accepted for sending; never waits for its receivers.
   *
   * @throws FlowError `MESSAGE_TOO_LARGE` for a message that exceeds the bus's size limit
   */
  publish(topic: string, key: string, message: Message): Promise<void>;
  /** Resolves when the subscriber receives all messages published from then on. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** Sends pending messages and waits for running handlers. */
  close(): Promise<void>;
  /** The prefix of its topic names, as seen by other programs. */
  readonly prefix?: string;
  /** Absent for a bus that cannot become unreachable. */
  health?(): BusHealth;
}
