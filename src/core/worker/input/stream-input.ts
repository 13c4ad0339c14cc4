import { hash } from "node:crypto";
import {
  type Artifact,
  isClosed,
  isFeeding,
  type Origin,
  type Position,
  type ShardRecord,
  type ShardRef,
  sourceKey,
} from "../../model/records.ts";
import type { SourceShard } from "../../plan/index.ts";
import type { WorkerStore } from "../../ports/index.ts";

/** A shard that a consumer reads. */
export interface Source extends SourceShard {
  /** Its place among the sources. */
  readonly at: number;
  /** The generation being read. */
  readonly generation: number;
}

interface Cursor extends Source {
  /** The log with its artifacts: its own, or that of the shard it was adopted from. */
  log: ShardRef;
  /** The next artifact to read. */
  seq: number;
  /** Chunks of that artifact that are already stored. */
  skipChunks: number;
  /** What an earlier attempt left open before that: read first. */
  readonly open: OpenArtifact[];
  /** Length of the closed log, once known; it never changes. */
  count: number | undefined;
}

/** An artifact of which some chunks are not stored. */
interface OpenArtifact {
  readonly seq: number;
  readonly chunks: number[];
}

export type Pulled =
  | {
      readonly kind: "page";
      readonly source: Source;
      readonly artifacts: readonly Artifact[];
      /** Of the first artifact. */
      readonly skipChunks: number;
      /** The page is the whole input. */
      readonly isAll: boolean;
      /** Only these chunks of the only artifact. */
      readonly only?: readonly number[];
    }
  | { readonly kind: "nothing"; readonly sourceRunning: boolean }
  | { readonly kind: "end" }
  /** A source restarted its output: what was built from the old generation is void. */
  | { readonly kind: "restarted"; readonly sourceGens: Readonly<Record<string, number>> };

export interface StreamInputOptions {
  readonly store: WorkerStore;
  readonly taskId: string;
  readonly sources: readonly SourceShard[];
  /**
   * From the consumer's own record: the generations that its output is built from, even if the sources have newer ones.
   */
  readonly sourceGens: Readonly<Record<string, number>>;
  /** From the consumer's own log: the last origin from each source. */
  readonly origins: readonly Origin[];
  readonly pageSize: number;
  /** All that the only source has stored, which is in its generation 0 and has finished. */
  readonly known?: readonly Artifact[] | undefined;
}

/**
 * Reads several append-only logs to their ends, page by page, in turn. The cursor of each source is derived from the
 * consumer's own output: no other record of the position exists that could disagree with it.
 */
export class StreamInput {
  readonly #options: StreamInputOptions;
  readonly #nodeIds: readonly string[];
  #open: Cursor[];
  /** Sources with artifacts that an earlier attempt left open: few, so that a pull does not scan thousands of others. */
  readonly #leftOpen: readonly Cursor[];
  #turn = 0;
  #looked: boolean;

