import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { type NamedStore, openStore } from "./open-parts.ts";
import { type ReadSettings, readSettings } from "./read-settings.ts";

export interface StoreOptions {
  /** A SQLite file. */
  readonly store?: string | undefined;
  /** The URL of a MongoDB database. */
  readonly mongo?: string | undefined;
  /** A config file. */
  readonly config?: string | undefined;
}

const flagsOf = ({ store, mongo }: StoreOptions) => ({
  ...(store === undefined ? {} : { store }),
  ...(mongo === undefined ? {} : { "mongo.url": mongo }),
});

/**
 * Opens the store of `flowkit run`. `undefined`: none was requested. `MONGODB_URL` alone does not request one, because the
 * flow itself may use it.
 *
 * @throws CliError `CLI_CONFIG`, `CLI_IMPORT_FAILED` without the driver
 */
export async function storeOfRun(terminal: Terminal, options: StoreOptions): Promise<NamedStore | undefined> {
  const { FLOWKIT_MONGO_URL } = process.env;
  return await openStore(readSettings(terminal, { flags: flagsOf(options), env: { FLOWKIT_MONGO_URL } }));
}

/**
 * Reads the settings of commands that access a store; they are the same as for a coordinator.
 *
 * @throws CliError `CLI_CONFIG`
 */
export const storeSettings = (terminal: Terminal, options: StoreOptions): ReadSettings =>
  readSettings(terminal, { flags: flagsOf(options), config: options.config });

/**
 * Opens the store that a command requires.
 *
 * @throws CliError `CLI_USAGE`, `CLI_CONFIG`, `CLI_IMPORT_FAILED` without the driver
 */
export async function requireStore(read: ReadSettings): Promise<NamedStore> {
  const named = await openStore(read);
  if (named !== undefined) return named;
  throw new CliError("CLI_USAGE", "missing store", { hint: "Pass --store FILE or --mongo URL." });
}
