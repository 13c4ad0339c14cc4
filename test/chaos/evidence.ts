import { type Collection, MongoClient } from "mongodb";
import { type ArtifactDocument, artifactOf } from "../../src/adapters/mongo/format/documents.ts";
import { type NodeDocument, refFields, shardRecords } from "../../src/adapters/mongo/format/records.ts";
import type { Artifact, ShardRecord, TaskRecord, TaskStatus, VarsRecord } from "../../src/core/model/records.ts";
import type { Store } from "../../src/core/ports/index.ts";
import type { TaskView } from "../../src/testing/checks/control-checks.ts";
import type { FinishedShard } from "../../src/testing/checks/reference.ts";
import { externalNodes, externalSources } from "./external-nodes.ts";

/** One row of an artifact log, in any generation. */
export interface LogRow {
  readonly nodeId: string;
  readonly shard: number;
  readonly generation: number;
  readonly artifact: Artifact;
  readonly isMarker: boolean;
  /** Server time of its fence read, in ms; `undefined` for rows of external workers, which may overwrite it. */
  readonly fenceReadAt: number | undefined;
  /** It is in the log of the original task. */
  readonly isAdopted: boolean;
  /** Its name for external workers. */
  readonly batchUid: string;
}

/** Everything in the database about an ended task. */
export interface TaskEvidence {
  readonly task: TaskRecord;
  readonly vars: VarsRecord;
  readonly shards: readonly ShardRecord[];
  readonly rows: readonly LogRow[];
}

/** The shards of a node, with the entries of their last logs. */
export const shardsOf =
  ({ shards, rows }: Pick<TaskEvidence, "shards" | "rows">) =>
  (nodeId: string): FinishedShard[] =>
    shards
      .filter((record) => record.nodeId === nodeId)
      .toSorted((a, b) => a.shard - b.shard)
      .map((record) => ({
        record,
        artifacts: rows
          .filter(({ nodeId: id, shard }) => id === nodeId && shard === record.shard)
          .filter(({ generation, isMarker }) => generation === record.generation && !isMarker)
          .map(({ artifact }) => artifact)
          .toSorted((a, b) => a.seq - b.seq),
      }));

/**
 * The task as it was at this time of the server, as far as that is known: a log contains the entries that it may have
 * had then, and that of an earlier generation may be anything.
 */
export function viewAt({ task, shards, rows }: TaskEvidence, at = Number.POSITIVE_INFINITY): TaskView {
  const get = (nodeId: string) => ({
    shards: shards
      .filter((record) => record.nodeId === nodeId)
      .flatMap((whole) => {
        const record = recordAt(whole, at);
        const isIn = (row: LogRow) => row.nodeId === nodeId && row.shard === whole.shard && !row.isMarker;
        const length = rows.filter((row) => isIn(row) && (row.fenceReadAt ?? 0) <= at).length;
        const log = { length: whole.generation > 0 ? Number.POSITIVE_INFINITY : length };
        return record === undefined ? [] : [{ record, logs: [log] }];
      }),
  });
  return { record: task, nodes: { get } };
}

function recordAt(record: ShardRecord, at: number): ShardRecord | undefined {
  if (at === Number.POSITIVE_INFINITY) return record;
  const { history, count, ...rest } = record;
  const known = history.filter((entry) => entry.at <= at);
  const status = known.at(-1)?.to ?? history[0]?.from ?? "absent";
  if (status === "absent") return undefined;
  const isClosed = status !== "failed" || known.some(({ cause }) => cause === "close");
  return { ...rest, history: known, status, ...(isClosed && count !== undefined ? { count } : {}) };
}

/** A sampled record. */
export interface Seen {
  readonly id: string;
  readonly taskId: string;
  readonly status: string;
  /** For a child task, its parent. */
  readonly parentId?: string;
  /** For a task, its idempotency key. */
  readonly key?: string;
  /** Numbers that never decrease. */
  readonly numbers: Readonly<Record<string, number>>;
}

interface SampledTask {
  readonly _id: string;
  readonly status: TaskStatus;
  readonly parent?: { readonly task_id: string };
  readonly idempotency_key?: string;
}

/** Reads documents directly, bypassing the store. */
export class Evidence {
  readonly #client: MongoClient;
  readonly #store: Store;
  readonly #database: string;

