import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Document, MongoClient } from "mongodb";
import type { Page } from "../../../core/ports/index.ts";
import { isDuplicate, isPassing, storeUnavailable, translated } from "./errors.ts";
import { type Collections, checkLayout, collectionsOf, migrate } from "./layout.ts";

export interface SessionOptions {
  readonly client: MongoClient;
  /** Whether the client is this store's own, to be closed with it. */
  readonly owned: boolean;
  readonly database: string | undefined;
  readonly prefix: string;
  readonly timeoutMs: number;
  readonly migrate: boolean;
  readonly redact: (text: string) => string;
}

/** A document as it was read, with the server's time of that. */
export interface Read<TDocument> {
  readonly doc: TDocument;
  readonly now: number;
}

/** How often a request is made, when its answer gets lost. */
const tries = 4;
const firstDelayMs = 5;

/** One store's use of a database, from its `open` to its `close`. */
export class Session {
  readonly #options: SessionOptions;
  #collections: Collections | undefined;
  #closed = false;
  readonly #name = randomBytes(4).toString("hex");
  #orderKeys = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    this.#connect();
    const isCurrent = await this.ask((collections) =>
      checkLayout(collections, { missingIsFine: this.#options.migrate }),
    );
    if (!isCurrent) await this.migrate();
  }

  /** Uses a database that is another program's: creates nothing in it, and expects nothing. */
  async openAsGuest(): Promise<void> {
    this.#connect();
    await this.ask(({ artifacts }) => artifacts.findOne({}, { projection: { _id: 1 } }));
  }

  /** @throws FlowError `STORE_UNAVAILABLE` unless it is open */
  check(): void {
    this.#use();
  }

  async migrate(): Promise<void> {
    this.#connect();
    await this.ask((collections) => migrate(collections));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#collections = undefined;
    if (this.#options.owned) await this.#options.client.close();
  }

  /**
   * Makes a request, and makes it again when its answer got lost: it must be one that may be repeated. `again` is true
   * when an earlier one may have had its effect.
   */
  async ask<T>(request: (collections: Collections, again: boolean) => Promise<T>): Promise<T> {
    for (let tried = 1; ; tried++) {
      const collections = this.#use();
      try {
        return await request(collections, tried > 1);
      } catch (error) {
        if (this.#closed) throw unavailable("closed");
        // Where a server can't be found, or is too slow, the driver itself has waited long enough.
        const isLost = isPassing(error) && !(error instanceof Error && hasWaited.has(error.name));
        if (!isLost || tried === tries) throw translated(error, this.#options.redact);
        await sleep(firstDelayMs * 2 ** tried);
      }
    }
  }

  /**
   * Makes an insert. False: a unique key is taken, by another one.
   *
   * @param isThere - whether the document is there, asked when an earlier request may have inserted it
   */
  insert(
    request: (collections: Collections) => Promise<unknown>,
    isThere: (collections: Collections) => Promise<boolean> = async () => false,
  ): Promise<boolean> {
    return this.ask(async (collections, again) => {
      try {
        await request(collections);
        return true;
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        return again && isThere(collections);
      }
    });
  }

  /** Reads documents together with the server's time. */
  async timed<TDocument>(from: keyof Collections, stages: readonly Document[]): Promise<readonly Read<TDocument>[]> {
    const timed = [...stages, { $project: { _id: 0, doc: "$$ROOT", now: "$$NOW" } }];
    const rows = await this.ask((collections) =>
      collections[from].aggregate<{ doc: TDocument; now: Date }>(timed).toArray(),
    );
    return rows.map(({ doc, now }) => ({ doc, now: now.getTime() }));
  }

  /** Of the documents that have a time in this field, those with the earliest, with how long it is until then. */
  async earliest<TDocument>(
    from: keyof Collections,
    { field, limit, fields }: { readonly field: string; readonly limit: number; readonly fields?: Document },
  ): Promise<readonly (Read<TDocument> & { readonly inMs: number })[]> {
    const rows = await this.timed<TDocument & { readonly [field: string]: Date }>(from, [
      { $match: { [field]: { $gt: ever } } },
      { $sort: { [field]: 1 } },
      { $limit: limit },
      { $project: { ...fields, [field]: 1 } },
    ]);
    return rows.map(({ doc, now }) => ({ doc, now, inMs: (doc[field]?.getTime() ?? now) - now }));
  }

  /** Of the documents whose time has come, `limit` at most, and in how many ms the next one's comes. */
  async due<TDocument>(
    from: keyof Collections,
    { limit, ...what }: { readonly field: string; readonly limit: number; readonly fields?: Document },
  ): Promise<{ readonly due: readonly TDocument[]; readonly nextInMs: number | undefined }> {
    const rows = await this.earliest<TDocument>(from, { ...what, limit: limit + 1 });
    const due = rows.slice(0, limit).filter(({ inMs }) => inMs <= 0);
    const next = rows[due.length];
    return { due: due.map(({ doc }) => doc), nextInMs: next && Math.max(0, next.inMs) };
  }

  /** The server's clock, in ms. */
  async now(): Promise<number> {
    const [row] = await this.timed("layout", [{ $match: { _id: "layout" } }]);
    if (row === undefined)
      throw storeUnavailable("this MongoDB database was emptied while in use", { retryable: false });
    return row.now;
  }

  /**
   * A key that sorts by time, and within a millisecond by the order in which this store made it. Between two stores such
   * a millisecond has no order.
   */
  orderKey(now: number): string {
    return `${base36(now, 9)}-${base36(this.#orderKeys++, 8)}-${this.#name}`;
  }

  #connect(): void {
    if (this.#closed) throw unavailable("closed");
    const { client, database, prefix, timeoutMs } = this.#options;
    this.#collections ??= collectionsOf(client.db(database), { prefix, timeoutMs });
  }

  #use(): Collections {
    if (this.#closed) throw unavailable("closed");
    if (this.#collections === undefined) throw unavailable("not open yet");
    return this.#collections;
  }
}

/** Sorts after all order keys. */
export const lastOrderKey = "~";

/** Earlier than any time that is set: only what has the field is in its index. */
const ever = new Date(0);

/** A page of what was found, of which there is one more where others follow. */
export function pageOf<TDocument extends { readonly list_order: string }, TItem>(
  found: readonly TDocument[],
  limit: number,
  toItem: (document: TDocument) => TItem,
): Page<TItem> {
  const page = found.slice(0, limit);
  const last = page.at(-1);
  const more = found.length > limit && last !== undefined ? { cursor: last.list_order } : {};
  return { items: page.map(toItem), ...more };
}

const base36 = (value: number, width: number): string => Math.trunc(value).toString(36).padStart(width, "0");

const longestDelayMs = 64;

/**
 * Reads a document, judges, and writes if nobody else has written since; else once more.
 *
 * A deadline that `judge` makes or finds passed is the server's: what had passed when it was read has passed for ever,
 * and a deadline made from then is a little early, never late. A write whose answer got lost is recognised by the
 * revision that it left.
 *
 * @param judge - the answer and, where there is something to write, what resolves with whether it was written
 * @param known - what was read a moment ago, to begin with
 */
export async function compareAndSet<TDocument extends { readonly rev: string }, TAnswer>(
  read: () => Promise<Read<TDocument> | undefined>,
  judge: (found: Read<TDocument> | undefined) => Promise<{
    readonly answer: TAnswer;
    readonly write?: (rev: string) => Promise<boolean>;
  }>,
  known?: Read<TDocument>,
): Promise<TAnswer> {
  let tried: { readonly rev: string; readonly answer: TAnswer } | undefined;
  for (let round = 0; ; round++) {
    const found = round === 0 && known !== undefined ? known : await read();
    if (tried !== undefined && found?.doc.rev === tried.rev) return tried.answer;
    const { answer, write } = await judge(found);
    if (write === undefined) return answer;
    const rev = randomUUID();
    if (await write(rev)) return answer;
    tried = { rev, answer };
    // Others write too, or what was written isn't to be read yet.
    await sleep(Math.random() * Math.min(longestDelayMs, 2 ** round));
  }
}

const hasWaited = new Set(["MongoServerSelectionError", "MongoOperationTimeoutError"]);

const unavailable = (state: string) => storeUnavailable(`this MongoDB store is ${state}`, { retryable: true });
