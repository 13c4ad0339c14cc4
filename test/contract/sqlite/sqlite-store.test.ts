import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SqliteStoreOptions, sqliteStore } from "../../../src/adapters/sqlite/index.ts";
import type { StoreHarness } from "../store/fixture.ts";
import { storeContract } from "../store-contract.ts";

/**
 * Stores on one file, with a clock that only the test advances. The stores of one process share a connection; opened under
 * the file's other name, every second store has another one, as of another process.
 */
async function open(options: SqliteStoreOptions & { readonly names: 1 | 2 }): Promise<StoreHarness> {
  const folder = mkdtempSync(join(tmpdir(), "flowkit-"));
  const path = join(folder, `${randomUUID()}.db`);
  const otherName = `${path}-link`;
  symlinkSync(path, otherName);
  let now = 1_000_000;
  let stores = 0;
  return {
    async connect() {
      const name = stores++ % options.names === 0 ? path : otherName;
      const store = sqliteStore(name, { commit: options.commit ?? "turn", now: () => now });
      await store.open();
      return store;
    },
    async advance(ms) {
      now += ms;
    },
    async close() {
      rmSync(folder, { recursive: true });
    },
  };
}

storeContract("the SQLite store", () => open({ names: 1 }));
storeContract("the SQLite store, over two connections", () => open({ commit: "call", names: 2 }), { again: true });
