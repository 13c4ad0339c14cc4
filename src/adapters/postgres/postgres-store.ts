import type { Store } from "../../core/ports/index.ts";
import { RecordStore } from "../../core/store/record-store.ts";
import { Retention } from "../../core/store/retention.ts";
import { checkOptionNames } from "../../graph/format/near-name.ts";
import { Session } from "./database/session.ts";
import { artifactLogs } from "./driver/logs.ts";
import { lookForDue, registryTable, slotTable } from "./driver/registry.ts";
import { shardTable } from "./driver/shards.ts";
import { taskTable } from "./driver/tasks.ts";
import { knownOptions, type PostgresStoreOptions, retentionOf, sessionOptions } from "./options.ts";

const knownStoreOptions: Readonly<Record<keyof PostgresStoreOptions, true>> = {
  ...knownOptions,
  keepEndedSec: true,
  keepDeadLettersSec: true,
};

export interface PostgresStore extends Store {
  /**
   * Creates the schema, tables and indexes that are missing. It may be called repeatedly, and by several processes at once.
   *
   * @throws FlowError `STORE_UNAVAILABLE`, and `STORE_VERSION` for a schema of a newer layout
   */
  migrate(): Promise<void>;
}

/**
 * A store in a PostgreSQL database, for any number of processes on any number of machines. Each change of a record is one
 * statement; deadlines are computed and judged by the server's clock.
 *
 * @example
 * await using engine = await createEngine({ handlers: etl.handlers, store: postgresStore({ url: "postgres://db/shop" }) })
 *
 * @throws FlowError `ENGINE_OPTIONS`; from `open`: `STORE_UNAVAILABLE`, and `STORE_VERSION` for a schema of a newer layout,
 *   or without tables if the store may not create them
 */
export function postgresStore(options: PostgresStoreOptions): PostgresStore {
  checkOptionNames("postgresStore", options ?? {}, knownStoreOptions);
  const session = new Session(sessionOptions("store", options));
  const { keepEndedMs, keepDeadLettersMs } = retentionOf(options);
  const tasks = taskTable(session);
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
    shards: shardTable(session),
    logs: artifactLogs(session),
    slots: slotTable(session),
    registry: registryTable(session),
    keepDeadLettersMs,
    open: () => session.open(),
    /** Nothing to wait for: every acknowledged write is committed. */
    settle: async () => session.check(),
    async close() {
      await session.close();
      await retention.settled();
    },
  });
  return Object.assign(store, { migrate: () => session.migrate() });
}
