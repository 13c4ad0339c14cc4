import { sqliteStore } from "../adapters/sqlite/index.ts";
import type { Store } from "../engine/ports/index.ts";
import { CliError } from "./cli-error.ts";

export interface StoreOptions {
  /** A SQLite file. */
  readonly store?: string | undefined;
  /** The URL of a MongoDB database; else that of `FLOWKIT_MONGO_URL`, which no list of processes shows. */
  readonly mongo?: string | undefined;
}

/** A store, and what it is called in words: never a URL, which may hold a password. */
export interface NamedStore {
  readonly store: Store;
  readonly name: string;
}

/**
 * The one place where a command's options become a store. `undefined`: none was asked for.
 *
 * @throws CliError `CLI_USAGE`, `CLI_IMPORT_FAILED` without the driver
 */
export async function openStore(options: StoreOptions): Promise<NamedStore | undefined> {
  const { store: file, mongo } = options;
  if (file !== undefined && mongo !== undefined) {
    throw new CliError("CLI_USAGE", "a run is kept in one store: name a file, or a MongoDB database");
  }
  if (file !== undefined) return { store: sqliteStore(file), name: file };
  const url = mongo ?? process.env.FLOWKIT_MONGO_URL;
  if (url === undefined) return undefined;
  const { mongoStore } = await mongoAdapter();
  return { store: mongoStore({ url }), name: "MongoDB" };
}

/** Its driver is installed by those who use it. */
async function mongoAdapter(): Promise<typeof import("../adapters/mongo/index.ts")> {
  try {
    return await import("../adapters/mongo/index.ts");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND")) throw error;
    throw new CliError("CLI_IMPORT_FAILED", "--mongo needs MongoDB's driver", {
      cause: error,
      hint: "Install it: npm install mongodb",
    });
  }
}

/**
 * The same for commands that are about a store.
 *
 * @throws CliError `CLI_USAGE`
 */
export async function needStore(options: StoreOptions): Promise<NamedStore> {
  const named = await openStore(options);
  if (named !== undefined) return named;
  throw new CliError("CLI_USAGE", "no store was named", { hint: "Add --store FILE or --mongo URL." });
}
