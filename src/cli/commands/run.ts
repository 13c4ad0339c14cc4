import type { Command } from "commander";
import type { Store } from "../../core/ports/index.ts";
import type { TaskHandle, TaskView } from "../../core/tasks/api.ts";
import { createEngine, type Engine } from "../../engine/engine.ts";
import { FlowError, type JsonObject, thrownMessage } from "../../errors/index.ts";
import { type Graph, workerTypes } from "../../graph/index.ts";
import type { Definitions } from "../loading/exported-flow.ts";
import { readParams } from "../loading/params.ts";
import { type GraphFile, readDefinitions, readGraphFile } from "../loading/read-graph.ts";
import { showProgress } from "../progress/live-view.ts";
import { overlaid } from "../serving/counted-store.ts";
import { closeSdk, openTelemetrySdk } from "../serving/telemetry.ts";
import { openStore, type StoreOptions, settingsOfRun } from "../settings/open-parts.ts";
import { several } from "../settings/options.ts";
import { CliError, exitCodes } from "../terminal/cli-error.ts";
import { onSignals } from "../terminal/interrupts.ts";
import { terminalLogger, withoutTasks } from "../terminal/logger.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { examples, exportOption, graceOption, handlersOption, jsonOption, mongoOption, storeOption } from "./common.ts";
import { ownFrame } from "./report-error.ts";
import { withClient } from "./with-client.ts";

interface RunCommandOptions extends StoreOptions {
  readonly export?: string;
  readonly handlers?: string;
  readonly param?: readonly string[];
  readonly params?: string;
  readonly idempotencyKey?: string;
  readonly grace: number;
  readonly telemetry?: true;
}

export function addRun(root: Command, terminal: Terminal): void {
  root
    .command("run")
    .summary("run a flow in this process")
    .description(
      "Run a flow in this process, show the progress of its nodes, and print its result as JSON. Ctrl-C cancels the task; a second Ctrl-C exits immediately. Without a store, the task is lost when the process exits.",
    )
    .argument("<flow.ts|graph.json>", "file that exports the flow, or a graph JSON with --handlers")
    .option("-p, --param <name=value>", "parameter; name:=JSON for a JSON value; may be repeated", several)
    .option("--params <file>", "JSON file with parameters")
    .addOption(storeOption())
    .addOption(mongoOption())
    .option("--idempotency-key <key>", "continue the task with this key and the same input, if the store has one")
    .addOption(graceOption())
    .option("--telemetry", "send traces and metrics over OTLP, configured by OTEL_* variables")
    .addOption(handlersOption())
    .addOption(exportOption())
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples(
        "run flow.ts",
        "run flow.ts --param day=2026-11-24 --param limit=10",
        "run flow.ts --store runs.db --idempotency-key 2026-11-24",
        "run graph.json --handlers handlers.ts",
      ),
    )
    .action((file: string, options: RunCommandOptions) => run(terminal, file, options));
}

async function run(terminal: Terminal, file: string, options: RunCommandOptions): Promise<void> {
  const given = await readDefinitions(options.handlers);
  const source = await readGraphFile(file, { export: options.export, definitions: given });
  const definitions = definitionsFor(source, given);
  const params = readParams({ assignments: options.param ?? [], file: options.params }, source.graph.params_schema);
  const read = settingsOfRun(terminal, options);
  const kept = await openStore(read);
  if (options.idempotencyKey !== undefined && kept === undefined) {
    throw new CliError("CLI_USAGE", "--idempotency-key requires a store", {
      hint: "Pass --store FILE, --store postgres://... or --mongo URL.",
    });
  }
  const logger = withoutTasks(terminalLogger(terminal));
  const sdk = options.telemetry === true ? await openTelemetrySdk(terminal) : undefined;
  await using _sdk = { [Symbol.asyncDispose]: () => closeSdk(sdk, logger) };
  await using engine = await createEngine({
    handlers: definitions.handlers,
    inputAdapters: definitions.adapters,
    coordinatorFns: definitions.fns,
    logger,
    ...(sdk === undefined ? {} : { telemetry: sdk.telemetry }),
    ...(kept === undefined ? {} : { store: ownTasksOf(kept.store) }),
  });
  const { idempotencyKey } = options;
  const key = idempotencyKey === undefined ? {} : { idempotencyKey };
  // Runs the flow itself: its zod schema checks more than the JSON Schema in its graph.
  const task = await start(engine, source, { params, ...key });
  if (kept !== undefined) terminal.note(`task ${task.id} in ${kept.name}`);
  const outcome = await follow({ terminal, engine, task, graph: source.graph, graceMs: options.grace * 1_000 });
  if (outcome !== undefined) return showOutcome(terminal, outcome);
  // The task may have ended while the engine was stopping.
  const late = kept && (await withClient(terminal, { read }, ({ client }) => endOf(client.task(task.id))));
  if (late !== undefined) return showOutcome(terminal, { ...late, wasInterrupted: false });
  const remains = kept === undefined ? "" : `; task ${task.id} remains in ${kept.name}`;
  terminal.note(`stopped${remains}${idempotencyKey === undefined ? "" : ": run it with the same key to continue"}`);
  terminal.exitCode = exitCodes.terminated;
}

const start = (
  engine: Engine,
  source: GraphFile,
  options: { readonly params: JsonObject; readonly idempotencyKey?: string },
): Promise<TaskHandle> => engine.run(source.kind === "flow" ? source.box.flow : source.graph, options);

