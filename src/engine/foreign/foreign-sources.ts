import { logOf, type ShardRecord } from "../model.ts";
import type { NodePlan } from "../planner/index.ts";
import type { Store } from "../ports/index.ts";
import { unreadableFailure } from "./foreign-dispatch.ts";
import { foreignSources, mayReadUnfinished } from "./foreign-nodes.ts";
import { longestSource } from "./foreign-parts.ts";

export interface SourceProblem {
  readonly reasonCode: string;
  readonly words: string;
  readonly permanent: boolean;
  /** What it has stored was made from something that isn't there any more. */
  readonly startsOver: boolean;
}

/**
 * Whether an attempt that began before its sources had ended has read what they have in the end. One that began
 * afterwards was sent only when it could.
 */
export async function sourceProblem(
  store: Store,
  { node, record }: { readonly node: NodePlan; readonly record: ShardRecord },
): Promise<SourceProblem | undefined> {
  if (!mayReadUnfinished(node)) return undefined;
  const sources = await store.readShards(record.taskId, foreignSources(node));
  for (const source of sources) {
    const { nodeId, generation } = source;
    const length = source.count ?? (await store.tail(logOf(source), generation)).length;
    if (length > longestSource) {
      const { reasonCode, message } = unreadableFailure({ nodeId, problem: "too_long" });
      return { reasonCode, words: message, permanent: true, startsOver: false };
    }
    if (generation > 0 && !endedBefore(source, record)) {
      const words = `'${nodeId}' may have begun anew while its worker read from it`;
      return { reasonCode: "foreign_source_restarted", words, permanent: false, startsOver: true };
    }
  }
  return undefined;
}

/** By the store's clock: whether the source had ended when this attempt was claimed. */
function endedBefore(source: ShardRecord, record: ShardRecord): boolean {
  const ended = source.history.findLast(({ cause }) => cause === "complete" || cause === "adopt");
  const claimed = record.history.findLast(({ cause }) => cause === "claim");
  return ended !== undefined && claimed !== undefined && ended.at < claimed.at;
}
