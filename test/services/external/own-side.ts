import { randomUUID } from "node:crypto";
import { type Db, MongoClient } from "mongodb";
import { expect, inject, onTestFinished } from "vitest";
import { kafkaBus } from "../../../src/adapters/kafka/index.ts";
import { mongoStore } from "../../../src/adapters/mongo/index.ts";
import type { HandlerDefinition } from "../../../src/definitions/index.ts";
import { Coordinator } from "../../../src/engine/coordinator.ts";
import { Worker } from "../../../src/engine/worker.ts";
import { RecordingLogger } from "../../helpers/recording-logger.ts";

/** Unique names of node types, since topics have no prefix here. */
export const ownTypes = (): { readonly read: string; readonly ocr: string; readonly keep: string } => {
  const id = randomUUID().slice(0, 8);
  return { read: `read-${id}`, ocr: `ocr-${id}`, keep: `keep-${id}` };
};

/** A database for this test, since collections have no prefix here. */
export function ownDatabase(): { readonly client: MongoClient; readonly database: string; readonly db: Db } {
  const client = new MongoClient(inject("mongodbUrl"));
  const database = `t-${randomUUID().slice(0, 8)}`;
  onTestFinished(() => client.close());
  return { client, database, db: client.db(database) };
}

export const openKafka = (groupPrefix: string) =>
  kafkaBus({ brokers: inject("kafkaBrokers").split(","), topics: { partitions: 1 }, heartbeatMs: 300, groupPrefix });

export interface OwnSide {
  readonly coordinators: readonly [Coordinator, ...Coordinator[]];
  readonly logger: RecordingLogger;
}

/** Coordinators and a worker of the engine, stopped at the end of the test, which fails if they logged an error. */
export async function ownSide(options: {
  readonly database: string;
  readonly types: readonly string[];
  readonly external: string;
  readonly handlers: readonly HandlerDefinition[];
  readonly coordinators?: number;
  readonly acceptMs?: number;
  readonly maxLostLeases?: number;
}): Promise<OwnSide> {
  const { database, types, external, handlers, coordinators: count = 1, acceptMs, maxLostLeases } = options;
  const url = inject("mongodbUrl");
  const groupPrefix = `g-${randomUUID().slice(0, 8)}`;
  const logger = new RecordingLogger();
  const coordinators = Array.from(
    { length: count },
    () =>
      new Coordinator({
        store: mongoStore({ url, database }),
        bus: openKafka(groupPrefix),
        workerTypes: types,
        externalTypes: [external],
        logger,
        tickMs: 100,
        sweepMs: 2_000,
        ...(acceptMs === undefined ? {} : { externalAcceptMs: acceptMs }),
        ...(maxLostLeases === undefined ? {} : { maxLostLeases }),
      }),
  );
  const worker = new Worker({ store: mongoStore({ url, database }), bus: openKafka(groupPrefix), handlers, logger });
  onTestFinished(async () => {
    await Promise.all([...coordinators, worker].map((each) => each.stop({ graceMs: 0 })));
    expect(logger.engineErrors).toEqual([]);
  });
  await Promise.all([...coordinators, worker].map((each) => each.start()));
  return { coordinators: coordinators as unknown as OwnSide["coordinators"], logger };
}
