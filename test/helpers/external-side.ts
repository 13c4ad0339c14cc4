import { onTestFinished } from "vitest";
import { memoryBus, memoryStore } from "../../src/adapters/memory/index.ts";
import type {
  AttemptEvent,
  CancelMessage,
  Message,
  StatusMessage,
  TaskStartMessage,
} from "../../src/core/messages/messages.ts";
import type { ShardRecord } from "../../src/core/model/records.ts";
import type { Bus, ExternalRows, Store } from "../../src/core/ports/index.ts";
import type { HandlerDefinition } from "../../src/definitions/index.ts";
import { Coordinator, type CoordinatorOwnOptions } from "../../src/engine/coordinator.ts";
import { Worker } from "../../src/engine/worker.ts";
import type { Json } from "../../src/errors/index.ts";
import { sharedBus } from "./engines.ts";
import { RecordingLogger } from "./recording-logger.ts";
import { until } from "./waiting.ts";

/** A store that keeps the rows of external workers in a map until they are stamped. */
export class ExternalStore implements ExternalRows {
  readonly store: Store;
  readonly rows = new Map<string, { readonly meta: Json; readonly epoch: number; readonly workerId: string }>();
  /** The answer of `prepare`. */
  unreadable: Awaited<ReturnType<ExternalRows["prepare"]>>;
  prepared = 0;
  /** Nodes that an external worker has marked as complete. */
  readonly ends = new Set<string>();
  readonly #seqs = new Map<string, number>();

  constructor() {
    this.store = Object.assign(memoryStore(), { externalRows: this, close: async () => {} });
  }

  prepare: ExternalRows["prepare"] = async () => {
    this.prepared++;
    return this.unreadable;
  };

  stamp: ExternalRows["stamp"] = async (attempt, { generation, batchUid: uid }) => {
    const { taskId, nodeId } = attempt;
    const row = this.rows.get(`${taskId}:${nodeId}:${uid}`);
    const key = `${taskId}:${nodeId}:${generation}:${uid}`;
    for (;;) {
      const seq = this.#seqs.get(key);
      if (seq !== undefined) return { seq };
      if (row === undefined) return "missing";
      const { meta } = row;
      const { length } = await this.store.tail(attempt, generation);
      const artifact = { seq: length, uid, origin: { source: "", seq: length, chunk: 0 }, meta, metrics: {} };
      const answer = await this.store.append(attempt, generation, artifact);
      if (answer === "ok") this.#seqs.set(key, length);
      else if (answer === "fenced" || answer === "cancelling") return answer;
    }
  };

  stampRest: ExternalRows["stampRest"] = async (attempt, { generation, workerId }) => {
    const prefix = `${attempt.taskId}:${attempt.nodeId}:`;
    for (const [key, row] of this.rows) {
      if (!key.startsWith(prefix) || row.epoch !== attempt.epoch || row.workerId !== workerId) continue;
      const answer = await this.stamp(attempt, { generation, batchUid: key.slice(prefix.length) });
      if (answer === "fenced" || answer === "cancelling") return answer;
    }
    return "ok";
  };

  removeEnd: ExternalRows["removeEnd"] = async ({ taskId, nodeId }) => {
    this.ends.delete(`${taskId}:${nodeId}`);
  };
}

/** A coordinator and a worker of the engine, and the messages to external workers. */
export class ExternalSide {
  readonly coordinator: Coordinator;
  readonly bus: Bus;
  readonly external = new ExternalStore();
  readonly commands: TaskStartMessage[] = [];
  readonly cancels: CancelMessage[] = [];

  private constructor(coordinator: (side: ExternalSide) => Coordinator) {
    this.bus = sharedBus(memoryBus());
    this.coordinator = coordinator(this);
  }

  static async open(
    handlers: readonly HandlerDefinition[],
    options: Partial<CoordinatorOwnOptions> = {},
  ): Promise<ExternalSide> {
    const logger = new RecordingLogger();
    const side = new ExternalSide(
      ({ bus, external: { store } }) =>
        new Coordinator({
          store,
          bus,
          workerTypes: ["ocr", ...handlers.map(({ name }) => name)],
          externalTypes: ["ocr"],
          logger,
          tickMs: 20,
          ...options,
        }),
    );
    const worker = new Worker({ store: side.external.store, bus: side.bus, handlers, logger });
    onTestFinished(async () => {
      await worker.stop({ graceMs: 0 });
      await side.coordinator.stop({ graceMs: 0 });
    });
    const listen = (topic: string, take: (message: Message) => void) =>
      side.bus.subscribe({ group: `test ${topic}`, topics: [topic], handle: async (message) => take(message) });
    await listen("cmd.ocr.v1", (message) => void (message.kind === "TASK_START" && side.commands.push(message)));
    await listen("signals.v1", (message) => void (message.kind === "CANCEL" && side.cancels.push(message)));
    await side.coordinator.start();
    await worker.start();
    return side;
  }

  /** The command with this number, starting at 1. */
  async command(number: number): Promise<TaskStartMessage> {
    await until(() => this.commands.length >= number, `command ${number}`);
    return this.commands[number - 1] as TaskStartMessage;
  }

  async record(taskId: string, nodeId = "ocr"): Promise<ShardRecord | undefined> {
    return (await this.external.store.readShards(taskId, [nodeId]))[0];
  }

  /** Waits until the shard matches. */
  async reaches(taskId: string, status: ShardRecord["status"]): Promise<void> {
    await until(async () => (await this.record(taskId))?.status === status, status);
  }

  /** A row keeps its first writer. */
  store(command: TaskStartMessage, uid: string, meta: Json, workerId = "w1"): void {
    const key = `${command.taskId}:${command.nodeId}:${uid}`;
    this.external.rows.set(key, { epoch: command.epoch, workerId, ...this.external.rows.get(key), meta });
  }

  /** An event of worker `workerId` about the attempt of this command. */
  say(command: TaskStartMessage, event: AttemptEvent, workerId = "w1"): Promise<void> {
    const { taskId, nodeId, shard, epoch, type } = command;
    const message = { taskId, nodeId, shard, epoch, type, workerId, ...event } as StatusMessage;
    return this.bus.publish(`status.${type}.v1`, `${taskId}:${nodeId}`, message);
  }

  /** An acceptance or a heartbeat with a lease of this many ms, by a clock that is an hour off. */
  lease(
    command: TaskStartMessage,
    kind: "TASK_ACCEPTED" | "TASK_HEARTBEAT",
    how: { readonly workerId?: string; readonly forMs?: number } = {},
  ): Promise<void> {
    const { workerId = "w1", forMs = 60_000 } = how;
    const sentAt = Date.now() - 3_600_000;
    const leaseId = `lease-${workerId}-${command.epoch}`;
    return this.say(command, { kind, leaseId, leaseDeadline: sentAt + forMs, sentAt }, workerId);
  }

  batch(command: TaskStartMessage, uid: string, meta: Json, workerId?: string): Promise<void> {
    this.store(command, uid, meta, workerId);
    return this.say(command, { kind: "BATCH_OK", batchUid: uid, metrics: {}, artifactsRef: { uid } }, workerId);
  }

  done(command: TaskStartMessage, workerId?: string): Promise<void> {
    this.external.ends.add(`${command.taskId}:${command.nodeId}`);
    return this.say(command, { kind: "TASK_DONE", metrics: { pages: 2, lang: "en" } }, workerId);
  }
}
