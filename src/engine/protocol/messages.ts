/** A shard may be claimed. */
export interface CommandMessage {
  readonly kind: "command";
  readonly taskId: string;
  readonly nodeId: string;
  readonly shard: number;
  readonly epoch: number;
}

/** Something about a node changed: look at it and at its children. */
export interface NodeChangedMessage {
  readonly kind: "node_changed";
  readonly taskId: string;
  readonly nodeId: string;
  readonly change: "first_artifact" | "finished" | "failed" | "deferred" | "cancelled";
  /** With `deferred`: when it is due. */
  readonly dueInMs?: number;
}

/** An attempt should stop: its task is being cancelled. */
export interface CancelMessage {
  readonly kind: "cancel";
  readonly taskId: string;
  readonly nodeId: string;
  readonly shard: number;
}

export type Message = CommandMessage | NodeChangedMessage | CancelMessage;
