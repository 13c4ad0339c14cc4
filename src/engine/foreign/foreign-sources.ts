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
 * Whether what a node has stored, by this attempt and by those that it goes on from, was made from what its sources have
 * in the end: for sure only if they had ended before the first of these attempts began.
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
    if (generation > 0 && !endedBefore(source, await beganAt(store, record))) {
      const words = `'${nodeId}' may have begun anew while its worker read from it`;
      return { reasonCode: "foreign_source_restarted", words, permanent: false, startsOver: true };
    }
  }
  return undefined;
}

/** When the attempt was claimed that the log's first batch is of: epochs never get less along a log. */
async function beganAt(store: Store, record: ShardRecord): Promise<number | undefined> {
  const [first] = await store.readArtifacts(record, record.generation, 0, 1);
  const { epoch } = first ?? record;
  return record.history.findLast((entry) => entry.cause === "claim" && entry.epoch === epoch)?.at;
}

/** By the store's clock. A claim that nobody knows any more was long ago. */
function endedBefore(source: ShardRecord, began: number | undefined): boolean {
  const ended = source.history.findLast(({ cause }) => cause === "complete" || cause === "adopt");
  return ended !== undefined && began !== undefined && ended.at < began;
}
