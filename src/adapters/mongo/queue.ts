import type { EpochRef } from "../../core/model/records.ts";
import type { QueuedRef, Store } from "../../core/ports/index.ts";
import type { NodeDocument } from "./documents.ts";
import { refOf } from "./shard-documents.ts";
import type { StoreParts } from "./store-parts.ts";

const none: ReadonlySet<string> = new Set();
const ever = new Date(0);
const refOnly = { task_id: 1, node_id: 1, shard: 1, attempt_epoch: 1, type: 1 } as const;

type RefFields = Pick<NodeDocument, keyof typeof refOnly>;

/** What looks for shards whose time has come. */
export class Queue {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  async peek(...[types, limit, except = none, only]: Parameters<Store["peekQueue"]>): Promise<QueuedRef[]> {
    if (types.length === 0) return [];
    const tasks = {
      ...(except.size === 0 ? {} : { $nin: [...except] }),
      ...(only === undefined ? {} : { $in: [...only] }),
    };
    const docs = await this.#parts.session.ask(({ nodes }) =>
      nodes
        .find(
          {
            status: "queued",
            // Servers go along the index for each type, and merge.
            type: types.length === 1 ? types[0] : { $in: [...types] },
            ...(Object.keys(tasks).length === 0 ? {} : { task_id: tasks }),
          } as object,
          { projection: refOnly },
        )
        .sort({ priority: -1, ready_at: 1, queue_order: 1 })
        .limit(limit)
        .toArray(),
    );
    return docs.map((doc) => ({ ...epochRefOf(doc), type: doc.type }));
  }

  async expired(limit: number): Promise<EpochRef[]> {
    return (await this.#by("expires_at", limit)).filter(({ inMs }) => inMs <= 0).map(({ ref }) => ref);
  }

  async dueDeferred(limit: number): ReturnType<Store["dueDeferred"]> {
    const rows = await this.#by("next_retry_at", limit + 1);
    const due = rows.slice(0, limit).filter(({ inMs }) => inMs <= 0);
    const next = rows[due.length];
    return { due: due.map(({ ref }) => ref), nextInMs: next && Math.max(0, next.inMs) };
  }

  async #by(field: "expires_at" | "next_retry_at", limit: number) {
    const rows = await this.#parts.session.timed<RefFields & Pick<NodeDocument, typeof field>>("nodes", {
      stages: [
        { $match: { [field]: { $gt: ever } } },
        { $sort: { [field]: 1 } },
        { $limit: limit },
        { $project: { ...refOnly, [field]: 1 } },
      ],
    });
    return rows.map(({ doc, now }) => ({ ref: epochRefOf(doc), inMs: (doc[field]?.getTime() ?? 0) - now }));
  }
}

const epochRefOf = (doc: RefFields): EpochRef => ({ ...refOf(doc), epoch: doc.attempt_epoch });
