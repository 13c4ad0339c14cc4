import { existsSync } from "node:fs";
import type { Bus, Store } from "../../core/ports/index.ts";
import { Client } from "../../engine/client.ts";
import { definedOf } from "../../engine/options.ts";
import { workerTypes } from "../../graph/index.ts";
import type { Definitions } from "../loading/exported-flow.ts";
import { findFile } from "../loading/find-file.ts";
import { requireStore, type StoreOptions, storeSettings } from "../settings/open-parts.ts";
import type { ReadSettings } from "../settings/read-settings.ts";
import { CliError } from "../terminal/cli-error.ts";
import { terminalLogger, withoutTasks } from "../terminal/logger.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Access to the tasks of a store, without running any. */
export interface StoreAccess {
  readonly client: Client;
  readonly store: Store;
}

/**
 * Opens a store.
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
    /** Creates the store's file if it does not exist. @defaultValue false, since a misspelled name must not create one */
    readonly creates?: boolean;
    /** Does not change a SQLite file, which opening it may otherwise do. @defaultValue false */
    readonly mustNotChange?: boolean;
  },
  use: (access: StoreAccess) => Promise<T>,
): Promise<T> {
  const { store, file } = await requireStore(options.read ?? storeSettings(terminal, options), options.mustNotChange);
  if (file !== undefined && options.creates !== true && !existsSync(file)) findFile(file);
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

/** Like {@link withClient}, for a command about one task, whose id may be given by a unique prefix. */
export const withTask = <T>(
  terminal: Terminal,
  options: Parameters<typeof withClient>[1],
  given: string,
  use: (access: StoreAccess & { readonly id: string }) => Promise<T>,
): Promise<T> =>
  withClient(terminal, options, async (access) => use({ ...access, id: await completeId(access, given) }));

const searchedTasks = 10_000;

/** The id with this prefix. @throws CliError `CLI_USAGE` if several have it */
export async function completeId({ client, store }: StoreAccess, given: string): Promise<string> {
  if ((await store.readTask(given)) !== undefined) return given;
  const found: string[] = [];
  let searched = 0;
  for (let cursor: { cursor?: string } | undefined = {}; cursor !== undefined && searched < searchedTasks; ) {
    const page: Awaited<ReturnType<Client["list"]>> = await client.list({ limit: 1_000, children: true, ...cursor });
    found.push(...page.items.flatMap(({ id }) => (id.startsWith(given) ? id : [])));
    searched += page.items.length;
    cursor = page.cursor === undefined ? undefined : { cursor: page.cursor };
  }
  const [only = given, ...others] = found; // the read of the task reports an unknown id
  if (others.length === 0) return only;
  const shown = found.slice(0, 5).join(", ");
  const more = found.length > 5 ? ", ..." : "";
  throw new CliError("CLI_USAGE", `${found.length} tasks begin with '${given}': ${shown}${more}`, {
    hint: "Pass more of the id.",
  });
}

/**
 * A task's id and the names of the handlers that it needs, which a client that continues it must know.
 *
 * @throws FlowError `TASK_UNKNOWN`
 */
export async function typesOf({ client, store, id }: StoreAccess & { readonly id: string }) {
  await client.task(id).status();
  const record = await store.readTask(id);
  return { id, types: record === undefined ? [] : workerTypes(record.graph) };
}
