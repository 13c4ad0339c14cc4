import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Producer } from "kafkajs";
import type { Db, Document } from "mongodb";
import { compute } from "../../src/testing/cluster/computation.ts";
import type { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import { type CallRef, type JournalWriter, machineMs } from "./journal.ts";

/** An envelope on the wire. */
export interface Envelope {
  readonly task_id: string;
  readonly node_id: string;
  readonly step_type: string;
  readonly attempt_epoch: number;
  readonly dedup_id: string;
  readonly target_worker_id?: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface Command extends Envelope {
  readonly payload: {
    readonly cmd: "TASK_START";
    readonly input_inline: { readonly input_args: { readonly from_nodes: readonly string[] } };
  };
}

const leaseMs = 5_000;
const heartbeatMs = 1_500;
const pollMs = 150;
const mostPauseMs = 15;
const longestSource = 200;
/** Probabilities per batch. */
const rates = { throws: 0.02, permanent: 0.1, silent: 0.01, repeats: 0.1 } as const;

/** The uid of a batch of such a worker. */
export const externalUid = (source: string, batchUid: string): string => `${source}/${batchUid}`;

/**
 * Executes one command. A failed driver call ends the attempt silently: its lease expires, and another command follows.
 */
export class ExternalAttempt {
  readonly #workerId: string;
  readonly #command: Command;
  readonly #db: Db;
  readonly #producer: Producer;
  readonly #journal: JournalWriter;
  readonly #random: SeededRandom;
  readonly #leaseId = randomUUID();
  readonly #over = new AbortController();
  #isCancelled = false;

  constructor(options: {
    readonly workerId: string;
    readonly command: Command;
    readonly db: Db;
    readonly producer: Producer;
    readonly journal: JournalWriter;
    readonly random: SeededRandom;
  }) {
    this.#workerId = options.workerId;
    this.#command = options.command;
    this.#db = options.db;
    this.#producer = options.producer;
    this.#journal = options.journal;
    this.#random = options.random;
  }

  cancel(): void {
    this.#isCancelled = true;
    this.#over.abort();
  }

  async run(): Promise<void> {
    try {
      await this.#say({ kind: "TASK_ACCEPTED", ...this.#lease() });
      void this.#beat();
      const outcome = await this.#work();
      this.#over.abort();
      await this.#say(this.#isCancelled ? { kind: "CANCELLED", reason: "requested" } : outcome);
    } catch (error) {
      if (this.#isCancelled)
        await this.#say({ kind: "CANCELLED", reason: "requested" }).catch(() => {}); // its lease expires
      else process.stderr.write(`${machineMs()} ${JSON.stringify(this.#ref)} abandoned: ${String(error)}\n`);
    } finally {
      this.#over.abort();
    }
  }

  async #beat(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await sleep(heartbeatMs, undefined, { signal: this.#over.signal }).catch(() => {});
      if (this.#over.signal.aborted) return;
      await this.#say({ kind: "TASK_HEARTBEAT", ...this.#lease() }).catch(() => {}); // the next one may succeed
    }
  }

  /** @returns the message that ends it */
  async #work(): Promise<Document> {
    for (const source of this.#command.payload.input_inline.input_args.from_nodes) {
      for (const { batch_uid, meta } of await this.#read(source)) {
        const failed = await this.#batch(externalUid(source, String(batch_uid)), meta);
        if (failed !== undefined) return failed;
      }
    }
    const { task_id, node_id } = this.#ids;
    await this.#artifacts.updateOne(
      { task_id, node_id, batch_uid: "__complete__" },
      { $set: { status: "complete", meta: {} } },
      { upsert: true },
    );
    return { kind: "TASK_DONE", metrics: { finalized: 1 }, artifacts_ref: {}, final_uid: "__final__" };
  }

  /** The batches of a source, oldest first, once it is complete. */
  async #read(source: string): Promise<Document[]> {
    const of = { task_id: this.#command.task_id, node_id: source };
    while ((await this.#artifacts.findOne({ ...of, status: "complete" })) === null) await this.#pause(pollMs);
    return this.#artifacts
      .find({ ...of, status: "partial" })
      .sort({ created_at: 1 })
      .limit(longestSource)
      .toArray();
  }

  /** @returns the failure message */
  async #batch(uid: string, input: unknown): Promise<Document | undefined> {
    const random = this.#random;
    const { task_id, node_id } = this.#ids;
    this.#journal.write({ kind: "begin", at: machineMs(), ...this.#ref, type: this.#command.step_type, uid });
    await this.#pause(random.int(mostPauseMs));
    if (random.chance(rates.throws)) {
      const permanent = random.chance(rates.permanent);
      const reason_code = permanent ? "broken" : "boom";
      this.#journal.write({ kind: "threw", at: machineMs(), ...this.#ref, code: reason_code });
      return { kind: "TASK_FAILED", reason_code, permanent, error: "as it happens" };
    }
    const meta = compute(node_id, input);
    this.#journal.write({ kind: "end", at: machineMs(), ...this.#ref, type: this.#command.step_type, uid });
    if (random.chance(rates.silent)) await this.#pause(random.int(leaseMs));
    const now = new Date();
    await this.#artifacts.updateOne(
      { task_id, node_id, batch_uid: uid },
      { $set: { status: "partial", meta, updated_at: now }, $setOnInsert: { created_at: now } },
      { upsert: true },
    );
    const words = { kind: "BATCH_OK", batch_uid: uid, metrics: { rows: meta.rows.length }, artifacts_ref: { uid } };
    await this.#say(words);
    if (random.chance(rates.repeats)) await this.#say(words);
    return undefined;
  }

  get #artifacts() {
    return this.#db.collection("artifacts");
  }

  get #ids(): Pick<Envelope, "task_id" | "node_id"> {
    return this.#command;
  }

  get #ref(): CallRef {
    const { task_id, node_id, attempt_epoch } = this.#command;
    return { task: task_id, node: node_id, shard: 0, epoch: attempt_epoch };
  }

  #pause(ms: number): Promise<void> {
    return sleep(ms, undefined, { signal: this.#over.signal });
  }

  #lease(): Document {
    return { lease_id: this.#leaseId, lease_deadline_ts_ms: Date.now() + leaseMs };
  }

  async #say(payload: Document): Promise<void> {
    const { task_id, node_id, step_type, attempt_epoch } = this.#command;
    const event = {
      v: 1,
      msg_type: "event",
      role: "worker",
      corr_id: randomUUID(),
      dedup_id: randomUUID(),
      ...{ task_id, node_id, step_type, attempt_epoch },
      ts_ms: Date.now(),
      payload: { worker_id: this.#workerId, ...payload },
    };
    const messages = [{ key: `${task_id}:${node_id}`, value: JSON.stringify(event) }];
    await this.#producer.send({ topic: `status.${step_type}.v1`, acks: -1, messages });
  }
}
