import { readFileSync } from "node:fs";
import { type Command, Option } from "commander";
import type { TaskStatus, TaskSummary } from "../../core/model/records.ts";
import type { Client } from "../../engine/client.ts";
import { FlowError, type Json } from "../../errors/index.ts";
import { readText } from "../loading/find-file.ts";
import { readJson } from "../loading/json-source.ts";
import { readDefinitions } from "../loading/read-graph.ts";
import { showProgress } from "../progress/live-view.ts";
import type { StoreOptions } from "../settings/open-parts.ts";
import { CliError, exitCodes } from "../terminal/cli-error.ts";
import { onSignals } from "../terminal/interrupts.ts";
import { duration, type Terminal, table } from "../terminal/terminal.ts";
import { configOption, count, examples, jsonOption, mongoOption, storeOption } from "./common.ts";
import { addTasksLogs } from "./tasks-logs.ts";
import { printTask, remark, type ShowOptions, showTask, time, trouble } from "./tasks-show.ts";
import { addTasksStart } from "./tasks-start.ts";
import { type StoreAccess, typesOf, withClient, withTask } from "./with-client.ts";

type TaskOptions = StoreOptions;

interface ListCommandOptions extends TaskOptions {
  readonly status?: TaskStatus;
  readonly limit: number;
  readonly cursor?: string;
  readonly children?: true;
}

const statuses: readonly TaskStatus[] = ["running", "cancelling", "finished", "failed", "cancelled"];

