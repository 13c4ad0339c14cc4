import type { Metrics } from "../../definitions/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { AttemptEvent, StatusMessage } from "../messages/messages.ts";
import { type Artifact, type ShardRef, shardKey } from "../model/records.ts";
import type { PlainRows } from "../ports/index.ts";
import { isObject } from "./nodes.ts";

const longestField = 1_024;
const longestMetrics = 65_536;
/** Marks `metrics` as incomplete. */
const truncatedMark = "__truncated__";

/**
 * Reports that a batch's row is stored. Coordinators regard the metrics of a `BATCH_OK` as the batch's data, and
 * overwrite the row with them if the message refers to the row. So it refers to the row only if the metrics are all of
 * its data.
 */
export function batchStored(row: {
  readonly uid: string;
  readonly meta: Json;
  readonly metrics: Metrics;
}): AttemptEvent {
  const { uid, meta, metrics } = row;
  const about = { kind: "BATCH_OK", batchUid: uid } as const;
  if (!isObject(meta)) return { ...about, metrics: { ...metrics } };
  return { ...about, metrics: meta, artifactsRef: { batch_uid: uid } };
}

/**
 * The event, cut to fit in a message. Keeps as many metrics as fit, numbers first, since coordinators sum them. A cut
 * `BATCH_OK` no longer refers to its row: see {@link batchStored}.
 */
export function shortened(message: StatusMessage): StatusMessage {
  switch (message.kind) {
    case "BATCH_OK": {
      const { artifactsRef: _, ...rest } = message;
      return { ...rest, metrics: essentials(message.metrics) };
    }
    case "TASK_DONE":
      return { ...message, metrics: essentials(message.metrics) };
    default:
      return message;
  }
}

function essentials(metrics: JsonObject): JsonObject {
  const entries = Object.entries(metrics);
  const isNumber = ([, value]: readonly [string, Json]) => typeof value === "number";
  const kept: (readonly [string, Json])[] = [];
  let length = 0;
  for (const entry of [...entries.filter(isNumber), ...entries.filter((each) => !isNumber(each))]) {
    const own = JSON.stringify(entry).length;
    if (own > longestField || length + own > longestMetrics) continue;
    length += own;
    kept.push(entry);
  }
  return Object.fromEntries([...kept, [truncatedMark, true]]);
}

/** The rows of nodes whose coordinator assigns no positions, in the order in which this process first saw them. */
export class SeenRows {
  readonly #rows: PlainRows;
  /** By node, the uids of its batches. */
  readonly #seen = new Map<string, string[]>();

  constructor(rows: PlainRows) {
    this.#rows = rows;
  }

  async read(ref: ShardRef, from: number, limit: number): Promise<Artifact[]> {
    const known = await this.#look(ref, from + limit);
    const uids = known.slice(from, from + limit);
    const rows = new Map((await this.#rows.read(ref, uids)).map((row) => [row.batchUid, row]));
    return uids.map((uid, index) => {
      const { meta, metrics } = rows.get(uid) ?? gone(ref, uid);
      const seq = from + index;
      return { seq, uid, epoch: 1, claimId: "", origin: { source: "", seq, chunk: 0 }, meta, metrics };
    });
  }

  async count(ref: ShardRef): Promise<number> {
    return (await this.#look(ref, Number.POSITIVE_INFINITY)).length;
  }

  forget(): void {
    this.#seen.clear();
  }

  /** The node's batches; reads the rows if fewer than `wanted` are known. */
  async #look(ref: ShardRef, wanted: number): Promise<readonly string[]> {
    const key = shardKey(ref);
    const known = this.#seen.get(key) ?? [];
    this.#seen.set(key, known);
    if (known.length >= wanted) return known;
    const found = await this.#rows.uids(ref);
    // Built only now: concurrent calls may have added the same uids during the read.
    const there = new Set(known);
    for (const uid of found) if (!there.has(uid)) known.push(uid);
    return known;
  }
}

function gone({ taskId, nodeId }: ShardRef, uid: string): never {
  throw new Error(`batch '${uid}' of node '${nodeId}' of task ${taskId} was removed from the store while it was read`);
}
