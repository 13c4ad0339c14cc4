/**
 * The one mapping from the builder's names to the graph's. Only names of ours are mapped: the arguments of your
 * handlers, adapters and functions stand in the graph as you wrote them.
 */
const wireNames: Readonly<Record<string, string>> = {
  // node
  timeoutSec: "timeout_sec",
  // retry
  backoffSec: "backoff_sec",
  permanentOn: "permanent_on",
  backoffFactor: "backoff_factor",
  backoffMaxSec: "backoff_max_sec",
  // limits
  maxRunning: "max_running",
  // adapters
  metaListKey: "meta_list_key",
  pollMs: "poll_ms",
  backoffMaxMs: "backoff_max_ms",
  eofOnTaskDone: "eof_on_task_done",
  // coordinator functions
  fromNodes: "from_nodes",
  nodeId: "node_id",
  blockSensitive: "block_sensitive",
};

export const wireName = (name: string): string => (Object.hasOwn(wireNames, name) ? (wireNames[name] ?? name) : name);

/** A copy with wire names for keys, without keys whose value is `undefined`. */
export function withWireNames(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [[wireName(name), value]])),
  );
}
