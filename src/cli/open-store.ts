import { sqliteStore } from "../adapters/sqlite/index.ts";
import type { Store } from "../engine/ports/index.ts";

export interface StoreOptions {
  /** A SQLite file. */
  readonly store?: string | undefined;
}

/** The one place where a command's options become a store. `undefined`: none was asked for, memory will do. */
export function openStore({ store }: StoreOptions): Store | undefined {
  return store === undefined ? undefined : sqliteStore(store);
}
