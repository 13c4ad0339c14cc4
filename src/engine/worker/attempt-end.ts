/**
 * Why an attempt stops without an outcome of its own:
 * - `fenced`: the shard is no longer this attempt's. Write nothing more, say nothing.
 * - `cancelling`: the task is being cancelled. Let the handler end, then confirm.
 * - `timeout`: the attempt's time is up. It fails.
 * - `stopping`: the worker stops. Hand the claim back.
 * - `released`: it has handed its claim back for want of input.
 * - `reload`: the log moved under it, or a source restarted. Read again where things stand, and go on.
 */
export type EndReason = "fenced" | "cancelling" | "timeout" | "stopping" | "released" | "reload";

export class AttemptEnded extends Error {
  override readonly name = "AttemptEnded";
  readonly reason: EndReason;

  constructor(reason: EndReason) {
    super(`the attempt has ended: ${reason}`);
    this.reason = reason;
  }
}

/**
 * The reason of an aborted signal: what handler code throws when it obeys. Not an {@link AttemptEnded}: it may reach
 * another attempt, through a promise that both wait for, and says nothing about that one.
 */
export class AttemptAborted extends Error {
  override readonly name = "AbortError";

  constructor(reason: string) {
    super(`the attempt must stop: ${reason}`);
  }
}
