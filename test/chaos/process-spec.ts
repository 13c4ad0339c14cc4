/** `external`: an external worker. */
export type Role = "coordinator" | "worker" | "external";

/** A process by its index, across restarts. */
export interface PartPlace {
  readonly role: Role;
  readonly index: number;
}

/** The arguments of a chaos process. */
export interface ProcessSpec {
  readonly role: Role;
  /** Unique to this start: a restarted process gets a new one. */
  readonly name: string;
  readonly mongoUrl: string;
  /** Used by this run alone, like the broker, because external workers use names without prefixes. */
  readonly database: string;
  readonly brokers: readonly string[];
  readonly journal: string;
  /** The seed of its handlers. */
  readonly seed: number;
  readonly capacity: number;
}

/** Equal for all processes, which must agree if they share a store. */
export const shared = {
  leaseMs: 4_000,
  tickMs: 500,
  sweepMs: 3_000,
  cancelGraceMs: 3_000,
  maxLostLeases: 10,
  externalTypes: ["external"],
  externalAcceptMs: 3_000,
  /** Low enough to be reached; otherwise they would test nothing. */
  limits: { maxRunning: 8, maxRunningPerType: { map: 4, source: 3 }, maxRunningPerTask: 3 },
} as const;

/** Exit code of a process that found no server at its start, as faults may cause: it is restarted. */
export const noServer = 75;
