import { setTimeout as sleep } from "node:timers/promises";
import type { Document, MongoClient } from "mongodb";
import { type Collections, checkLayout, collectionsOf, migrate } from "./layout.ts";
import { isPassing, storeUnavailable, translated } from "./mongo-error.ts";

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

/** How often a request is made, when its answer gets lost. */
const tries = 4;
const firstDelayMs = 5;

/** One store's use of a database, from its `open` to its `close`. */
export class Session {
  readonly #options: SessionOptions;
  #collections: Collections | undefined;
  #closed = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    if (this.#closed) throw unavailable("closed");
    const { client, database, prefix, timeoutMs } = this.#options;
    this.#collections = collectionsOf(client.db(database), { prefix, timeoutMs });
    const isCurrent = await this.ask((collections) =>
      checkLayout(collections, { missingIsFine: this.#options.migrate }),
    );
    if (!isCurrent) await this.migrate();
  }

  /** Uses a database that is another program's: creates nothing in it, and expects nothing. */
  async openAsGuest(): Promise<void> {
    if (this.#closed) throw unavailable("closed");
    const { client, database, prefix, timeoutMs } = this.#options;
    this.#collections = collectionsOf(client.db(database), { prefix, timeoutMs });
    await this.ask(({ artifacts }) => artifacts.findOne({}, { projection: { _id: 1 } }));
  }

  /** @throws FlowError `STORE_UNAVAILABLE` unless it is open */
  check(): void {
    this.#use();
  }

  async migrate(): Promise<void> {
    const { client, database, prefix, timeoutMs } = this.#options;
    this.#collections ??= collectionsOf(client.db(database), { prefix, timeoutMs });
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

  /** Reads documents together with the server's time. */
  async timed<TDocument>(
    from: keyof Collections,
    read: { readonly stages: readonly Document[]; readonly hint?: string },
  ): Promise<readonly { readonly doc: TDocument; readonly now: number }[]> {
    const stages = [...read.stages, { $project: { _id: 0, doc: "$$ROOT", now: "$$NOW" } }];
    const rows = await this.ask((collections) =>
      collections[from]
        .aggregate<{ doc: TDocument; now: Date }>(stages, read.hint === undefined ? {} : { hint: read.hint })
        .toArray(),
    );
    return rows.map(({ doc, now }) => ({ doc, now: now.getTime() }));
  }

  /** The server's clock, in ms. */
  async now(): Promise<number> {
    const [row] = await this.timed("layout", { stages: [{ $match: { _id: "layout" } }] });
    if (row === undefined)
      throw storeUnavailable("this MongoDB database was emptied while in use", { retryable: false });
    return row.now;
  }

  #use(): Collections {
    if (this.#closed) throw unavailable("closed");
    if (this.#collections === undefined) throw unavailable("not open yet");
    return this.#collections;
  }
}

const hasWaited = new Set(["MongoServerSelectionError", "MongoOperationTimeoutError"]);

const unavailable = (state: string) => storeUnavailable(`this MongoDB store is ${state}`, { retryable: true });
