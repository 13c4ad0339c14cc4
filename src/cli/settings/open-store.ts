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
 * The store of a run. `undefined`: none was asked for. `MONGODB_URL` is no such wish: it may well be the flow's own.
 *
 * @throws CliError `CLI_CONFIG`, `CLI_IMPORT_FAILED` without the driver
 */
export async function storeOfRun(terminal: Terminal, options: StoreOptions): Promise<NamedStore | undefined> {
  const { FLOWKIT_MONGO_URL } = process.env;
  return await openStore(readSettings(terminal, { flags: flagsOf(options), env: { FLOWKIT_MONGO_URL } }));
}

/**
 * What commands about a store were told: as a coordinator is.
 *
 * @throws CliError `CLI_CONFIG`
 */
export const storeSettings = (terminal: Terminal, options: StoreOptions): ReadSettings =>
  readSettings(terminal, { flags: flagsOf(options), config: options.config });

/**
 * The store that must have been named.
 *
 * @throws CliError `CLI_USAGE`, `CLI_CONFIG`, `CLI_IMPORT_FAILED` without the driver
 */
export async function needStore(read: ReadSettings): Promise<NamedStore> {
  const named = await openStore(read);
  if (named !== undefined) return named;
  throw new CliError("CLI_USAGE", "no store was named", { hint: "Add --store FILE or --mongo URL." });
}
