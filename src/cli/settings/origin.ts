/** Ways of telling a setting; what comes later goes before what is earlier. */
export const ranks = ["file", "environment", "command line"] as const;

/** Where a value came from. */
export interface Origin {
  readonly rank: (typeof ranks)[number];
  /** "flowkit.json:3:14", "KAFKA_BROKERS", "--capacity". */
  readonly place: string;
}
