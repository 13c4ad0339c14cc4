import { existsSync } from "node:fs";
import { Client } from "../embedded/client.ts";
import { definedOf } from "../embedded/options.ts";
import type { Bus, Store } from "../engine/ports/index.ts";
import type { Definitions } from "./loading/exported-flow.ts";
import { findFile } from "./loading/find-file.ts";
import { terminalLogger } from "./logger.ts";
import { needStore, type StoreOptions, storeSettings } from "./open-store.ts";
import type { ReadSettings } from "./settings/read-settings.ts";
import type { Terminal } from "./terminal.ts";

/** Somebody who looks at the tasks of a store, and runs nothing. */
export interface StoreAccess {
  readonly client: Client;
  readonly store: Store;
}

/**
 * Opens a store that must be there already: a misspelt name would make an empty one.
 *
 * @throws CliError `CLI_USAGE`, `CLI_FILE_NOT_FOUND`
 */
export async function withClient<T>(
  terminal: Terminal,
  options: StoreOptions & {
    readonly types?: readonly string[];
    readonly foreignTypes?: readonly string[] | undefined;
    readonly definitions?: Definitions | undefined;
    /** Tells workers of what is new. */
    readonly bus?: Bus | undefined;
    /** @defaultValue what `options` and the environment say */
    readonly read?: ReadSettings;
  },
  use: (access: StoreAccess) => Promise<T>,
): Promise<T> {
  const { store, file } = await needStore(options.read ?? storeSettings(terminal, options));
  if (file !== undefined && !existsSync(file)) findFile(file);
  const { adapters = [], fns = [] } = options.definitions ?? {};
  await using client = new Client({
    store,
    workerTypes: options.types ?? [],
    ...definedOf({ bus: options.bus, foreignTypes: options.foreignTypes }),
    inputAdapters: adapters,
    coordinatorFns: fns,
    logger: terminalLogger(terminal),
  });
  await client.start();
  return await use({ client, store });
}
