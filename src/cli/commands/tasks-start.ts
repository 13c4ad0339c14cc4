import { type Command, InvalidArgumentError, Option } from "commander";
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
  readonly notBefore?: number;
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
    .addOption(
      new Option(
        "--not-before <time>",
        "time before which no node starts, such as 2026-12-01T03:00:00Z or +10m",
      ).argParser(time),
    )
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
  await withClient(terminal, { ...options, ...access, creates: true }, async ({ client }) => {
    const { idempotencyKey, notBefore } = options;
    const task = await client.run(flow, {
      params,
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      ...(notBefore === undefined ? {} : { notBefore }),
    });
    if (terminal.isJson) terminal.printJson({ taskId: task.id });
    else terminal.print(task.id);
  });
}

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** An absolute time with its zone, or a time relative to now. */
function time(text: string): number {
  const [, amount, unit] = /^\+(\d+)([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) return Date.now() + Number(amount) * unitMs[unit as keyof typeof unitMs];
  const at = /T.*(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return at;
  throw new InvalidArgumentError(
    "Expected a time with its zone, such as 2026-12-01T03:00:00Z, or a number of s, m, h or d from now, such as +10m.",
  );
}

export type FlowOptions = Omit<StartOptions, "idempotencyKey" | "notBefore">;

/** A flow from a file with its parameters, and what a client needs to check it. */
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
    bus: await openBus(read, terminalLogger(terminal, { least: "error" })),
  };
  // Passes the flow itself: its zod schema checks more than the JSON Schema in its graph.
  return { access, params, flow: source.kind === "flow" ? source.box.flow : graph };
}

function definitionsOf(source: GraphFile): Definitions | undefined {
  if (source.kind === "json") return undefined;
  const { handlers, inputAdapters, coordinatorFns } = source.box.flow;
  return { handlers: Object.values(handlers), adapters: inputAdapters, fns: coordinatorFns };
}
