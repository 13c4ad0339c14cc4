import type { Bus, Store } from "../../core/ports/index.ts";
import type { CoordinatorFunctionDefinition, InputAdapterDefinition, Logger } from "../../definitions/index.ts";
import { Client } from "../../engine/client.ts";
import { definedOf, type RunningLimitOptions } from "../../engine/options.ts";
import { FlowError } from "../../errors/index.ts";
import { workerTypes } from "../../graph/index.ts";
import type { Outcome, RetryBatchesRequest, Started, StartRequest } from "../api.ts";
import { type Reading, readRecord } from "../reading.ts";
import { fileOf, type StudioFlow } from "../views/flows.ts";

/** The dependencies of the clients of a studio. */
export interface ClientParts {
  readonly store: Store;
  /** Notifies workers of new tasks. */
  readonly bus?: Bus | undefined;
  readonly limits?: RunningLimitOptions | undefined;
  readonly adapters: readonly InputAdapterDefinition[];
  readonly fns: readonly CoordinatorFunctionDefinition[];
  readonly externalTypes?: readonly string[] | undefined;
  readonly logger: Logger;
}

/** @param types - node types of the tasks that it may create; none are needed to read tasks */
export function newClient(parts: ClientParts, types: readonly string[]): Client {
  const { store, bus, limits, adapters, fns, externalTypes = [], logger } = parts;
  return new Client({
    store,
    workerTypes: types,
    externalTypes: externalTypes.filter((type) => types.includes(type)),
    inputAdapters: adapters,
    coordinatorFns: fns,
    logger,
    ...definedOf({ bus, ...limits }),
  });
}

/** The actions that create tasks. Each has a client that knows the types of its graph: workers have the handlers. */
export class TaskStarter {
  readonly #reading: Reading;
  readonly #parts: ClientParts;
  readonly #flows: readonly StudioFlow[];

  constructor(reading: Reading, parts: ClientParts, flows: readonly StudioFlow[]) {
    this.#reading = reading;
    this.#parts = parts;
    this.#flows = flows;
  }

  /** @throws FlowError `STUDIO_NOT_FOUND`, and what `Client.run` throws */
  async start({ flow: name, params, ...options }: StartRequest): Promise<Started> {
    const known = fileOf(this.#flows, name);
    if (known === undefined) {
      const hint = "start the studio with the file that exports it";
      throw new FlowError("STUDIO_NOT_FOUND", `no file of this studio exports a flow '${name}': ${hint}`);
    }
    await using client = newClient(this.#parts, workerTypes(known.graph));
    await client.start();
    const task = await client.run(known.flow ?? known.graph, { params: params ?? {}, ...definedOf(options) });
    return { taskId: task.id };
  }

  /** @throws FlowError what `Client.retry` throws */
  async retry(taskId: string): Promise<Started> {
    await using client = await this.#clientFor(taskId);
    return { taskId: (await client.retry(taskId, { from: "failed" })).id };
  }

  /** @throws FlowError what `Client.retryBatches` throws */
  async retryBatches(taskId: string, nodeId: string, { uids }: RetryBatchesRequest): Promise<Started> {
    await using client = await this.#clientFor(taskId);
    return { taskId: (await client.retryBatches(taskId, nodeId, definedOf({ uids }))).id };
  }

  async #clientFor(taskId: string): Promise<Client> {
    const { graph } = await readRecord(this.#reading, taskId);
    const client = newClient(this.#parts, workerTypes(graph));
    await client.start();
    return client;
  }
}

export const actionNames = ["cancel", "pause", "resume"] as const;

/** @throws FlowError `TASK_UNKNOWN`, `PAUSE_UNSUPPORTED`, `TASK_HAS_PARENT` */
export async function actOn(
  { client }: Reading,
  taskId: string,
  { action, reason }: { readonly action: (typeof actionNames)[number]; readonly reason?: string | undefined },
): Promise<Outcome> {
  const task = client.task(taskId);
  if (action === "cancel") return { outcome: await task.cancel({ reason: reason ?? "cancelled in the studio" }) };
  return { outcome: await task[action]() };
}
