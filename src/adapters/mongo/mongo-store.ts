import type { Store } from "../../core/ports/index.ts";
import { RecordStore } from "../../core/store/record-store.ts";
import { Retention } from "../../core/store/retention.ts";
import { Session } from "./database/session.ts";
import { artifactLogs } from "./driver/logs.ts";
import { lookForDue, registryCollections, slotCollection } from "./driver/registry.ts";
import { shardCollection } from "./driver/shards.ts";
import { taskCollection } from "./driver/tasks.ts";
import { ExternalArtifacts } from "./external/external-artifacts.ts";
import { PlainArtifacts } from "./external/plain-artifacts.ts";
import { checkedOptions, type MongoStoreOptions } from "./options.ts";

export interface MongoStore extends Store {
  /**
   * Creates the collections and indexes that are missing. It may be called repeatedly, and by several processes at once.
   *
   * @throws FlowError `STORE_UNAVAILABLE`, and `STORE_VERSION` for a database of a newer layout
   */
  migrate(): Promise<void>;
}

/**
 * A store in a MongoDB database, for any number of processes on any number of machines. It needs no transactions, so a
 * single server suffices; deadlines are computed and judged by the server's clock.
 *
 * @example
 * await using engine = await createEngine({ handlers: etl.handlers, store: mongoStore({ url: "mongodb://db/flowkit" }) })
 *
 * @throws FlowError `ENGINE_OPTIONS`; from `open`: `STORE_UNAVAILABLE`, and `STORE_VERSION` for a database of a newer
 *   layout, or without indexes if the store may not create them
 */
export function mongoStore(options: MongoStoreOptions): MongoStore {
  const { isShared, keepEndedMs, keepDeadLettersMs, ...checked } = checkedOptions(options);
  const session = new Session(checked.session);
  const tasks = taskCollection(session);
  const look = lookForDue(session);
  const retention = new Retention(tasks, keepEndedMs);
  const store = new RecordStore({
    tasks: {
      ...tasks,
      async due(...args) {
        retention.start();
        return tasks.due(...args);
      },
    },
    async lookForDue(aheadMs) {
      retention.start();
      return look(aheadMs);
    },
    shards: shardCollection(session),
    logs: artifactLogs(session),
    slots: slotCollection(session),
    registry: registryCollections(session),
    keepDeadLettersMs,
    externalRows: isShared ? new ExternalArtifacts(session) : undefined,
    plainRows: isShared ? new PlainArtifacts(session) : undefined,
    open: () => session.open(),
    /** Nothing to wait for: every acknowledged write is on a majority of the servers. */
    settle: () => session.run(async () => {}),
    async close() {
      await session.close();
      await retention.settled();
    },
  });
  return Object.assign(store, { migrate: () => session.migrate() });
}
