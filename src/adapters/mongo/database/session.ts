import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Document, Filter, FindOptions, UpdateFilter } from "mongodb";
import type { ShardRecord } from "../../../core/model/records.ts";
import { invalidCursor, type Page, type PageRequest } from "../../../core/ports/index.ts";
import { type Judged, RecordCache, splitDue } from "../../../core/store/driver.ts";
import { ServerTime } from "../../../core/store/server-time.ts";
import { together } from "../../../core/store/together.ts";
import type { FlowError } from "../../../errors/index.ts";
import type { Documents, RegistryCollection } from "../format/documents.ts";
import { headOnly, oneOf, type Revised, type TaskDocument } from "../format/records.ts";
import { isDuplicate, translated, unavailable, worthRepeating } from "./errors.ts";
import { type Collections, checkLayout, migrate } from "./layout.ts";

export interface SessionOptions {
  readonly collections: Collections;
  readonly migrate: boolean;
  readonly redact: (text: string) => string;
  /** Closes the client if the store owns it. */
  readonly disconnect: () => Promise<void>;
}

/** A document with the server's time at which it was read, in ms. */
export interface Read<TDocument> {
  readonly doc: TDocument;
  readonly now: number;
}

type Name = keyof Documents;
type Listed = "tasks" | RegistryCollection;
type Wanted<TName extends Name> = Filter<Documents[TName]>;

interface Listing extends PageRequest {
  readonly filters: readonly Document[];
  readonly projection?: Document;
}

interface ByTime {
  readonly field: string;
  readonly limit: number;
  /** The projection, besides the field. */
  readonly fields?: Document;
}

/** How often a request is made whose answer is lost. */
const tries = 4;
const firstDelayMs = 5;

/** Earlier than every stored time: matches the documents that have the field, by its sparse index. */
export const earliestTime = new Date(0);

/** Sorts after all order keys. */
const lastOrderKey = "~";
const orderKeyFormat = /^[\da-z]{9}-[\da-z]{8}-[\da-f]{8}$/;

/** One store's use of a database, from `open` to `close`. */
export class Session {
  readonly #options: SessionOptions;
  #state: "not open yet" | "open" | "closed" = "not open yet";
  readonly #name = randomBytes(4).toString("hex");
  #orderKeys = 0;
  /**
   * By claim, the last write of this process to a shard that it has claimed. It saves the read before the next write,
   * which fails if the shard has changed since, and is not used for any other decision.
   */
  readonly written = new RecordCache<{ readonly rev: string; readonly record: ShardRecord }>(10_000);
  /** By task, whether it was paused when this process last read it. */
  readonly heads = new RecordCache<{ readonly paused: boolean; readonly readAt: number }>(10_000);
  readonly #serverTime = new ServerTime();

