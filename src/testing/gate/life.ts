/**
 * One life of one process, from its start to its crash or stop. A restart is a new life. Everything that a process
 * does outside itself passes through ports that are built around its life.
 */
export interface Life {
  readonly name: string;
  alive: boolean;
  /** Virtual time until which nothing of it runs: a garbage collection, a SIGSTOP, a laptop's lid. */
  pausedUntil: number;
  /** Its clock runs this many times as fast as true time. */
  readonly drift: number;
  /** What its clock showed at time 0. */
  readonly offset: number;
}
