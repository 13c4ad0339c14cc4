import type { Store } from "../../core/ports/index.ts";
import type { StoreDriver } from "../../core/store/driver.ts";
import { RecordStore } from "../../core/store/record-store.ts";
import { MongoLogs } from "./driver/logs.ts";
import { MongoDeadLetters, MongoSlots, MongoWorkers } from "./driver/registry.ts";
import { Session } from "./driver/session.ts";
import { MongoShards } from "./driver/shards.ts";
import { MongoTasks } from "./driver/tasks.ts";
import { ExternalArtifacts } from "./external/external-artifacts.ts";
import { PlainArtifacts } from "./external/plain-artifacts.ts";
import { type CheckedOptions, checkedOptions, type MongoStoreOptions } from "./options.ts";

export interface MongoStore extends Store {
  /**
   * Creates the collections and indexes that are missing; to be called again, and by several processes, as one likes.
   *
   * @throws FlowError `STORE_UNAVAILABLE`, and `STORE_VERSION` for a database of a newer layout
   */
  migrate(): Promise<void>;
}

/**
 * A store in a MongoDB database, for any number of processes on any number of machines. It needs no transactions, so a
 * single server will do; deadlines are made and judged by the server's clock.
 *
 * @example
 * await using engine = await createEngine({ handlers: etl.handlers, store: mongoStore({ url: "mongodb://db/flowkit" }) })
 *
 * @throws FlowError `ENGINE_OPTIONS`; from `open`: `STORE_UNAVAILABLE`, and `STORE_VERSION` for a database of a newer
 *   layout, or without indexes when it may not create them
 */
export function mongoStore(options: MongoStoreOptions): MongoStore {
  const checked = checkedOptions(options);
  const session = new Session(checked.session);
  const store = new RecordStore(mongoDriver(session, checked));
  return Object.assign(store, { migrate: () => session.migrate() });
}

function mongoDriver(session: Session, options: CheckedOptions): StoreDriver {
  const tasks = new MongoTasks(session, { keptMs: options.keepEndedMs });
  const shards: MongoShards = new MongoShards(session, (ref, generation) => logs.length(ref, generation));
  const logs = new MongoLogs(session, shards);
  // Other programs know the collections by their own names.
  const hasTheirNames = options.session.prefix === "";
  return {
    tasks,
    shards,
    logs,
    slots: new MongoSlots(session),
    workers: new MongoWorkers(session),
    deadLetters: new MongoDeadLetters(session, { keptMs: options.keepDeadLettersMs }),
    externalRows: hasTheirNames ? new ExternalArtifacts(session, { shards, logs }) : undefined,
    plainRows: hasTheirNames ? new PlainArtifacts(session) : undefined,
    open: () => session.open(),
    /** Nothing to do: what was acknowledged is on a majority of the servers. */
    settle: async () => session.check(),
    async close() {
      await session.close();
      await tasks.settled();
    },
  };
}
