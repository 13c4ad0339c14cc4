import type { Message } from "../protocol/messages.ts";

export interface Subscription {
  /** Takes no further message, waits for the handler that is running. May be called twice. */
  close(): Promise<void>;
}

export interface SubscribeOptions {
  /** Members of one group share the messages of their topics: each message goes to one of them. */
  readonly group: string;
  /** One group has one fixed set of topics. */
  readonly topics: readonly string[];
  /** Resolving acknowledges the message; rejecting asks for it again, later, a bounded number of times. */
  readonly handle: (message: Message) => Promise<void>;
}

/**
 * Hints between processes. Delivery is at least once; messages of one key keep their order in quiet times. A lost,
 * repeated or reordered message may cost time, never correctness: whoever gets one looks in the store.
 */
export interface Bus {
  publish(topic: string, key: string, message: Message): Promise<void>;
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  close(): Promise<void>;
}
