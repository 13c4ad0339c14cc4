import { expect, onTestFinished } from "vitest";
import { encode } from "../../src/adapters/kafka/wire/codec.ts";
import { MemoryState, type MemoryStoreEvent, memoryBus, memoryStore } from "../../src/adapters/memory/index.ts";
import type { Artifact, ShardRecord } from "../../src/core/model/records.ts";
import type { Bus, Store } from "../../src/core/ports/index.ts";
import type { HandlerDefinition } from "../../src/definitions/index.ts";
import { createEngine, type Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/options.ts";
import { FlowError } from "../../src/errors/index.ts";
import { type LoggedLine, RecordingLogger } from "./recording-logger.ts";

/** A bus that outlives its engines, like a broker. */
export function sharedBus(bus: Bus = memoryBus()): Bus {
  return {
    publish: (topic, key, message) => bus.publish(topic, key, message),
    subscribe: (options) => bus.subscribe(options),
    close: async () => {},
  };
}

/** Makes a bus reject larger messages. */
export function carryAtMost(bus: Bus, bytes: number): void {
  const { publish } = bus;
  bus.publish = async (topic, key, message) => {
    const { byteLength } = encode(message, { corrId: "c", sentAt: 0 }).value;
    if (byteLength > bytes) throw new FlowError("MESSAGE_TOO_LARGE", `${byteLength} bytes are too many`);
    await publish(topic, key, message);
  };
}

export interface TestEngineOptions extends Omit<EngineOptions, "handlers" | "logger"> {
  /** Whether the engine is expected to log errors. */
  readonly mayLogErrors?: boolean;
}

/** Disables periodic polling, so that a lost wake-up makes the test hang. */
export const noTicks = { tickMs: 3_600_000 } as const;

export interface TestEngine {
  readonly engine: Engine;
  readonly state: MemoryState;
  readonly store: Store;
  readonly logged: readonly LoggedLine[];
  /** The store's events in order; only if the engine created its own store. */
  readonly writes: readonly MemoryStoreEvent[];
  record(taskId: string, nodeId: string, shard?: number): Promise<ShardRecord>;
  /** The artifacts of the shard's current generation. */
  artifacts(taskId: string, nodeId: string, shard?: number): Promise<readonly Artifact[]>;
}

/**
 * An engine that is stopped at the end of the test and fails it if it logged an error. No task is swept after its first
 * sweep.
 */
export async function testEngine(
  handlers: readonly HandlerDefinition[],
  options: TestEngineOptions & { readonly state?: MemoryState } = {},
): Promise<TestEngine> {
  const { mayLogErrors = false, state = new MemoryState(), ...engineOptions } = options;
  const logger = new RecordingLogger();
  const writes: MemoryStoreEvent[] = [];
  const observe = (event: MemoryStoreEvent) => {
    if (event.kind !== "entry") writes.push(event); // workers announce themselves at any time
  };
  const store = options.store ?? memoryStore({ state, observe });
  const reader = memoryStore({ state });
  const engine = await createEngine({ tickMs: 20, sweepMs: 3_600_000, ...engineOptions, handlers, logger, store });
  onTestFinished(async () => {
    await engine.stop({ graceMs: 0 });
    if (!mayLogErrors) expect(logger.engineErrors).toEqual([]);
  });
  return {
    engine,
    state,
    store: reader,
    logged: logger.lines,
    writes,
    record: (taskId, nodeId, shard = 0) => recordOf(reader, taskId, nodeId, shard),
    async artifacts(taskId, nodeId, shard = 0) {
      const { generation } = await recordOf(reader, taskId, nodeId, shard);
      return reader.readArtifacts({ taskId, nodeId, shard }, generation, 0, Number.MAX_SAFE_INTEGER);
    },
  };
}

async function recordOf(store: Store, taskId: string, nodeId: string, shard: number): Promise<ShardRecord> {
  const record = (await store.readShards(taskId, [nodeId])).find((each) => each.shard === shard);
  if (record === undefined) throw new Error(`node ${nodeId} has no shard ${shard}`);
  return record;
}
