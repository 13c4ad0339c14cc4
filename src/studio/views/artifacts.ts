import { type Artifact, isShardTerminal, logOf, type ShardRecord } from "../../core/model/records.ts";
import { FlowError, type Json } from "../../errors/index.ts";
import type { ArtifactPage, ArtifactView, BatchRef, FailedBatchPage, FailedBatchView, InputView } from "../api.ts";
import type { Reading } from "../reading.ts";

/** A longer value is cut, since a page may have 200. */
const longestValue = 65_536;
const keptOfLong = 4_000;
/** A page with more JSON ends early. */
const longestPage = 1_048_576;

/** A value, or the start of its JSON if that is too long. */
export function viewValue(value: Json): InputView {
  const text = JSON.stringify(value);
  if (text.length <= longestValue) return { value };
  return { start: text.slice(0, keptOfLong).toWellFormed(), length: text.length };
}

/** The batch that an entry of this source was made from; `undefined` if its node made it itself. */
export function originOf({ origin }: Pick<Artifact, "origin">): BatchRef | undefined {
  const at = origin.source.lastIndexOf("/");
  if (at < 0) return undefined;
  return { nodeId: origin.source.slice(0, at), shard: Number(origin.source.slice(at + 1)), seq: origin.seq };
}

function viewArtifact(artifact: Artifact, shard: number): ArtifactView {
  const { seq, uid, epoch, metrics, failure, meta } = artifact;
  const origin = originOf(artifact);
  return {
    shard,
    seq,
    uid,
    epoch,
    ...(origin === undefined ? {} : { origin }),
    metrics: metrics as Readonly<Record<string, number>>,
    ...(failure === undefined
      ? {}
      : { failure: { reasonCode: failure.reasonCode, message: failure.message, tries: failure.tries } }),
    output: failure === undefined ? viewValue(meta) : { missing: "its batch was set aside" },
  };
}

/** Where a page begins: the shard, and the seq there. */
export interface ArtifactPlace {
  readonly shard: number;
  readonly seq: number;
}

/**
 * The artifacts of a node in the order of its shards, as they are stored now.
 *
 * @throws FlowError `ARTIFACTS_DROPPED`
 */
export async function artifactPage(
  { store }: Pick<Reading, "store">,
  of: { readonly taskId: string; readonly nodeId: string },
  { from, limit }: { readonly from: ArtifactPlace; readonly limit: number },
): Promise<ArtifactPage> {
  const shards = await store.readShards(of.taskId, [of.nodeId]);
  const counts = (await store.countArtifacts(of.taskId)).filter(({ nodeId }) => nodeId === of.nodeId);
  const stored = counts.reduce((sum, { count }) => sum + count, 0);
  const items: ArtifactView[] = [];
  let length = 0;
  for (const record of shards) {
    if (record.shard < from.shard) continue;
    let seq = record.shard === from.shard ? from.seq : 0;
    for (;;) {
      const page = await store.readArtifacts(logOf(record), record.generation, seq, limit - items.length + 1);
      if (page.length === 0) assertKept(record, { seq, stored: counts });
      for (const artifact of page) {
        const isFull = items.length === limit || length > longestPage;
        if (isFull) return { items, cursor: `${record.shard}.${artifact.seq}`, stored };
        const item = viewArtifact(artifact, record.shard);
        length += JSON.stringify(item).length;
        items.push(item);
        seq = artifact.seq + 1;
      }
      if (page.length === 0) break;
    }
  }
  return { items, stored };
}

/** A store that drops what all readers have read returns nothing instead. */
function assertKept(
  record: ShardRecord,
  at: { readonly seq: number; readonly stored: readonly { readonly shard: number; readonly count: number }[] },
): void {
  const { nodeId, status, count = 0 } = record;
  const kept = at.stored.find(({ shard }) => shard === record.shard)?.count ?? 0;
  if (isShardTerminal(status) && at.seq < count && kept < count) {
    throw new FlowError("ARTIFACTS_DROPPED", `the store has dropped the artifacts of node '${nodeId}'`);
  }
}

/** The failed batches of a node that were set aside, with their input. */
export async function failedBatchPage(
  { client }: Pick<Reading, "client">,
  of: { readonly taskId: string; readonly nodeId: string },
  { skip, limit }: { readonly skip: number; readonly limit: number },
): Promise<FailedBatchPage> {
  const items: FailedBatchView[] = [];
  let at = 0;
  for await (const { input, ...batch } of client.failedBatches(of.taskId, of.nodeId)) {
    if (at++ < skip) continue;
    if (items.length === limit) return { items, cursor: String(skip + limit) };
    const missing = "its input adapter is not known here, or the store has dropped it";
    items.push({ ...batch, input: input === undefined ? { missing } : viewValue(input) });
  }
  return { items };
}
