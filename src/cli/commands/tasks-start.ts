import type { Command } from "commander";
import { workerTypes } from "../../graph/index.ts";
import type { Definitions } from "../loading/exported-flow.ts";
import { readParams } from "../loading/params.ts";
import { type GraphFile, readDefinitions, readGraphFile } from "../loading/read-graph.ts";
import { openBus, type StoreOptions, storeSettings } from "../settings/open-parts.ts";
import { several } from "../settings/options.ts";
import { terminalLogger } from "../terminal/logger.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { examples, exportOption, jsonOption } from "./common.ts";
import { withClient } from "./with-client.ts";

interface StartOptions extends StoreOptions {
  readonly export?: string;
  readonly handlers?: string;
  readonly param?: readonly string[];
  readonly params?: string;
  readonly idempotencyKey?: string;
}

export function addTasksStart(command: Command, terminal: Terminal): void {
  command
    .description(
      "Store a task for other processes to run, such as `flowkit worker` or `flowkit up`, and print its id. If Kafka is configured, in the config file or the environment, they are notified immediately.",
    )
    .argument("<flow.ts|graph.json>", "file that exports the flow, or a graph JSON")
    .option("-p, --param <name=value>", "parameter; name:=JSON for a JSON value; may be repeated", several)
    .option("--params <file>", "JSON file with parameters")
    .option("--idempotency-key <key>", "return the task with this key and the same input, if the store has one")
    .option(
      "--handlers <file>",
      "file that exports the handlers, input adapters and functions of a graph JSON, to check it",
    )
    .addOption(exportOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "tasks start flow.ts --config flowkit.json --param day=2026-11-24",
        "tasks watch $(flowkit tasks start flow.ts --store runs.db) --store runs.db",
      ),
    )
    .action((file: string, options: StartOptions) => start(terminal, file, options));
}

async function start(terminal: Terminal, file: string, options: StartOptions): Promise<void> {
  const { access, flow, params } = await readFlow(terminal, file, options);
  await withClient(terminal, { ...options, ...access }, async ({ client }) => {
    const { idempotencyKey: key } = options;
    const task = await client.run(flow, { params, ...(key === undefined ? {} : { idempotencyKey: key }) });
    if (terminal.isJson) terminal.printJson({ taskId: task.id });
    else terminal.print(task.id);
  });
}

export type FlowOptions = Omit<StartOptions, "idempotencyKey">;

/** A flow of a file with its parameters, and what a client needs to know in order to check it. */
export async function readFlow(terminal: Terminal, file: string, options: FlowOptions) {
  const given = await readDefinitions(options.handlers);
  const source = await readGraphFile(file, { export: options.export, definitions: given });
  const { graph } = source;
  const params = readParams({ assignments: options.param ?? [], file: options.params }, graph.params_schema);
  const read = storeSettings(terminal, options);
  const types = workerTypes(graph);
  const external = types.filter((type) => read.settings.externalTypes?.includes(type));
  const access = {
    read,
    types,
    externalTypes: external.length === 0 ? undefined : external,
    definitions: definitionsOf(source) ?? given,
    bus: await openBus(read, terminalLogger(terminal, "error")),
  };
  // A flow has its zod schema of parameters, which checks more than the JSON Schema in its graph.
  return { access, params, flow: source.kind === "flow" ? source.box.flow : graph };
}

function definitionsOf(source: GraphFile): Definitions | undefined {
  if (source.kind === "json") return undefined;
  const { handlers, inputAdapters, coordinatorFns } = source.box.flow;
  return { handlers: Object.values(handlers), adapters: inputAdapters, fns: coordinatorFns };
}
