import type { Command } from "commander";
import type { FailedBatch } from "../../core/tasks/api.ts";
import { readDefinitions } from "../loading/read-graph.ts";
import type { StoreOptions } from "../settings/open-parts.ts";
import { CliError } from "../terminal/cli-error.ts";
import { compactJson, counted, type Terminal, table } from "../terminal/terminal.ts";
import { count, examples, storeCommands } from "./common.ts";
import { typesOf, withClient, withTask } from "./with-client.ts";

export function addBatches(root: Command, terminal: Terminal): void {
  const batches = root
    .command("batches")
    .summary("find and retry the failed batches of a node")
    .description(
      'Find and retry the batches of a node that failed for good and were set aside, which a node with onBatchFailure: "setAside" does.',
    )
    .helpCommand(false);
  const storeCommand = storeCommands(batches);
  const command = (name: string, summary: string) =>
    storeCommand(name, summary).argument("<task>", "task id").argument("<node>", "node id");

  command("list", "list the failed batches of a node")
    .description(
      "List the failed batches of a node: uid, tries and error. With --json, one line of JSON each, with what the batch consisted of.",
    )
    .option("--limit <count>", "maximum number of batches", count, 20)
    .addHelpText("after", examples("batches list 3f2a... enrich --store runs.db"))
    .action((given: string, nodeId: string, options: StoreOptions & { readonly limit: number }) =>
      withTask(terminal, options, given, async ({ client, id: taskId }) => {
        const found: FailedBatch[] = [];
        let hasMore = false;
        for await (const batch of client.failedBatches(taskId, nodeId)) {
          hasMore = found.length === options.limit;
          if (hasMore) break;
          if (terminal.isJson) terminal.print(JSON.stringify(batch));
          found.push(batch);
        }
        if (terminal.isJson) return;
        if (found.length === 0) terminal.note("no failed batches");
        for (const line of table(found.map(cells))) terminal.print(line);
        if (hasMore) terminal.note(`more: --limit ${options.limit * 10}`);
      }),
    );

  command("show", "show a failed batch")
    .description("Show a failed batch: its error with the stack, and its input.")
    .argument("<uid>", "uid of the batch")
    .addHelpText("after", examples("batches show 3f2a... enrich order-17 --store runs.db"))
    .action((given: string, nodeId: string, uid: string, options: StoreOptions) =>
      withTask(terminal, options, given, async ({ client, id: taskId }) => {
        for await (const batch of client.failedBatches(taskId, nodeId)) {
          if (batch.uid === uid) return show(terminal, batch);
        }
        throw new CliError("CLI_USAGE", `no failed batch '${uid}' in node '${nodeId}'`, {
          hint: `List them with flowkit batches list ${taskId} ${nodeId}.`,
        });
      }),
    );

  command("retry", "retry failed batches")
    .description(
      "Create a new task that processes the failed batches of a node again, and runs the nodes that read it again. The node keeps its other output. It runs in a process that has the handlers, such as `flowkit up`.",
    )
    .argument("[uid...]", "uids of batches; default all that failed")
    .option("--handlers <file>", "file that exports the custom input adapters and functions of its graph")
    .addHelpText(
      "after",
      examples("batches retry 3f2a... enrich --store runs.db", "batches retry 3f2a... enrich order-17 --store runs.db"),
    )
    .action((given: string, nodeId: string, uids: readonly string[], options: RetryBatchesCommandOptions) =>
      retry(terminal, { given, nodeId, uids }, options),
    );
}

interface RetryBatchesCommandOptions extends StoreOptions {
  readonly handlers?: string;
}

/** The types come from the task itself, because the handlers belong to workers elsewhere. */
async function retry(
  terminal: Terminal,
  of: { readonly given: string; readonly nodeId: string; readonly uids: readonly string[] },
  options: RetryBatchesCommandOptions,
): Promise<void> {
  const { given, nodeId, uids } = of;
  const definitions = await readDefinitions(options.handlers);
  const { id: taskId, types } = await withTask(terminal, options, given, typesOf);
  await withClient(terminal, { ...options, types, definitions }, async ({ client }) => {
    const again = await client.retryBatches(taskId, nodeId, uids.length === 0 ? {} : { uids });
    if (terminal.isJson) terminal.printJson({ taskId: again.id, retryOf: taskId });
    else
      terminal.print(`task ${again.id} retries ${uids.length === 0 ? "the" : uids.length} failed batches of ${taskId}`);
  });
}

const cells = ({ uid, tries, reasonCode, message }: FailedBatch): readonly string[] => [
  uid,
  counted(tries, "try", "tries"),
  `${reasonCode}: ${message.split("\n", 1)[0]}`,
];

function show(terminal: Terminal, batch: FailedBatch): void {
  if (terminal.isJson) {
    terminal.printJson(batch);
    return;
  }
  const { uid, tries, reasonCode, message, stack, input } = batch;
  terminal.print(`batch ${uid} failed after ${counted(tries, "try", "tries")}: ${reasonCode}: ${message}`);
  if (stack !== undefined) terminal.print(stack);
  terminal.print(input === undefined ? "its input is not stored" : `input ${compactJson(input)}`);
}
