import type { Message } from "../../core/messages/messages.ts";

/** A message that every delivery of failed. */
export interface UndeliveredMessage {
  readonly topic: string;
  readonly key: string;
  readonly group: string;
  readonly message: Message;
  /** What the last delivery rejected with. */
  readonly error: unknown;
}
