import { dispatchClaimedShard } from "../model/index.ts";
import type { Attempt, ClaimInit, NextClaim, OutcomeWithLast, ShardRecord, ShardRef } from "../model/records.ts";
import type { Answer, Store } from "../ports/index.ts";
import { after } from "../resilience/store-retry.ts";
import type { StoreDriver } from "./driver.ts";

/*
 * How a worker ends a node and continues with the next one. A driver may do all of it in one write; otherwise the parts
 * are written in their usual order, so that an interruption between them is harmless.
 */

type Completed = ReturnType<Store["completeAndClaim"]>;

export function dispatchClaimed({ shards }: StoreDriver, next: NextClaim): ReturnType<Store["dispatchClaimed"]> {
  const { ref, by } = next;
  let created: ShardRecord | undefined;
  const inserted = shards.insert(ref, (at, paused) => {
    created = dispatchClaimedShard(next, { at, paused });
    return created;
  });
  return after(inserted, (answer): Answer<ShardRecord | undefined> => {
    if (answer === "gone") return undefined;
    return answer === "inserted" && created?.status === "running" ? created : ownClaim(shards, ref, by);
  });
}

/** The existing record may be from this call, repeated after its answer was lost. */
async function ownClaim(
  shards: StoreDriver["shards"],
  { taskId, nodeId, shard }: ShardRef,
  { claimId }: ClaimInit,
): Promise<ShardRecord | undefined> {
  const records = await shards.read(taskId, [nodeId]);
  return records.find((record) => record.shard === shard && record.lease?.claimId === claimId);
}

export function completeAndClaim(
  driver: StoreDriver,
  attempt: Attempt,
  outcome: OutcomeWithLast,
  next?: NextClaim,
): Completed {
  const together = driver.logs.completeWith?.(attempt, outcome, next);
  if (together === undefined) return inParts(driver, attempt, outcome, next);
  return together.then((done) => {
    if (done === undefined) return inParts(driver, attempt, outcome, next);
    return done.inserted?.status === "running" ? { answer: "ok", claimed: done.inserted } : claimNext(driver, next);
  });
}

function inParts(
  driver: StoreDriver,
  attempt: Attempt,
  outcome: OutcomeWithLast,
  next: NextClaim | undefined,
): Completed {
  const { generation, last } = outcome;
  const appended = last === undefined ? "ok" : driver.logs.append(attempt, generation, last);
  return after(appended, (stored) => {
    const mayBeComplete = stored === "ok" || stored === "fenced"; // as in a repeated call
    const completed = mayBeComplete ? driver.logs.complete(attempt, outcome) : stored;
    return after(completed, (answer) => (answer === "ok" ? claimNext(driver, next) : { answer }));
  });
}

function claimNext(driver: StoreDriver, next: NextClaim | undefined): Completed {
  if (next === undefined) return { answer: "ok" };
  return after(dispatchClaimed(driver, next), (claimed) => ({ answer: "ok", claimed }));
}
