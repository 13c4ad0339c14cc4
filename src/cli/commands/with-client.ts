import { existsSync } from "node:fs";
import type { Bus, Store } from "../../core/ports/index.ts";
import { Client } from "../../engine/client.ts";
import { definedOf } from "../../engine/options.ts";
import { workerTypes } from "../../graph/index.ts";
import type { Definitions } from "../loading/exported-flow.ts";
import { findFile } from "../loading/find-file.ts";
import { requireStore, type StoreOptions, storeSettings } from "../settings/open-parts.ts";
import type { ReadSettings } from "../settings/read-settings.ts";
import { terminalLogger, withoutTasks } from "../terminal/logger.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Access to the tasks of a store; runs nothing. */
export interface StoreAccess {
  readonly client: Client;
  readonly store: Store;
}

/**
 * Opens an existing store; a misspelled file name must not create an empty one.
 *
 * @throws CliError `CLI_USAGE`, `CLI_FILE_NOT_FOUND`
 */
export async function withClient<T>(
  terminal: Terminal,
  options: StoreOptions & {
    readonly types?: readonly string[];
    readonly externalTypes?: readonly string[] | undefined;
    readonly definitions?: Definitions | undefined;
    /** Notifies workers of new tasks. */
    readonly bus?: Bus | undefined;
    /** @defaultValue the settings of `options` and the environment */
    readonly read?: ReadSettings;
  },
  use: (access: StoreAccess) => Promise<T>,
): Promise<T> {
  const { store, file } = await requireStore(options.read ?? storeSettings(terminal, options));
  if (file !== undefined && !existsSync(file)) findFile(file);
  const { adapters = [], fns = [] } = options.definitions ?? {};
  await using client = new Client({
    store,
    workerTypes: options.types ?? [],
    ...definedOf({ bus: options.bus, externalTypes: options.externalTypes }),
    inputAdapters: adapters,
    coordinatorFns: fns,
    logger: withoutTasks(terminalLogger(terminal)),
  });
  await client.start();
  return await use({ client, store });
}

/** The handlers that a task needs, by name: a client that continues it must know them. @throws FlowError `TASK_UNKNOWN` */
export async function typesOf({ client, store }: StoreAccess, taskId: string): Promise<readonly string[]> {
  await client.task(taskId).status();
  const record = await store.readTask(taskId);
  return record === undefined ? [] : workerTypes(record.graph);
}
