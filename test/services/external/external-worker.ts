import { randomUUID } from "node:crypto";
import type { Db, Document } from "mongodb";
import { onTestFinished } from "vitest";
import { type Envelope, listen, makeTopics, openSender, type Sender } from "./plain-kafka.ts";

const leaseMs = 60_000;

/** An attempt of an external worker: the command, its messages, and the rows that it reads and writes. */
export class ExternalAttempt {
  readonly command: Envelope;
  readonly leaseId = randomUUID();
  readonly #worker: ExternalWorker;

  constructor(worker: ExternalWorker, command: Envelope) {
    this.#worker = worker;
    this.command = command;
  }

  get epoch(): number {
    return this.command.attempt_epoch;
  }

  /** `input_inline` of the command. */
  get input(): Readonly<Record<string, unknown>> {
    return this.command.payload.input_inline as Readonly<Record<string, unknown>>;
  }

  accept(leaseForMs = leaseMs): Promise<void> {
    return this.say({ kind: "TASK_ACCEPTED", ...this.#lease(leaseForMs) });
  }

  heartbeat(leaseForMs = leaseMs): Promise<void> {
    return this.say({ kind: "TASK_HEARTBEAT", ...this.#lease(leaseForMs) });
  }

  /** The batches of its complete sources as such a worker reads them: oldest first, at most 200. */
  async read(): Promise<Document[]> {
    const { from_nodes } = this.input.input_args as { from_nodes: string[] };
    const { task_id } = this.command;
    const all: Document[] = [];
    for (const node_id of from_nodes) {
      const complete = await this.#worker.db.collection("artifacts").findOne({ task_id, node_id, status: "complete" });
      if (complete === null) throw new Error(`${node_id} has no complete marker`);
      const rows = await this.#worker.db
        .collection("artifacts")
        .find({ task_id, node_id, status: "partial" })
        .sort({ created_at: 1 })
        .limit(200)
        .toArray();
      all.push(...rows);
    }
    return all;
  }

  /** Writes a row as such a worker does: by (task, node, batch), with the output of the batch as its meta. */
  async store(batch_uid: string, meta: Document): Promise<void> {
    const { task_id, node_id } = this.command;
    await this.#worker.db.collection("artifacts").updateOne(
      { task_id, node_id, batch_uid },
      {
        $set: { status: "partial", meta, updated_at: new Date() },
        $setOnInsert: { attempt_epoch: this.epoch, worker_id: this.#worker.id, created_at: new Date() },
      },
      { upsert: true },
    );
  }

  batchOk(batch_uid: string, metrics: Document = {}): Promise<void> {
    return this.say({ kind: "BATCH_OK", batch_uid, metrics, artifacts_ref: { batch_uid } });
  }

  async storeAndTell(batch_uid: string, meta: Document): Promise<void> {
    await this.store(batch_uid, meta);
    await this.batchOk(batch_uid, meta);
  }

  async done(metrics: Document = {}): Promise<void> {
    const { task_id, node_id } = this.command;
    await this.#worker.db
      .collection("artifacts")
      .updateOne(
        { task_id, node_id, batch_uid: { $exists: false } },
        { $set: { status: "complete", meta: metrics } },
        { upsert: true },
      );
    await this.say({ kind: "TASK_DONE", metrics, artifacts_ref: {}, final_uid: "__final__" });
  }

  fail(reason_code: string, how: { readonly permanent: boolean; readonly error?: string }): Promise<void> {
    return this.say({ kind: "TASK_FAILED", reason_code, ...how });
  }

  cancelled(reason = "cancelled"): Promise<void> {
    return this.say({ kind: "CANCELLED", reason });
  }

  /** An event about this attempt. */
  say(payload: Document, change: Partial<Envelope> = {}): Promise<void> {
    const { task_id, node_id, step_type, attempt_epoch } = this.command;
    return this.#worker.sender.send(`status.${step_type}.v1`, `${task_id}:${node_id}`, {
      v: 1,
      msg_type: "event",
      role: "worker",
      corr_id: randomUUID(),
      dedup_id: randomUUID(),
      task_id,
      node_id,
      step_type,
      attempt_epoch,
      ts_ms: Date.now(),
      payload: { worker_id: this.#worker.id, ...payload },
      ...change,
    });
  }

  #lease(forMs: number): Document {
    return { lease_id: this.leaseId, lease_deadline_ts_ms: Date.now() + forMs };
  }
}

export type Work = (attempt: ExternalAttempt) => Promise<void>;

/** An external worker in plain calls of the two drivers. */
export class ExternalWorker {
  readonly id: string;
  readonly db: Db;
  readonly sender: Sender;
  /** All received commands. */
  readonly commands: Envelope[] = [];
  /** Attempts that it was asked to stop. */
  readonly cancels: Envelope[] = [];
  readonly #errors: unknown[] = [];

  private constructor(id: string, db: Db, sender: Sender) {
    this.id = id;
    this.db = db;
    this.sender = sender;
  }

  /** Serves a type: `work` is called for each command, one after another. */
  static async open(
    type: string,
    options: { readonly db: Db; readonly work: Work; readonly id?: string },
  ): Promise<ExternalWorker> {
    const { db, work, id = `external-${randomUUID().slice(0, 8)}` } = options;
    await makeTopics([`cmd.${type}.v1`, `status.${type}.v1`, "signals.v1"]);
    const worker = new ExternalWorker(id, db, await openSender());
    await listen("signals.v1", {
      take: (envelope) => void (envelope.target_worker_id === id && worker.cancels.push(envelope)),
    });
    await listen(`cmd.${type}.v1`, {
      group: `external-workers-${type}`,
      take: async (command) => {
        worker.commands.push(command);
        await work(new ExternalAttempt(worker, command)).catch((error: unknown) => void worker.#errors.push(error));
      },
    });
    onTestFinished(() => {
      if (worker.#errors.length > 0) throw worker.#errors[0];
    });
    return worker;
  }
}
