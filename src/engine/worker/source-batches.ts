import type { SourceBatch } from "../../definitions/index.ts";
import { shardOf } from "../input/index.ts";
import { AttemptProblem } from "../support/attempt-problem.ts";
import { AttemptEnded } from "./attempt-end.ts";
import type { AttemptLog } from "./attempt-log.ts";
import type { Stoppable } from "./held-attempt.ts";

const maxUidLength = 512;

export interface NumberedBatch {
  readonly uid: string;
  /** Its place among everything that the source yields. */
  readonly index: number;
  readonly payload: unknown;
}

/**
 * What a source's `iterBatches` yields, less what earlier attempts have stored. On a retry the stored uids are asked
 * for a page at a time; on a first attempt each batch is handed on as it comes.
 */
export async function* sourceBatches(options: {
  readonly batches: AsyncIterable<SourceBatch<unknown>> | Iterable<SourceBatch<unknown>>;
  readonly held: Stoppable;
  readonly log: AttemptLog;
  readonly partitions: number;
  readonly pageSize: number;
}): AsyncGenerator<NumberedBatch> {
  const { log, partitions, pageSize } = options;
  const storedBefore = log.length;
  let skipped = 0;
  const takeFresh = async (page: readonly NumberedBatch[]): Promise<NumberedBatch[]> => {
    const stored = await log.storedUids(page.map((batch) => batch.uid));
    const fresh = page.filter((batch) => !stored.has(batch.uid));
    skipped += page.length - fresh.length;
    if (skipped <= storedBefore) return fresh;
    // More than there were: one uid came twice, unless a late insert of an earlier attempt is among them.
    if (await log.hasMoved()) throw new AttemptEnded("reload");
    throw yieldedTwice(page.find((batch) => stored.has(batch.uid)));
  };
  let page: NumberedBatch[] = [];
  let index = 0;
  for await (const batch of gated(options.batches, options.held)) {
    const numbered = { uid: uidOf(batch, index), index: index++, payload: batch.payload };
    if (shardOf(numbered.uid, partitions) !== options.held.attempt.shard) continue;
    if (storedBefore === 0) {
      yield numbered;
      continue;
    }
    page.push(numbered);
    if (page.length < pageSize) continue;
    yield* await takeFresh(page);
    page = [];
  }
  if (page.length > 0) yield* await takeFresh(page);
}

function yieldedTwice(batch: NumberedBatch | undefined): AttemptProblem {
  const named = batch === undefined ? "" : `, perhaps '${batch.uid}'`;
  return new AttemptProblem("duplicate_uid", `iterBatches gave one uid to two batches${named}`);
}

/** Iterates handler code without being held by it: a pending `next` is not awaited once the attempt is abandoned. */
async function* gated<T>(batches: AsyncIterable<T> | Iterable<T>, held: Stoppable): AsyncGenerator<T> {
  const iterator = Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  let idle = true; // not inside `next`: only then can it be closed
  let over = false;
  try {
    for (;;) {
      held.check();
      idle = false;
      const next = iterator.next();
      const step = "then" in next ? await held.whileIdle(held.run(next)) : next;
      idle = true;
      over = step.done === true;
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    if (idle && !over) {
      const closing = iterator.return?.();
      if (closing !== undefined && "then" in closing) await held.run(closing);
    }
  }
}

function uidOf(batch: SourceBatch<unknown>, index: number): string {
  if (typeof batch !== "object" || batch === null || !("payload" in batch)) {
    throw new AttemptProblem("bad_input", `iterBatches must yield { payload, uid? }: batch ${index} has no payload`);
  }
  const { uid = String(index) } = batch;
  if (typeof uid !== "string" || uid.length === 0 || uid.length > maxUidLength) {
    throw new AttemptProblem(
      "bad_input",
      `the uid of batch ${index} must be a string of 1 to ${maxUidLength} characters`,
    );
  }
  return uid;
}
