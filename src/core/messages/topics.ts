/** Topic names, as documented for the wire. */
export const topics = {
  /** Coordinator to the workers of a type. */
  command: (type: string): string => `cmd.${type}.v1`,
  /** Workers of a type to the coordinators. */
  status: (type: string): string => `status.${type}.v1`,
  /** Coordinator to workers. */
  signals: "signals.v1",
  /** Workers to coordinators. */
  announce: "workers.announce.v1",
  /** Coordinators to all workers, and back. */
  query: "query.tasks.v1",
  reply: "reply.tasks.v1",
} as const;

/** Consumer groups. */
export const groups = {
  coordinators: "coordinators",
  workers: (type: string): string => `workers.${type}`,
  signals: (workerId: string): string => `signals.${workerId}`,
} as const;

/** The key of a node's messages: a bus keeps the order of messages with one key. */
export const messageKey = ({ taskId, nodeId }: { readonly taskId: string; readonly nodeId: string }): string =>
  `${taskId}:${nodeId}`;