  constructor(options: StreamInputOptions) {
    this.#options = options;
    const nodeIds = options.sources.map((source) => source.nodeId);
    this.#nodeIds = nodeIds.length === 1 ? nodeIds : [...new Set(nodeIds)];
    const { known, origins } = options;
    const last = origins.length === 0 ? undefined : new Map(origins.map((origin) => [origin.source, origin]));
    this.#looked = known !== undefined;
    this.#open = options.sources.map(({ nodeId, shard, key }, at) => {
      const stored = last?.get(key);
      return {
        nodeId,
        shard,
        key,
        at,
        log: { taskId: options.taskId, nodeId, shard },
        generation: options.sourceGens[key] ?? 0,
        seq: stored === undefined ? 0 : furthestOf(stored)[0],
        skipChunks: stored === undefined ? 0 : furthestOf(stored)[1] + 1,
        open: openArtifacts(stored?.open ?? []),
        count: known?.length,
      };
    });
    this.#leftOpen = this.#open.filter(({ open }) => open.length > 0);
  }

  /** The next seq of each source that is not read to its end. */
  get positions(): ReadonlyMap<Source, number> {
    return new Map(this.#open.map((cursor) => [cursor, cursor.seq]));
  }

  /** Takes the rest of the known artifacts, which then count as read. `undefined`: they have to be pulled. */
  takeKnown(): Extract<Pulled, { kind: "page" }> | undefined {
    const { known } = this.#options;
    const [source] = this.#open;
    if (known === undefined || source === undefined || source.open.length > 0) return undefined;
    this.#open = [];
    const { seq, skipChunks } = source;
    return { kind: "page", source, artifacts: known.slice(seq), skipChunks, isAll: seq === 0 };
  }

  async pull(): Promise<Pulled> {
    if (!this.#looked) {
      this.#looked = true;
      const first = await this.#first();
      if (first !== undefined) return first;
    }
    for (const cursor of this.#leftOpen) {
      const left = cursor.open.length === 0 ? undefined : await this.#leftOpenOf(cursor);
      if (left !== undefined) return left;
    }
    for (let looked = 0; looked < this.#open.length; looked++) {
      const page = await this.#page();
      if (page !== undefined) return page;
    }
    this.#open = this.#open.filter((cursor) => !isRead(cursor));
    if (this.#open.length === 0) return { kind: "end" };
    // Read the page first and the record second, so that "nothing new" and "finished with this count" are consistent.
    const records = await this.#options.store.readShards(this.#options.taskId, this.#nodeIds);
    const seen = this.#see(records);
    if (seen.restarted) return restarted(records);
    this.#open = this.#open.filter((cursor) => !isRead(cursor));
    if (this.#open.length === 0) return { kind: "end" };
    if (seen.adopted) return this.pull(); // the pages were read from the wrong log
    return { kind: "nothing", sourceRunning: seen.running };
  }

  /**
   * Most sources have finished before their consumer starts: then one read finds all of their ends. The first page of a
   * single source is read at the same time; it is empty if the source was adopted, as its artifacts are in another log.
   */
  async #first(): Promise<Pulled | undefined> {
    const [cursor] = this.#open.length === 1 ? this.#open : [];
    if (cursor === undefined || cursor.open.length > 0) return this.look();
    // A failed read is repeated later, unless the source has started over, which makes it void.
    const reading = this.#read(cursor).catch(() => []);
    const [restarted, artifacts] = await Promise.all([this.look(), reading]);
    return restarted ?? (artifacts.length === 0 ? undefined : this.#pageOf(cursor, artifacts));
  }

  /** Whether a source has started its output over. */
  async look(): Promise<Pulled | undefined> {
    const records = await this.#options.store.readShards(this.#options.taskId, this.#nodeIds);
    return this.#see(records).restarted ? restarted(records) : undefined;
  }

  /** The next artifact that was left open in part; `undefined` if there is none, or it is not visible here yet. */
  async #leftOpenOf(cursor: Cursor): Promise<Pulled | undefined> {
    const [next] = cursor.open;
    if (next === undefined) return undefined;
    const artifacts = await this.#options.store.readArtifacts(cursor.log, cursor.generation, next.seq, 1);
    if (artifacts.length === 0) return undefined;
    cursor.open.shift();
    return { kind: "page", source: cursor, artifacts, skipChunks: 0, isAll: false, only: next.chunks };
  }

  /** The next page of the source whose turn it is; `undefined` if it has none. */
  async #page(): Promise<Pulled | undefined> {
    const cursor = this.#open[this.#turn++ % this.#open.length] as Cursor;
    if (cursor.seq === cursor.count || cursor.open.length > 0) return undefined;
    const artifacts = this.#options.known?.slice(cursor.seq) ?? (await this.#read(cursor));
    return artifacts.length === 0 ? undefined : this.#pageOf(cursor, artifacts);
  }

  #read({ log, generation, seq }: Cursor): Promise<readonly Artifact[]> {
    const { store, pageSize } = this.#options;
    return store.readArtifacts(log, generation, seq, pageSize);
  }

  #pageOf(cursor: Cursor, artifacts: readonly Artifact[]): Pulled {
    const { skipChunks } = cursor;
    cursor.seq += artifacts.length;
    cursor.skipChunks = 0;
    const isAll = this.#options.sources.length === 1 && artifacts.length === cursor.count;
    return { kind: "page", source: cursor, artifacts, skipChunks, isAll };
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
      else if (isClosed(record)) cursor.count = record.count;
      // A source that ended after its page was read has more to read, so the consumer is not starving.
      if (isFeeding(record) || isClosed(record)) running = true;
    }
    return { restarted, running, adopted };
  }
}

const isRead = ({ seq, count, open }: Cursor): boolean => seq === count && open.length === 0;

/** The furthest stored batch of a source, according to its last origin. */
export const furthestOf = ({ to, seq, chunk }: Origin): Position => to ?? [seq, chunk];

function openArtifacts(positions: readonly Position[]): OpenArtifact[] {
  const artifacts: OpenArtifact[] = [];
  for (const [seq, chunk] of positions) {
    const last = artifacts.at(-1);
    if (last?.seq === seq) last.chunks.push(chunk);
    else artifacts.push({ seq, chunks: [chunk] });
  }
  return artifacts;
}

function restarted(records: readonly ShardRecord[]): Pulled {
  const sourceGens = Object.fromEntries(
    records.map((record) => [sourceKey(record.nodeId, record.shard), record.generation]),
  );
  return { kind: "restarted", sourceGens };
}