function definitionsFor(source: GraphFile, given: Definitions | undefined): Definitions {
  if (source.kind === "flow") {
    if (given !== undefined)
      throw new CliError("CLI_USAGE", "a flow has its own handlers: --handlers applies to a graph JSON only");
    const { handlers, inputAdapters, coordinatorFns } = source.box.flow;
    return { handlers: Object.values(handlers), adapters: inputAdapters, fns: coordinatorFns };
  }
  if (given !== undefined) return given;
  const types = workerTypes(source.graph);
  if (types.length === 0) return { handlers: [], adapters: [], fns: [] };
  throw new CliError("CLI_NO_HANDLERS", `missing handlers for the types of ${source.file}: ${types.join(", ")}`, {
    hint: "Pass the file that exports them: --handlers handlers.ts",
  });
}

/** Follows the task until it ends. `undefined`: this process was stopped first. */
async function follow(run: {
  readonly terminal: Terminal;
  readonly engine: Engine;
  readonly task: TaskHandle;
  readonly graph: Graph;
  readonly graceMs: number;
}): Promise<RunOutcome | undefined> {
  const { terminal, engine, task, graph, graceMs } = run;
  let wasInterrupted = false;
  let wasStopped = false;
  const broken = Promise.withResolvers<never>();
  using _signals = onSignals(terminal, {
    interrupt: () => {
      wasInterrupted = true;
      terminal.note("cancelling; press Ctrl-C again to exit immediately");
      task.cancel({ reason: "Ctrl-C" }).catch(broken.reject);
    },
    terminate: () => {
      wasStopped = true;
      engine.stop({ graceMs }).catch(broken.reject);
    },
  });
  const watched = async (): Promise<TaskView> => {
    await showProgress(terminal, task.events(), graph);
    return await task.wait();
  };
  let view: TaskView;
  try {
    view = await Promise.race([watched(), broken.promise]);
  } catch (error) {
    if (!wasStopped || !FlowError.is(error, "ENGINE_STOPPED")) throw error;
    await engine.stop();
    return undefined;
  }
  return { ...(await outcomeOf(task, view)), wasInterrupted };
}

/** `undefined`: it has not ended. */
async function endOf(task: TaskHandle): Promise<Outcome | undefined> {
  const view = await task.status();
  return view.endedAt === undefined ? undefined : outcomeOf(task, view);
}

export async function outcomeOf(task: TaskHandle, view: TaskView): Promise<Outcome> {
  const [result] = await Promise.allSettled([task.result()]);
  return result.status === "fulfilled"
    ? { view, result: result.value, error: undefined }
    : { view, result: undefined, error: result.reason };
}

type Outcome = Omit<RunOutcome, "wasInterrupted">;

interface RunOutcome {
  readonly view: TaskView;
  readonly result: JsonObject | undefined;
  /** Why there is no result. */
  readonly error: unknown;
  /** Cancelled by Ctrl-C. */
  readonly wasInterrupted: boolean;
}

/** Prints the result of a task, or why there is none. */
export function showOutcome(terminal: Terminal, outcome: RunOutcome): void {
  const { view, result, error, wasInterrupted } = outcome;
  if (terminal.isJson) terminal.printJson(outcomeJson(view, result));
  else if (error === undefined) terminal.printJson(result);
  else {
    const code = view.status === "cancelled" ? "TASK_CANCELLED" : "TASK_FAILED";
    terminal.note(`${terminal.styled(["red", "bold"], "error")} ${code}: ${thrownMessage(error)}`);
    const frame = ownFrame(view.failure?.stack);
    if (frame !== undefined) terminal.note(`  ${frame}`);
  }
  if (error !== undefined) terminal.exitCode = wasInterrupted ? exitCodes.interrupted : exitCodes.failed;
}

/** A task as `--json` prints it. */
function outcomeJson(view: TaskView, result: RunOutcome["result"]): object {
  const { id, name, status, failure, laterFailures, cancelReason, nodes, createdAt, endedAt } = view;
  return {
    taskId: id,
    ...(name === undefined ? {} : { name }),
    status,
    ...(result === undefined ? {} : { result }),
    ...(failure === undefined ? {} : { failure }),
    ...(laterFailures === undefined ? {} : { laterFailures }),
    ...(cancelReason === undefined ? {} : { cancelReason }),
    createdAt,
    ...(endedAt === undefined ? {} : { endedAt }),
    nodes: nodes.map(({ nodeId, type, status: state, batches, failedBatches, failures, metrics }) => ({
      nodeId,
      type,
      status: state,
      batches,
      failedBatches,
      failures,
      metrics,
    })),
  };
}

/**
 * Restricts a store to the tasks that this process created: the handlers of other tasks may be another version, and their
 * limits are unknown here.
 */
function ownTasksOf(store: Store): Store {
  const own = new Set<string>();
  return overlaid(store, {
    async createTask(task) {
      const answer = await store.createTask(task);
      own.add(answer.id); // including an existing task found by its idempotency key
      return answer;
    },
    peekQueue: (types, limit, exceptTasks, _, below) => store.peekQueue(types, limit, exceptTasks, own, below),
    claim: async (ref, by) => (own.has(ref.taskId) ? store.claim(ref, by) : undefined),
  });
}
