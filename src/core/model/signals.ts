import type { Json } from "../../errors/index.ts";

/** The outcome of a node's wait for a signal. Written once. */
export interface Signal {
  /** The call that stored it, to recognise a repeated one. */
  readonly id: string;
  /** Milliseconds since 1970, by the store's clock. */
  readonly at: number;
  /** Absent if the time to wait passed without a signal. */
  readonly payload?: Json;
}

/** What a node waits for, if the node has not had its outcome yet. */
export type NewSignal = Pick<Signal, "id" | "payload"> & { readonly nodeId: string };

/**
 * The answer to a signal: the first one is `accepted`, and so is its repetition. `already`: another signal was first.
 * `terminal`: the task has ended or is ending, or the node's time to wait has passed. `unknown`: there is no such task.
 */
export type SignalAnswer = "accepted" | "already" | "terminal" | "unknown";
