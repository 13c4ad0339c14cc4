import type { FindingCode } from "./findings.ts";
import type { Path } from "./pointer.ts";

/** Keys of a primed graph: accepted at their first values, and dropped. */
export const runtimeKeys = ["status", "attempt_epoch", "stats", "lease"] as const;

/** Places whose mistakes have a code of their own. The rest is `GRAPH_SHAPE`. */
const codesInNode: ReadonlyMap<string, FindingCode> = new Map<string, FindingCode>([
  ["fan_in", "GRAPH_FAN_IN"],
  ["retry_policy", "GRAPH_RETRY_POLICY"],
  ["io.start_when", "GRAPH_START_WHEN"],
  ["io.input_inline.input_args", "GRAPH_ADAPTER_ARGS"],
  ["io.fn_args", "GRAPH_FN_ARGS"],
  ...runtimeKeys.map((key) => [key, "GRAPH_UNSUPPORTED"] as const),
]);

/** The code of an ill-shaped value, by where it stands. */
export function codeAt(path: Path): FindingCode {
  if (path[0] !== "nodes") return "GRAPH_SHAPE";
  const inNode = path.slice(2);
  for (let length = 1; length <= Math.min(3, inNode.length); length++) {
    const code = codesInNode.get(inNode.slice(0, length).join("."));
    if (code !== undefined) return code;
  }
  return "GRAPH_SHAPE";
}

const runState = "belongs to a run, not to a graph: leave it out";

/** Keys that the original knows and this engine does not run, with what to do about them. */
export const unsupportedKeys: ReadonlyMap<string, string> = new Map([
  ["routing", "write depends_on and fan_in on the nodes that come after"],
  ["edges_ex", "write edges as [from, to] pairs, and io.start_when 'first_batch' on a node that streams"],
  ["started_at", runState],
  ["finished_at", runState],
  ["next_retry_at", runState],
  ["artifacts", runState],
]);