/** What an attempt knows of one source. */
interface SourcePosition {
  /** The furthest stored batch. */
  to: Position | undefined;
  /** Batches in progress, and those that earlier attempts left open; in order, since sources are read in order. */
  open: Position[];
}

/**
 * Which batches of each source are stored, apart from how far it was read. The batches of a source handler are
 * recognised by their uids instead.
 */
export class SourcePositions {
  /** Created on demand: a single batch needs no entry. */
  #sources: Map<string, SourcePosition> | undefined;

  constructor(origins: readonly Origin[]) {
    for (const origin of origins) {
      if (hasPositions(origin)) this.#set(origin.source, { to: furthestOf(origin), open: [...(origin.open ?? [])] });
    }
  }

  #set(source: string, position: SourcePosition): void {
    this.#sources ??= new Map();
    this.#sources.set(source, position);
  }

  take(origin: Origin): void {
    if (!hasPositions(origin)) return;
    const { source, seq, chunk } = origin;
    this.#leaveOpen(source, [seq, chunk]);
  }

  /** An entry that is not copied: its batch is open, and so are those that were open when it was stored. */
  skip(origin: Origin): void {
    if (!hasPositions(origin)) return;
    for (const position of origin.open ?? []) this.#leaveOpen(origin.source, position);
    this.take(origin);
  }

  /** In order, and usually at the end. */
  #leaveOpen(source: string, own: Position): void {
    const known = this.#sources?.get(source);
    if (known === undefined) {
      this.#set(source, { to: undefined, open: [own] });
      return;
    }
    const { open } = known;
    let at = open.length;
    while (at > 0 && isBefore(own, open[at - 1] as Position)) at--;
    const before = open[at - 1];
    if (before !== undefined && !isBefore(before, own)) return;
    if (at === open.length) open.push(own);
    else open.splice(at, 0, own);
  }

  /** The origin as it is stored if this batch is appended next. */
  originOf(origin: Origin): Origin {
    const position = this.#sources?.get(origin.source);
    if (position === undefined) return origin;
    const isFurthest = position.to === undefined || isBehind(origin, position.to);
    if (isFurthest && position.open.every((each) => isAt(each, origin))) return origin;
    const to: Position = isFurthest || position.to === undefined ? [origin.seq, origin.chunk] : position.to;
    const open = position.open.filter((each) => isBefore(each, to) && !isAt(each, origin));
    if (isFurthest && open.length === 0) return origin;
    return { ...origin, ...(isFurthest ? {} : { to }), ...(open.length === 0 ? {} : { open }) };
  }

  /** The batch was appended with the origin that {@link originOf} returned. */
  stored(origin: Origin): void {
    const position = this.#sources?.get(origin.source);
    if (position === undefined) return;
    const { open } = position;
    const at = open.findIndex((each) => isAt(each, origin));
    const own = at === 0 ? open.shift() : at > 0 ? open.splice(at, 1)[0] : undefined;
    position.to = origin.to ?? own ?? furthestOf(origin);
  }
}

const hasPositions = ({ source }: Origin): boolean => source !== "" && source !== "*";
const isAt = ([seq, chunk]: Position, origin: Origin): boolean => seq === origin.seq && chunk === origin.chunk;
const isBehind = ({ seq, chunk }: Origin, [toSeq, toChunk]: Position): boolean =>
  seq > toSeq || (seq === toSeq && chunk > toChunk);
const isBefore = (a: Position, b: Position): boolean => a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);

/** Longer uids are cut and hashed: uids grow along a chain of nodes, but the store's keys must not. */
const maxLength = 200;
const keptLength = 120;

/**
 * The uid of a consumer's batch, derived from its origin. Unique in the node: a node id contains no `/`, so the first
 * one ends the node id; a chunk index contains no dot, so the last one begins it. With a single source that is read
 * batch by batch, the uid is unchanged: a batch keeps its name along a chain.
 */
export function consumerUid(from: {
  readonly nodeId: string;
  readonly uid: string;
  /** Index within the artifact; `undefined` if the adapter delivers whole artifacts. */
  readonly chunk?: number | undefined;
  readonly onlySource: boolean;
}): string {
  const named = from.onlySource ? from.uid : `${from.nodeId}/${from.uid}`;
  const uid = from.chunk === undefined ? named : `${named}.${from.chunk}`;
  return uid.length <= maxLength ? uid : `${uid.slice(0, keptLength)}#${hash("sha256", uid, "hex")}`;
}

/** FNV-1a, 32 bits: the shard of a batch must be the same on every machine, permanently. */
export function shardOf(uid: string, partitions: number): number {
  if (partitions === 1) return 0;
  let hash = 0x811c9dc5;
  for (let i = 0; i < uid.length; i++) hash = Math.imul(hash ^ uid.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % partitions;
}
