import type { ForeignTypes } from "../engine/foreign/index.ts";
import type { Bus, Store } from "../engine/ports/index.ts";
import { FlowError } from "../errors/index.ts";
import type { RunningLimitOptions } from "./options.ts";

/** For node types whose workers are other programs, which speak the messages of docs/wire.md. */
export interface ForeignOptions {
  /**
   * Which of its node types are served by such workers, and by no `Worker`: the same for all coordinators and clients.
   * It needs a Kafka bus and a MongoDB store, both without a prefix.
   *
   * @defaultValue none
   */
  readonly foreignTypes?: readonly string[];
  /**
   * How long such a worker may take to accept a command before it is sent anew, in ms; twice as long each time in a row.
   *
   * @defaultValue 30_000
   */
  readonly foreignAcceptMs?: number;
}

/**
 * Other programs know topics and collections by their names.
 *
 * @throws FlowError `ENGINE_OPTIONS`
 */
export function checkForeign(
  { types }: ForeignTypes,
  { bus, maxRunningPerType = {} }: { readonly bus?: Bus | undefined } & RunningLimitOptions,
  store: Store,
): void {
  if (bus === undefined) throw refused("a bus that these workers listen to");
  if ((bus.prefix ?? "") !== "") throw refused(`a bus without a prefix: this one has '${bus.prefix}'`);
  if (store.foreignRows === undefined) throw refused("a store that others write to: a mongoStore without a prefix");
  const limited = Object.keys(maxRunningPerType).find((type) => types.has(type));
  if (limited !== undefined) throw refused(`no maxRunningPerType of '${limited}': nobody holds its workers to it`);
}

const refused = (what: string): FlowError => new FlowError("ENGINE_OPTIONS", `foreignTypes needs ${what}`);