  constructor(options: { readonly url: string; readonly database: string; readonly store: Store }) {
    this.#client = new MongoClient(options.url, { serverSelectionTimeoutMS: 5_000 });
    this.#store = options.store;
    this.#database = options.database;
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** All current tasks and shards; not a consistent snapshot. */
  async sample(): Promise<readonly Seen[]> {
    const tasks = await this.#collection<SampledTask>("tasks")
      .find({}, { projection: { status: 1, "parent.task_id": 1, idempotency_key: 1 } })
      .toArray();
    const numbers = ["attempt_epoch", "generation", "failures", "lost", "yields"] as const;
    const shards = await this.#collection<{ _id: string; task_id: string; status: string } & Record<string, number>>(
      "nodes",
    )
      .find({}, { projection: { task_id: 1, status: 1, ...Object.fromEntries(numbers.map((name) => [name, 1])) } })
      .toArray();
    return [
      ...tasks.map(({ _id, status, parent, idempotency_key: key }) => ({
        ...{ id: `task ${_id}`, taskId: _id, status, numbers: {} },
        ...(parent === undefined ? {} : { parentId: parent.task_id }),
        ...(key === undefined ? {} : { key }),
      })),
      ...shards.map((doc) => ({
        id: `shard ${doc._id}`,
        taskId: doc.task_id,
        status: doc.status,
        numbers: Object.fromEntries(numbers.map((name) => [name, doc[name] ?? 0])),
      })),
    ];
  }

  /** The ended child tasks of a task, nearest first. */
  async ofChildren(id: string): Promise<readonly TaskEvidence[]> {
    const ended = { "parent.task_id": id, status: { $in: ["finished", "failed", "cancelled"] } } as object;
    const ids = await this.#collection("tasks")
      .find(ended, { projection: { _id: 1 } })
      .toArray();
    const own = await Promise.all(ids.map(({ _id }) => this.ofTask(_id)));
    return [...own, ...(await Promise.all(own.map(({ task }) => this.ofChildren(task.id)))).flat()];
  }

  async ofTask(id: string): Promise<TaskEvidence> {
    const task = await this.#store.readTask(id);
    const vars = await this.#store.readVars(id);
    if (task === undefined || vars === undefined) throw new Error(`task ${id} is missing`);
    const docs = await this.#collection<NodeDocument>("nodes").find({ task_id: id }).toArray();
    const shards = docs.map(shardRecords.toRecord);
    const external = externalNodes(task.graph);
    const untimed = new Set(external.flatMap((node) => [node.node_id, ...externalSources(node)]));
    const own = (await this.#rows({ task_id: id })).map((doc) => rowOf(doc, { untimed, isAdopted: false }));
    const adopted = shards.flatMap(({ artifactsOf, nodeId, shard, generation }) =>
      artifactsOf === undefined ? [] : [{ artifactsOf, nodeId, shard, generation }],
    );
    const borrowed = adopted.map(async ({ artifactsOf, nodeId, shard, generation }) => {
      const rows = await this.#rows({ ...refFields(artifactsOf), generation });
      return rows.map((doc) => ({ ...rowOf(doc, { untimed, isAdopted: true }), nodeId, shard }));
    });
    return { task, vars, shards, rows: [...own, ...(await Promise.all(borrowed)).flat()] };
  }

  /** Excludes rows of external workers that never became part of a log. */
  #rows(of: object): Promise<ArtifactDocument[]> {
    const found = this.#collection<ArtifactDocument>("artifacts").find({ ...of, seq: { $exists: true } } as object);
    return found.toArray() as Promise<ArtifactDocument[]>;
  }

  /** Remaining shards and used slots. */
  async leftovers(): Promise<readonly string[]> {
    const shards = (await this.sample()).map(({ id, status }) => `${id}, ${status}`);
    const slots = (await this.#store.heldSlots()).map(
      ({ key, holder }) => `slot ${key} of ${holder.taskId}:${holder.nodeId} at epoch ${holder.epoch}`,
    );
    return [...shards, ...slots];
  }

  #collection<T extends { _id: string }>(name: string): Collection<T> {
    return this.#client.db(this.#database).collection<T>(name);
  }
}

const rowOf = (
  doc: ArtifactDocument,
  { untimed, isAdopted }: { readonly untimed: ReadonlySet<string>; readonly isAdopted: boolean },
): LogRow => ({
  nodeId: doc.node_id,
  shard: doc.shard,
  generation: doc.generation,
  artifact: artifactOf(doc),
  isMarker: doc.status === "complete",
  fenceReadAt: untimed.has(doc.node_id) ? undefined : doc.created_at.getTime(),
  isAdopted,
  batchUid: doc.batch_uid,
});
