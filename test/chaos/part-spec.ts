/** `external`: a worker of another program. */
export type Role = "coordinator" | "worker" | "external";

/** A process by its place: whoever lives there now. */
export interface PartPlace {
  readonly role: Role;
  readonly index: number;
}

/** What a process of a chaos run is told. */
export interface PartSpec {
  readonly role: Role;
  /** Of this life: a process that is started again has another one. */
  readonly name: string;
  readonly mongoUrl: string;
  /** The run's own, as is the broker: external workers know topics and collections by their plain names. */
  readonly database: string;
  readonly brokers: readonly string[];
  readonly journal: string;
  /** What its handlers draw from. */
  readonly seed: number;
  readonly capacity: number;
}

/** The same for all: processes that share a store must agree on them. */
export const shared = {
  leaseMs: 4_000,
  tickMs: 500,
  sweepMs: 3_000,
  cancelGraceMs: 3_000,
  maxLostLeases: 10,
  externalTypes: ["external"],
  externalAcceptMs: 3_000,
  /** So low that they are reached: a limit that nobody meets is held by anybody. */
  limits: { maxRunning: 8, maxRunningPerType: { map: 4, source: 3 }, maxRunningPerTask: 3 },
} as const;

/** Exit code of a part that found no server when it started, as may be while faults last: it is started again. */
export const noServer = 75;
