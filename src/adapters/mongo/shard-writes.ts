import { randomUUID } from "node:crypto";
import type { Judged } from "../../core/model/index.ts";
import type { ShardRecord, ShardRef } from "../../core/model/records.ts";
import { compareAndSet, type Read } from "./compare-and-set.ts";
import type { NodeDocument } from "./documents.ts";
import { isDuplicate } from "./mongo-error.ts";
import { checkSize } from "./record-size.ts";
import { shardDocument, shardId, shardRecord } from "./shard-documents.ts";
import type { StoreParts } from "./store-parts.ts";
import { readLiveHead } from "./task-reads.ts";

/* The only places that write a shard's record, but for renewals. */

export async function readShard({ session }: StoreParts, ref: ShardRef): Promise<Read<NodeDocument> | undefined> {
  const [found] = await session.timed<NodeDocument>("nodes", { stages: [{ $match: { _id: shardId(ref) } }] });
  return found;
}

/** Puts the record that `judge` makes of the present one in its place. */
export function moveShardRecord<TAnswer>(
  parts: StoreParts,
  ref: ShardRef,
  judge: (record: ShardRecord | undefined, now: number) => Judged<TAnswer> | Promise<Judged<TAnswer>>,
  known?: Read<NodeDocument>,
): Promise<TAnswer> {
  return compareAndSet(
    () => readShard(parts, ref),
    async (found) => {
      const { answer, next } = await judge(found && shardRecord(found.doc), found?.now ?? 0);
      if (found === undefined || next === undefined) return { answer };
      return { answer, write: (rev) => replaceShard(parts, found, { next, rev }) };
    },
    known,
  );
}

async function replaceShard(
  parts: StoreParts,
  { doc, now }: Read<NodeDocument>,
  { next, rev }: { readonly next: ShardRecord; readonly rev: string },
): Promise<boolean> {
  const document = shardDocument(next, { rev, queueOrder: queueOrder(parts, next, now) });
  checkSize(document, `the record of node '${next.nodeId}'`);
  const { _id, ...replacement } = document;
  const { modifiedCount } = await parts.session.ask(({ nodes }) =>
    nodes.replaceOne({ _id, rev: doc.rev }, replacement),
  );
  return modifiedCount === 1;
}

/** Inserts the first record of a shard. False: there is one, or its task was deleted. */
export async function insertShard(parts: StoreParts, record: ShardRecord): Promise<boolean> {
  if (!(await insertRecord(parts, record))) return false;
  // The task may have been deleted since it was read: nothing that was there kept this record from being written then.
  // Whoever dies before this look leaves it to the worker that finds it in the queue.
  if ((await readLiveHead(parts, record.taskId)) !== undefined) return true;
  await parts.session.ask(({ nodes }) => nodes.deleteOne({ _id: shardId(record) }));
  return false;
}

async function insertRecord(parts: StoreParts, record: ShardRecord): Promise<boolean> {
  const rev = randomUUID();
  const document = shardDocument(record, { rev, queueOrder: queueOrder(parts, record, record.readyAt) });
  checkSize(document, `the record of node '${record.nodeId}'`);
  return parts.session.ask(async ({ nodes }, again) => {
    try {
      await nodes.insertOne(document);
      return true;
    } catch (error) {
      if (!isDuplicate(error)) throw error;
      // A request whose answer got lost may have inserted it; it may have moved on since, then somebody has seen it.
      return again && (await nodes.countDocuments({ _id: document._id, rev }, { limit: 1 })) === 1;
    }
  });
}

const queueOrder = ({ orderKeys }: StoreParts, record: ShardRecord, now: number): string | undefined =>
  record.status === "queued" ? orderKeys.next(now) : undefined;
