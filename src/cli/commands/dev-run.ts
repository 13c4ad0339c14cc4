import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import type { TaskView } from "../../core/tasks/api.ts";
import type { Logger } from "../../definitions/index.ts";
import { createEngine } from "../../engine/engine.ts";
import { definedOf } from "../../engine/options.ts";
import type { Graph } from "../../graph/index.ts";
import { readParams } from "../loading/params.ts";
import { readGraphFile } from "../loading/read-graph.ts";
import { showProgress } from "../progress/live-view.ts";
import { openStoreBus, requireStore, type StoreOptions, settingsOfRun } from "../settings/open-parts.ts";
import { several } from "../settings/options.ts";
import { CliError } from "../terminal/cli-error.ts";
import { terminalLogger } from "../terminal/logger.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { exportOption, mongoOption, storeOption } from "./common.ts";
import { outcomeOf, showOutcome } from "./run.ts";

export interface DevRunOptions extends StoreOptions {
  readonly export?: string;
  readonly param?: readonly string[];
  readonly params?: string;
}

/** From the process of the flow to `flowkit dev`. */
export type FromFlow =
  /** A file of the project that Node loads. */
  | { readonly kind: "loading"; readonly path: string }
  /** Compiled with its schemas. */
  | { readonly kind: "graph"; readonly graph: Graph }
  | { readonly kind: "started"; readonly taskId: string }
  | { readonly kind: "ended"; readonly status: TaskView["status"] };

/** From `flowkit dev` to the process of the flow. */
export type ToFlow =
  | { readonly kind: "run" }
  /** Cancels the run, if it has not ended, and ends the process. */
  | { readonly kind: "stop"; readonly reason: string };

/** The name of the hidden command that `flowkit dev` starts for each version of a file. */
export const devRunCommand = "dev-run";

export function addDevRun(root: Command, terminal: Terminal): void {
  root
    .command(devRunCommand, { hidden: true })
    .description("Internal, started by `flowkit dev`: loads a flow and runs it on request.")
    .argument("<flow.ts>")
    .option("--param <name=value>", "", several)
    .option("--params <file>")
    .addOption(exportOption())
    .addOption(storeOption())
    .addOption(mongoOption())
    .action((file: string, options: DevRunOptions) => devRun(terminal, file, options));
}

/**
 * Loads the file, sends its graph, runs it on request, and then runs what the studio starts until it is asked to stop.
 * A separate process, since Node cannot reload a module.
 */
async function devRun(terminal: Terminal, file: string, options: DevRunOptions): Promise<void> {
  const parent = parentOf(process);
  process.on("SIGINT", () => {}); // the terminal also sends it to `flowkit dev`, which stops this process
  process.on("disconnect", () => process.exit(1)); // `flowkit dev` was killed
  reportLoaded(parent.send);
  const source = await readGraphFile(file, { export: options.export, schemas: true });
  if (source.kind !== "flow") throw new CliError("CLI_USAGE", `${file} is not a module`);
  const params = readParams({ assignments: options.param ?? [], file: options.params }, source.graph.params_schema);
  parent.send({ kind: "graph", graph: source.graph });
  await parent.run;

  const read = settingsOfRun(terminal, options);
  const { store } = await requireStore(read);
  const { flow } = source.box;
  const own: { taskId?: string } = {};
  const engine = await createEngine({
    handlers: Object.values(flow.handlers),
    inputAdapters: flow.inputAdapters,
    coordinatorFns: flow.coordinatorFns,
    store,
    keepAlive: true,
    cancelGraceMs: graceMs,
    logger: withoutTask(terminalLogger(terminal), own),
    ...definedOf({ bus: await openStoreBus(read) }),
  });
  const task = await engine.run(flow, { params });
  own.taskId = task.id;
  parent.send({ kind: "started", taskId: task.id });
  let hasEnded = false;
  const stopping = parent.stop.then(async (reason) => {
    if (hasEnded) return;
    terminal.note(`cancelling the run: ${reason}`);
    await task.cancel({ reason });
  });
  await Promise.race([showProgress(terminal, task.events(), source.graph), stopping.then(() => task.wait())]);
  const view = await task.wait();
  hasEnded = true;
  if (view.status !== "cancelled") showOutcome(terminal, { ...(await outcomeOf(task, view)), wasInterrupted: false });
  parent.send({ kind: "ended", status: view.status });
  await stopping;
  await engine.stop({ graceMs });
}

/** How long to wait for a handler that ignores its signal. */
export const graceMs = 2_000;

function parentOf(own: NodeJS.Process): {
  readonly send: (message: FromFlow) => void;
  readonly run: Promise<void>;
  /** Resolves with the reason to stop. */
  readonly stop: Promise<string>;
} {
  if (own.send === undefined) throw new CliError("CLI_USAGE", "this command is started by flowkit dev");
  const run = Promise.withResolvers<void>();
  const stop = Promise.withResolvers<string>();
  own.on("message", (message: ToFlow) => {
    if (message.kind === "run") run.resolve();
    else stop.resolve(message.reason);
  });
  return { send: (message) => void own.send?.(message), run: run.promise, stop: stop.promise };
}

/** Reports each file of the project that Node loads, including packages of the same repository. */
function reportLoaded(send: (message: FromFlow) => void): void {
  registerHooks({
    load(url, context, next) {
      const isOfProject = url.startsWith("file:") && !url.includes("/node_modules/") && !url.startsWith(ownFolder);
      if (isOfProject) send({ kind: "loading", path: fileURLToPath(url) });
      return next(url, context);
    },
  });
}

/** The folder of the command and of the library. */
const ownFolder = new URL("..", import.meta.url).href;

/** Omits log lines about the run, whose progress is shown anyway; tasks that the studio starts are logged. */
function withoutTask(logger: Logger, own: { readonly taskId?: string }): Logger {
  const isOwn = (fields: object): boolean =>
    "flow" in fields && "taskId" in fields && fields.taskId === (own.taskId ?? fields.taskId);
  const unless = (level: "info" | "warn" | "error") => (fields: object, message?: string) => {
    if (!isOwn(fields)) logger[level](fields, message);
  };
  return { ...logger, info: unless("info"), warn: unless("warn"), error: unless("error") };
}