export function addTasks(root: Command, terminal: Terminal): void {
  const tasks = root
    .command("tasks")
    .summary("manage the tasks of a store")
    .description("Manage the tasks of a store. These commands run nothing; `flowkit up` does.")
    .helpCommand(false);
  const command = (name: string, summary: string) =>
    tasks.command(name).summary(summary).addOption(storeOption()).addOption(mongoOption()).addOption(configOption());

  command("list", "list the newest tasks")
    .description("List tasks, newest first.")
    .addOption(new Option("--status <status>", "only tasks with this status").choices(statuses))
    .option("--limit <count>", "maximum number of tasks, up to 1000", count, 20)
    .option("--cursor <cursor>", "continue after the previous page")
    .option("--children", "also tasks that nodes of others run")
    .addOption(jsonOption())
    .addHelpText("after", examples("tasks list --store runs.db", "tasks list --store runs.db --status failed --json"))
    .action((options: ListCommandOptions) =>
      withClient(terminal, options, (access) => list(terminal, access, options)),
    );

  command("show", "show the status of a task")
    .description(
      "Show the status of a task and its nodes: when each began, how long it took, its batches and failures, or why it is not running.",
    )
    .argument("<task>", "task id")
    .option("--attempts", "also print the history of each attempt, as far as it is kept")
    .option("--input", "print the inputs of failed batches instead of the nodes; with --json, both")
    .option("--node <node>", "with --input: only this node, for --attempts too")
    .option("--batch <uid>", "with --input: only this batch")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "tasks show 3f2a --store runs.db",
        "tasks show 3f2a --store runs.db --attempts",
        "tasks show 3f2a --store runs.db --node enrich --input",
      ),
    )
    .action((given: string, options: TaskOptions & ShowOptions) =>
      withTask(terminal, options, given, (access) => showTask(terminal, access, options)),
    );

  addTasksLogs(command("logs", "show what the handlers of a task logged"), terminal);

  addTasksStart(command("start", "store a task for other processes to run"), terminal);

  command("watch", "follow a task until it ends")
    .description(
      "Follow a task until it ends. Exits with 0 if it finished, with 1 if it failed or was cancelled. Ctrl-C stops watching; the task continues.",
    )
    .argument("<task>", "task id")
    .addHelpText("after", examples("tasks watch 3f2a... --store runs.db"))
    .action((given: string, options: TaskOptions) =>
      withTask(terminal, options, given, (access) => watch(terminal, access)),
    );

  command("cancel", "cancel a task")
    .description("Cancel a task: waiting nodes do not start, running attempts are asked to stop.")
    .argument("<task>", "task id")
    .option("--reason <text>", "reason, stored with the task", "flowkit tasks cancel")
    .addOption(jsonOption())
    .addHelpText("after", examples("tasks cancel 3f2a... --store runs.db --reason 'wrong day'"))
    .action((given: string, options: TaskOptions & { readonly reason: string }) =>
      withTask(terminal, options, given, async ({ client, id }) => {
        const outcome = await client.task(id).cancel({ reason: options.reason });
        const answers = {
          recorded: "is being cancelled",
          already: "was already being cancelled",
          terminal: "has already ended",
        };
        if (terminal.isJson) terminal.printJson({ taskId: id, outcome });
        else terminal.print(`task ${id} ${answers[outcome]}`);
      }),
    );

  command("signal", "send a signal to a node that waits for it")
    .description(
      "Send a signal to a node that waits for it, now or later. Only the first signal counts. The payload is checked against the node's schema.",
    )
    .argument("<task>", "task id")
    .argument("<node>", "node id")
    .option("--json <payload>", "payload, as JSON; the outcome is printed as JSON too")
    .option("--file <file>", "file with the payload, as JSON; - reads it from stdin")
    .addHelpText(
      "after",
      examples(
        `tasks signal 3f2a... approve --store runs.db --json '{"ok": true, "by": "ada"}'`,
        "tasks signal 3f2a... approve --store runs.db --file - < answer.json",
      ),
    )
    .action((given: string, nodeId: string, options: TaskOptions & PayloadOptions) => {
      const payload = payloadOf(options);
      return withTask(terminal, options, given, async ({ client, id }) => {
        const outcome = await client.task(id).signal(nodeId, payload);
        const answers = {
          accepted: `node ${nodeId} of task ${id} has the signal`,
          already: `node ${nodeId} of task ${id} already had a signal`,
          terminal: `node ${nodeId} of task ${id} no longer waits`,
        };
        if (options.json !== undefined) terminal.printJson({ taskId: id, nodeId, outcome });
        else terminal.print(answers[outcome]);
      });
    });

  command("pause", "pause a task")
    .description(
      "Pause a task: batches that are being processed end, and nothing new begins until it is resumed. Its deadline and the time limits of waits for signals still apply.",
    )
    .argument("<task>", "task id")
    .addOption(jsonOption())
    .addHelpText("after", examples("tasks pause 3f2a... --store runs.db"))
    .action((given: string, options: TaskOptions) =>
      withTask(terminal, options, given, async ({ client, id }) =>
        printPause(terminal, id, { did: "paused", outcome: await client.pause(id) }),
      ),
    );

  command("resume", "resume a paused task")
    .description("Resume a paused task: its nodes continue after the batches that they had stored.")
    .argument("<task>", "task id")
    .addOption(jsonOption())
    .addHelpText("after", examples("tasks resume 3f2a... --store runs.db"))
    .action((given: string, options: TaskOptions) =>
      withTask(terminal, options, given, async ({ client, id }) =>
        printPause(terminal, id, { did: "resumed", outcome: await client.resume(id) }),
      ),
    );

  command("retry", "retry a failed or cancelled task")
    .description(
      "Create a new task that continues a failed or cancelled one. Finished nodes are adopted; the others continue after the batches that they had stored, in a process that has their handlers, such as `flowkit up`.",
    )
    .argument("<task>", "task id")
    .option("--handlers <file>", "file that exports the custom input adapters and functions of its graph")
    .addOption(jsonOption())
    .addHelpText("after", examples("tasks retry 3f2a... --store runs.db"))
    .action((given: string, options: TaskOptions & { readonly handlers?: string }) => retry(terminal, given, options));

  command("explain", "explain why each node runs or does not")
    .description("Explain for each node of a task where it runs, or why it does not run.")
    .argument("<task>", "task id")
    .addOption(jsonOption())
    .addHelpText("after", examples("tasks explain 3f2a... --store runs.db"))
    .action((given: string, options: TaskOptions) =>
      withTask(terminal, options, given, async ({ client, id }) => {
        const explanation = await client.task(id).explain();
        if (terminal.isJson) terminal.printJson(explanation);
        else for (const { text } of explanation.nodes) terminal.print(text);
      }),
    );
}

