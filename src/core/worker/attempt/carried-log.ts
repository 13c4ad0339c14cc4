import { FlowError } from "../../../errors/index.ts";
import { type Artifact, type Carried, keptLength, leftOut } from "../../model/records.ts";
import type { AttemptLog } from "./attempt-log.ts";
import type { AttemptRun } from "./attempt-run.ts";

/*
 * In a retry of a task, the log of a shard starts with what the shard had stored in the earlier task. The attempt
 * copies this before any handler code runs, so the handler resumes as it would have in the earlier task.
 *
 * Each artifact keeps its seq, unless some are left out: then the others move up, and nothing that consumers built from
 * them is kept. So all references to them stay valid: the origins in the logs of consumers, their cursors, and the
 * batches that this log lists as open. The length of the log shows how far an earlier attempt got: the next one
 * continues after it, and an insert that was still in flight is the correct next entry.
 *
 * The earlier task is kept as long as this one is, since it lends its artifacts. If the artifacts are gone nevertheless,
 * only time is lost: the shard starts over in a new generation, and so does what was built from the old one.
 */

interface Copy {
  readonly log: AttemptLog;
  readonly carried: Carried;
  /** Called when the first artifact of the log has been copied. */
  readonly onFirst: (artifact: Artifact) => Promise<void> | undefined;
}

/**
 * Copies what is missing. Does not count against the time limit of the attempt, which is meant for the handler: a long
 * log would exceed it in every attempt.
 *
 * @returns false if some of it is gone
 */
export const copyCarried = (run: AttemptRun, to: Copy): Promise<boolean> => run.untimed(() => copyMissing(run, to));

async function copyMissing(run: AttemptRun, to: Copy): Promise<boolean> {
  const { held, yielder, parts } = run;
  const { log, carried, onFirst } = to;
  const { without } = carried;
  const isLeftOut = without === undefined ? undefined : leftOut(carried);
  const wanted = keptLength(carried);
  // If some are left out, only counting the others shows how far an earlier attempt got.
  let passed = without === undefined ? log.length : 0;
  let from = passed;
  while (log.length < wanted) {
    held.checkMayBegin();
    const page = await readPage(run, { carried, from });
    if (page.length === 0) {
      const { taskId, nodeId, shard } = held.attempt;
      const lost = { taskId, nodeId, shard, retryOf: carried.taskId, batches: carried.length };
      parts.logger.warn(lost, "the batches of the earlier task are gone, so the node starts over");
      return false;
    }
    for (const artifact of page) {
      const pause = yielder.pause();
      if (pause !== undefined) await pause;
      held.checkMayBegin();
      from++;
      if (isLeftOut?.(artifact)) log.leaveOut(artifact);
      else if (passed < log.length) {
        log.pass(artifact);
        passed++;
      } else {
        await (isLeftOut === undefined ? log.copy(artifact) : log.move(artifact));
        passed++;
        if (log.length === 1) await onFirst(artifact);
      }
    }
  }
  await log.open(); // with the origins of what was copied
  return true;
}
/** Empty if the artifact at `from` is gone. */
async function readPage(
  run: AttemptRun,
  { carried, from }: { readonly carried: Carried; readonly from: number },
): Promise<readonly Artifact[]> {
  const { store, limits } = run.parts;
  const limit = Math.min(limits.pageSize, carried.length - from);
  try {
    return await run.retry.run(() => store.readArtifacts(carried, carried.generation, from, limit));
  } catch (error) {
    if (FlowError.is(error, "ARTIFACTS_DROPPED")) return [];
    throw error;
  }
}
