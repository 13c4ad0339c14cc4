import type { Message } from "../messages/messages.ts";

/** A member of a group, until it is closed. */
export interface Subscription {
  /** Takes no further message, waits for the handler that is running. May be called twice. */
  close(): Promise<void>;
}

/** What a subscriber hears, and with whom it shares it. */
export interface SubscribeOptions {
  /** Members of one group share the messages of their topics: each message goes to one of them. */
  readonly group: string;
  /** One group has one fixed set of topics. */
  readonly topics: readonly string[];
  /**
   * The group is this subscriber's alone: it gets what is published from now on, and is forgotten when it is closed. A
   * bus that keeps messages gives a group that is shared the earlier ones too.
   *
   * @defaultValue false
   */
  readonly isPrivate?: boolean;
  /** Resolving acknowledges the message; rejecting asks for it again, later, a bounded number of times. */
  readonly handle: (message: Message) => Promise<void>;
  /**
   * Told of each message that is given up: one that can't be read, or that every delivery of failed. The memory bus tells
   * its own `onDeadLetter` instead.
   */
  readonly onDeadLetter?: (letter: UndeliverableMessage) => void;
}

/** A message that was given up: as it came, and why. */
export interface UndeliverableMessage {
  readonly topic: string;
  readonly key: string;
  readonly body: string;
  readonly reason: string;
}

/** How a bus is, as far as this process knows. */
export interface BusHealth {
  /**
   * `connecting`: not reached yet since this process began. `unreachable`: messages don't arrive, or some were lost
   * lately; what they said is found in the store.
   */
  readonly status: "ok" | "connecting" | "unreachable";
  /** With the other two: since when, in ms since 1970. */
  readonly since?: number;
  /** How often a consumer had to be built again. */
  readonly restarts: number;
  /** Messages that were refused or given up. */
  readonly dropped: number;
  readonly lastError?: string;
}

/**
 * Hints between processes. Delivery is at least once; messages of one key keep their order in quiet times. A lost,
 * repeated or reordered message may cost time, never correctness: whoever gets one looks in the store.
 */
export interface Bus {
  /**
   * Resolves when the message is on its way: it never waits for whoever is to get it.
   *
   * @throws FlowError `MESSAGE_TOO_LARGE` for one that this bus never carries
   */
  publish(topic: string, key: string, message: Message): Promise<void>;
  /** Resolves when the subscriber gets what is published from then on. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** Sends what is on its way, waits for the handlers that run. */
  close(): Promise<void>;
  /** What the names of its topics begin with, where other programs see them. */
  readonly prefix?: string;
  /** Absent where there is nothing that could be away. */
  health?(): BusHealth;
}