interface PayloadOptions {
  readonly json?: string;
  readonly file?: string;
}

/** @throws CliError `CLI_USAGE`, `CLI_JSON_SYNTAX`, `CLI_FILE_NOT_FOUND` */
function payloadOf({ json, file }: PayloadOptions): Json {
  if ((json === undefined) === (file === undefined)) {
    throw new CliError("CLI_USAGE", "a signal requires its payload: pass either --json or --file");
  }
  if (json !== undefined) return readJson(json, "--json").value as Json;
  const text = file === "-" ? readFileSync(0, "utf8") : readText(file ?? "");
  return readJson(text, file === "-" ? "stdin" : (file ?? "")).value as Json;
}

function printPause(
  terminal: Terminal,
  id: string,
  { did, outcome }: { readonly did: "paused" | "resumed"; readonly outcome: "recorded" | "already" | "terminal" },
): void {
  const answers = {
    recorded: `was ${did}`,
    already: did === "paused" ? "was already paused" : "is not paused",
    terminal: "has already ended, or is ending",
  };
  if (terminal.isJson) terminal.printJson({ taskId: id, outcome });
  else terminal.print(`task ${id} ${answers[outcome]}`);
}

async function list(terminal: Terminal, { client }: StoreAccess, options: ListCommandOptions): Promise<void> {
  const { status, limit, cursor, children = false } = options;
  const page = await client.list({
    limit,
    children,
    ...(status === undefined ? {} : { status }),
    ...(cursor === undefined ? {} : { cursor }),
  });
  if (terminal.isJson) {
    terminal.printJson(page);
    return;
  }
  const statusOf = ({ status, paused }: TaskSummary) => (paused ? "paused" : status);
  const rows: string[][] = [];
  for (const task of page.items) {
    const { id, name = "", createdAt, endedAt } = task;
    const said = remark(task) || (endedAt === undefined ? await troubleOf(client, id) : duration(endedAt - createdAt));
    rows.push([id, name, statusOf(task), time(createdAt), said]);
  }
  if (rows.length === 0) terminal.note("no tasks");
  for (const line of table(rows)) terminal.print(line);
  if (page.cursor !== undefined) terminal.note(`more: --cursor ${page.cursor}`);
}

/** The task may have been deleted since it was listed. */
async function troubleOf(client: Client, id: string): Promise<string> {
  try {
    return trouble(await client.task(id).explain());
  } catch (error) {
    if (FlowError.is(error, "TASK_UNKNOWN")) return "";
    throw error;
  }
}

async function watch(terminal: Terminal, { client, store, id }: StoreAccess & { readonly id: string }): Promise<void> {
  const interrupted = Promise.withResolvers<"interrupted">();
  using _signals = onSignals(terminal, {
    interrupt: () => interrupted.resolve("interrupted"),
    terminate: () => interrupted.resolve("interrupted"),
  });
  const task = client.task(id);
  const { nodes } = await task.status(); // throws for an unknown id
  const record = await store.readTask(id);
  const graph = record?.graph ?? {
    nodes: nodes.map(({ nodeId, type }) => ({ node_id: nodeId, type, depends_on: [] })),
  };
  const outcome = await Promise.race([showProgress(terminal, task.events(), graph), interrupted.promise]);
  if (outcome === "interrupted") {
    terminal.exitCode = exitCodes.interrupted;
    return;
  }
  const view = await task.status();
  printTask(terminal, view);
  if (view.status !== "finished") terminal.exitCode = exitCodes.failed;
}

async function retry(
  terminal: Terminal,
  given: string,
  options: TaskOptions & { readonly handlers?: string },
): Promise<void> {
  const definitions = await readDefinitions(options.handlers);
  const { id, types } = await withTask(terminal, options, given, typesOf);
  await withClient(terminal, { ...options, types, definitions }, async ({ client }) => {
    const again = await client.retry(id, { from: "failed" });
    if (terminal.isJson) terminal.printJson({ taskId: again.id, retryOf: id });
    else terminal.print(`task ${again.id} retries ${id}`);
  });
}
