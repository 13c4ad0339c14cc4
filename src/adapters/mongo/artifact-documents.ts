import { type Artifact, type Attempt, type Origin, type ShardRef, shardKey } from "../../core/model/records.ts";
import type { NewArtifact } from "../../core/ports/index.ts";
import type { Metrics } from "../../definitions/index.ts";
import type { Json } from "../../errors/index.ts";
import type { ArtifactDocument } from "./documents.ts";
import { jsonField, jsonOf } from "./json-field.ts";
import { refFields } from "./shard-documents.ts";

interface Place {
  readonly generation: number;
  /** The server's time, in ms. */
  readonly now: number;
  readonly workerId: string | undefined;
}

const artifactId = (ref: ShardRef, generation: number, seq: number): string => `${shardKey(ref)}:${generation}:${seq}`;

/**
 * Unique within (task, node) over all generations: the uid itself in the first one, with a suffix in later ones. A uid
 * that ends like that by itself, or looks like a marker's, has the suffix in the first one too.
 */
export const batchUid = (uid: string, generation: number): string =>
  generation === 0 && !/\.g\d+$/.test(uid) && !uid.startsWith(markerPrefix) ? uid : `${uid}.g${generation}`;

const markerPrefix = "__complete__.";

export const uidOf = (doc: Pick<ArtifactDocument, "_id" | "batch_uid" | "generation">): string => {
  const { batch_uid, generation } = doc;
  const suffix = `.g${generation}`;
  return isOurs(doc) && batch_uid.endsWith(suffix) ? batch_uid.slice(0, -suffix.length) : batch_uid;
};

/** A row that another program wrote is called as that calls it, and may hold whatever BSON can. */
const isOurs = ({ _id }: { readonly _id: unknown }): boolean => typeof _id === "string";

export function artifactDocument(attempt: Attempt, artifact: NewArtifact, at: Place): ArtifactDocument {
  const { seq, uid, origin, meta, metrics } = artifact;
  return {
    ...written(attempt, seq, at),
    batch_uid: batchUid(uid, at.generation),
    status: "partial",
    origin: { source: origin.source, seq: origin.seq, chunk: origin.chunk },
    ...jsonField("meta", meta),
    ...jsonField("metrics", metrics),
  };
}

/** What closes a log: it takes the place behind the last artifact. */
export const markerDocument = (
  attempt: Attempt,
  marker: Place & { readonly count: number; readonly result: Json | undefined },
): ArtifactDocument => ({
  ...written(attempt, marker.count, marker),
  batch_uid: `${markerPrefix}${attempt.shard}.${marker.generation}`,
  status: "complete",
  ...jsonField("meta", marker.result),
});

const written = (attempt: Attempt, seq: number, { generation, now, workerId }: Place) => ({
  _id: artifactId(attempt, generation, seq),
  ...refFields(attempt),
  generation,
  seq,
  attempt_epoch: attempt.epoch,
  claim_id: attempt.claimId,
  ...(workerId === undefined ? {} : { worker_id: workerId }),
  created_at: new Date(now),
});

export const artifactOf = (doc: ArtifactDocument): Artifact => ({
  seq: doc.seq,
  uid: uidOf(doc),
  epoch: doc.attempt_epoch,
  claimId: doc.claim_id,
  origin: originOf(doc.origin),
  meta: isOurs(doc) ? (jsonOf<Json>(doc, "meta") ?? null) : plainJson(doc.meta),
  metrics: jsonOf<Metrics>(doc, "metrics") ?? {},
});

/** What BSON has besides JSON (times, ids, decimals) as it writes itself. */
export const plainJson = (value: unknown): Json => JSON.parse(JSON.stringify(value ?? null));

export const originOf = (origin: ArtifactDocument["origin"]): Origin => ({
  source: origin?.source ?? "",
  seq: origin?.seq ?? 0,
  chunk: origin?.chunk ?? 0,
});