  /** A task's document without the fields that may be large. */
  readonly readHead = together((ids: readonly string[]) => this.#headsOf(ids), "waits for the turn");

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.connect();
    const isCurrent = await this.run((collections) =>
      checkLayout(collections, { missingIsFine: this.#options.migrate }),
    );
    if (!isCurrent) await this.migrate();
  }

  async migrate(): Promise<void> {
    this.connect();
    await this.run(migrate);
  }

  async close(): Promise<void> {
    if (this.#state === "closed") return;
    this.#state = "closed";
    await this.#options.disconnect();
  }

  /** Allows requests, whatever the layout. */
  connect(): void {
    if (this.#state === "closed") throw this.#notOpen();
    this.#state = "open";
  }

  #notOpen(): FlowError {
    return unavailable(`this MongoDB store is ${this.#state}`, { retryable: true });
  }

  /**
   * Makes a request, which must be safe to repeat: it is repeated if its answer is lost. `again`: an earlier one may
   * have taken effect.
   */
  async run<T>(request: (collections: Collections, again: boolean) => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      if (this.#state !== "open") throw this.#notOpen();
      try {
        return await request(this.#options.collections, tried > 1);
      } catch (error) {
        if (this.#state !== "open") throw this.#notOpen();
        if (tried === tries || !worthRepeating(error)) throw translated(error, this.#options.redact);
        await sleep(firstDelayMs * 2 ** tried);
      }
    }
  }

  /** The collection's name in the database. */
  nameOf(name: Name): string {
    return this.#options.collections[name].collectionName;
  }

  find<TName extends Name>(from: TName, filter: Wanted<TName>, options: FindOptions = {}): Promise<Documents[TName][]> {
    return this.run((collections) => collections[from].find<Documents[TName]>(filter, options).toArray());
  }

  async findOne<TName extends Name>(from: TName, filter: Wanted<TName>, options: FindOptions = {}) {
    const found = await this.run((collections) => collections[from].findOne<Documents[TName]>(filter, options));
    return found ?? undefined;
  }

  /**
   * A page of the documents that match any of the filters, from the newest on. Each filter is a separate query, along
   * an index: a single query for all of them would sort the collection.
   */
  async newest<TName extends Listed, TItem>(
    from: TName,
    { cursor, limit, filters, projection }: Listing,
    toItem: (row: Read<Documents[TName]>) => TItem,
  ): Promise<Page<TItem>> {
    if (cursor !== undefined && !orderKeyFormat.test(cursor)) throw invalidCursor(cursor);
    const end = [
      { $sort: { list_order: -1 } },
      { $limit: limit + 1 },
      ...(projection ? [{ $project: projection }] : []),
    ];
    const matches = filters.map((filter) => ({ $match: { list_order: { $lt: cursor ?? lastOrderKey }, ...filter } }));
    const found = (await Promise.all(matches.map((match) => this.timed(from, [match, ...end])))).flat();
    found.sort((a, b) => (a.doc.list_order < b.doc.list_order ? 1 : -1));
    const items = found.slice(0, limit).map(toItem);
    const last = found[limit - 1];
    return found.length > limit && last !== undefined ? { items, cursor: last.doc.list_order } : { items };
  }

  /** False: another document has the unique key. `isInserted`: whether a request whose answer was lost has taken effect. */
  insert(
    request: (collections: Collections) => Promise<unknown>,
    isInserted: (collections: Collections) => Promise<boolean> = async () => false,
  ): Promise<boolean> {
    return this.run(async (collections, again) => {
      try {
        await request(collections);
        return true;
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        return again && isInserted(collections);
      }
    });
  }

  /** Updates the document that matches. An update whose answer was lost is recognized by the `mark` that it set. */
  updateOnce<TName extends Name>(
    from: TName,
    filter: Wanted<TName>,
    { update, mark }: { readonly update: UpdateFilter<Documents[TName]>; readonly mark: Wanted<TName> },
  ): Promise<boolean> {
    return this.run(async (collections, again) => {
      const { modifiedCount } = await collections[from].updateOne(filter, update);
      return modifiedCount === 1 || (again && (await collections[from].countDocuments(mark, { limit: 1 })) === 1);
    });
  }

  /** Reads documents with the server's time. */
  async timed<TName extends Name>(from: TName, stages: readonly Document[]): Promise<Read<Documents[TName]>[]> {
    const sentAt = performance.now();
    const timed = [...stages, { $project: { _id: 0, doc: "$$ROOT", now: "$$NOW" } }];
    const rows = await this.run((collections) =>
      collections[from].aggregate<{ doc: Documents[TName]; now: Date }>(timed).toArray(),
    );
    if (rows[0] !== undefined) this.#serverTime.learn(rows[0].now.getTime(), sentAt);
    return rows.map(({ doc, now }) => ({ doc, now: now.getTime() }));
  }

  async #headsOf(ids: readonly string[]): Promise<readonly (Read<TaskDocument> | undefined)[]> {
    const rows = await this.timed("tasks", [{ $match: { _id: oneOf([...new Set(ids)]) } }, { $project: headOnly }]);
    const found = new Map(rows.map((row) => [row.doc._id, row]));
    return ids.map((id) => found.get(id));
  }

  /** The server's time, or slightly later; `undefined` if no read has returned it for a while. */
  get time(): number | undefined {
    return this.#serverTime.now;
  }

  /** The documents with the earliest times `at` in a field. */
  async earliest<TName extends Name>(from: TName, { field, limit, fields }: ByTime) {
    const rows = await this.timed(from, [
      { $match: { [field]: { $gt: earliestTime } } },
      { $sort: { [field]: 1 } },
      { $limit: limit },
      { $project: { ...fields, [field]: 1 } },
    ]);
    return rows.map((row) => ({ ...row, at: (row.doc as Document)[field].getTime() as number }));
  }

  /** Up to `limit` documents that are due, and in how many ms the next one is due. */
  async due<TName extends Name, TItem>(from: TName, by: ByTime, toItem: (document: Documents[TName]) => TItem) {
    const rows = await this.earliest(from, { ...by, limit: by.limit + 1 });
    const { due, nextInMs } = splitDue(rows, by.limit, rows[0]?.now ?? 0);
    return { due: due.map(({ doc }) => toItem(doc)), nextInMs };
  }

  /** The server's time, in ms. */
  async now(): Promise<number> {
    const [row] = await this.timed("layout", [{ $match: { _id: "layout" } }]);
    if (row !== undefined) return row.now;
    throw unavailable("this MongoDB database was emptied while in use", { retryable: false });
  }

  /** Sorts by time, and within a millisecond by creation in this store; keys of two stores have no order within a millisecond. */
  orderKey(now: number): string {
    return `${base36(now, 9)}-${base36(this.#orderKeys++, 8)}-${this.#name}`;
  }
}

const base36 = (value: number, width: number): string => Math.trunc(value).toString(36).padStart(width, "0");

export type Judging<TAnswer, TNext> = Judged<TAnswer, TNext> | Promise<Judged<TAnswer, TNext>>;

const longestDelayMs = 64;

/**
 * Reads a document, judges it, and writes if it has not changed since; otherwise starts over.
 *
 * Deadlines are computed and judged by the server's time of the read: one that has passed stays passed, and a new one
 * is slightly early, never late. A write whose answer was lost is recognized by the revision that it set.
 */
export async function compareAndSet<TRead extends Read<Revised>, TNext, TAnswer>(steps: {
  read(): Promise<TRead | undefined>;
  judge(found: TRead | undefined): Judging<TAnswer, TNext>;
  /** Resolves with whether it was written. */
  write(next: TNext, over: { readonly found: TRead; readonly rev: string }): Promise<boolean>;
  /** Called if none was found; without it, nothing is written in that case. */
  insert?(next: TNext, rev: string): Promise<boolean>;
  /** Replaces the first read. May be out of date, provided that the judge then writes. */
  readonly known?: TRead | undefined;
}): Promise<TAnswer> {
  let tried: { readonly rev: string; readonly answer: TAnswer } | undefined;
  for (let round = 0; ; round++) {
    const found = (round === 0 ? steps.known : undefined) ?? (await steps.read());
    if (tried !== undefined && found?.doc.rev === tried.rev) return tried.answer;
    const { answer, next } = await steps.judge(found);
    if (next === undefined || (found === undefined && steps.insert === undefined)) return answer;
    const rev = randomUUID();
    if (await (found === undefined ? steps.insert?.(next, rev) : steps.write(next, { found, rev }))) return answer;
    tried = { rev, answer };
    // Another process has written, or a majority does not have the write yet.
    await sleep(Math.random() * Math.min(longestDelayMs, 2 ** round));
  }
}
