import { hash } from "node:crypto";
import { type Artifact, type Origin, type ShardRecord, type ShardRef, sourceKey } from "../../model/records.ts";
import type { WorkerStore } from "../../ports/index.ts";

/** A shard that a consumer reads, and how far it has come. */
export interface Source {
  readonly nodeId: string;
  readonly shard: number;
  /** The generation being read. */
  readonly generation: number;
}

interface Cursor extends Source {
  readonly key: string;
  /** Where its artifacts are: its own log, or that of the shard which it was adopted from. */
  log: ShardRef;
  /** Next artifact to read. */
  seq: number;
  /** Chunks of that artifact that are stored already. */
  skipChunks: number;
  /** Length of the finished log, once it is known: a fact that never changes. */
  count: number | undefined;
}

export type Pulled =
  | {
      readonly kind: "page";
      readonly source: Source;
      readonly artifacts: readonly Artifact[] /** Of the first artifact. */;
      readonly skipChunks: number;
    }
  | { readonly kind: "nothing"; readonly sourceRunning: boolean }
  | { readonly kind: "end" }
  /** A source started its output over: what was built from its old generation is void. */
  | { readonly kind: "restarted"; readonly sourceGens: Readonly<Record<string, number>> };

export interface StreamInputOptions {
  readonly store: WorkerStore;
  readonly taskId: string;
  readonly sources: readonly { readonly nodeId: string; readonly shard: number }[];
  /** From the consumer's own record: which generations its output is built from. Never what is found today. */
  readonly sourceGens: Readonly<Record<string, number>>;
  /** From the consumer's own log: the last batch it stored from each source. */
  readonly origins: readonly Origin[];
  readonly pageSize: number;
}

/**
 * Reads several append-only logs to their ends, a page at a time, in turn. Position is a cursor a source, taken from the
 * reader's own output: nothing else remembers what was read, so nothing can disagree.
 */
export class StreamInput {
  readonly #options: StreamInputOptions;
  readonly #nodeIds: readonly string[];
  #open: Cursor[];
  #turn = 0;
  #looked = false;

  constructor(options: StreamInputOptions) {
    this.#options = options;
    const nodeIds = options.sources.map((source) => source.nodeId);
    this.#nodeIds = nodeIds.length === 1 ? nodeIds : [...new Set(nodeIds)];
    const last = new Map<string, Origin>();
    for (const origin of options.origins) last.set(origin.source, origin);
    this.#open = options.sources.map(({ nodeId, shard }) => {
      const key = sourceKey(nodeId, shard);
      const stored = last.get(key);
      return {
        nodeId,
        shard,
        key,
        log: { taskId: options.taskId, nodeId, shard },
        generation: options.sourceGens[key] ?? 0,
        seq: stored?.seq ?? 0,
        skipChunks: stored === undefined ? 0 : stored.chunk + 1,
        count: undefined,
      };
    });
  }

  /** The first seq of each source that isn't read to its end. */
  get positions(): ReadonlyMap<Source, number> {
    return new Map(this.#open.map((cursor) => [cursor, cursor.seq]));
  }

  async pull(): Promise<Pulled> {
    if (!this.#looked) {
      // Most sources have finished before their consumer starts: one read then settles all of their ends.
      this.#looked = true;
      const records = await this.#options.store.readShards(this.#options.taskId, this.#nodeIds);
      if (this.#see(records).restarted) return restarted(records);
    }
    for (let looked = 0; looked < this.#open.length; looked++) {
      const page = await this.#page();
      if (page !== undefined) return page;
    }
    this.#open = this.#open.filter((cursor) => cursor.seq !== cursor.count);
    if (this.#open.length === 0) return { kind: "end" };
    // Page first, state after: "nothing new" and "finished with this count" then belong together.
    const records = await this.#options.store.readShards(this.#options.taskId, this.#nodeIds);
    const seen = this.#see(records);
    if (seen.restarted) return restarted(records);
    this.#open = this.#open.filter((cursor) => cursor.seq !== cursor.count);
    if (this.#open.length === 0) return { kind: "end" };
    if (seen.adopted) return this.pull(); // the pages were looked for where they aren't
    return { kind: "nothing", sourceRunning: seen.running };
  }

  /** The next page of the source whose turn it is; `undefined`: nothing there. */
  async #page(): Promise<Pulled | undefined> {
    const cursor = this.#open[this.#turn++ % this.#open.length] as Cursor;
    if (cursor.seq === cursor.count) return undefined;
    const { store, pageSize } = this.#options;
    const artifacts = await store.readArtifacts(cursor.log, cursor.generation, cursor.seq, pageSize);
    if (artifacts.length === 0) return undefined;
    const { skipChunks } = cursor;
    cursor.seq += artifacts.length;
    cursor.skipChunks = 0;
    return { kind: "page", source: cursor, artifacts, skipChunks };
  }

  #see(records: readonly ShardRecord[]): { restarted: boolean; running: boolean; adopted: boolean } {
    let restarted = false;
    let adopted = false;
    let running = false;
    const byKey = new Map<string, ShardRecord>();
    for (const record of records) byKey.set(sourceKey(record.nodeId, record.shard), record);
    for (const cursor of this.#open) {
      const record = byKey.get(cursor.key);
      if (record === undefined) continue;
      if (record.artifactsOf !== undefined && cursor.log.taskId !== record.artifactsOf.taskId) {
        cursor.log = record.artifactsOf;
        adopted = true;
      }
      if (record.generation !== cursor.generation) restarted = true;
      else if (record.status === "finished") cursor.count = record.count;
      // A source that finished after its page was read has more to read: it doesn't starve anybody.
      if (record.status === "running" || record.status === "finished") running = true;
    }
    return { restarted, running, adopted };
  }
}

function restarted(records: readonly ShardRecord[]): Pulled {
  const sourceGens = Object.fromEntries(
    records.map((record) => [sourceKey(record.nodeId, record.shard), record.generation]),
  );
  return { kind: "restarted", sourceGens };
}

/** A uid longer than this is cut and gets a hash: uids grow along a chain of nodes, the store's keys must not. */
const maxLength = 200;
const keptLength = 120;

/**
 * The uid of a consumer's batch, derived from where it came from. Unique in the node: `/` is in no node id, so the
 * first one ends the node; a chunk index has no dot, so the last dot begins it. With a single source that is taken
 * batch by batch the uid stays what it is: a batch keeps its name along a chain.
 */
export function consumerUid(from: {
  readonly nodeId: string;
  readonly uid: string;
  /** Index within the artifact; absent when the adapter takes artifacts whole. */
  readonly chunk?: number;
  readonly onlySource: boolean;
}): string {
  const named = from.onlySource ? from.uid : `${from.nodeId}/${from.uid}`;
  const uid = from.chunk === undefined ? named : `${named}.${from.chunk}`;
  return uid.length <= maxLength ? uid : `${uid.slice(0, keptLength)}#${hash("sha256", uid, "hex")}`;
}

/** FNV-1a, 32 bits: which shard a batch belongs to must be the same on every machine, for ever. */
export function shardOf(uid: string, partitions: number): number {
  if (partitions === 1) return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < uid.length; i++) hash = Math.imul(hash ^ uid.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % partitions;
}
