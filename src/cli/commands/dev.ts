import { fork } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { Client } from "../../engine/client.ts";
import { thrownMessage } from "../../errors/index.ts";
import type { Graph } from "../../graph/index.ts";
import type { StudioFlow } from "../../studio/views/flows.ts";
import { checkTypes, type TypeCheck, tsconfigOf } from "../dev/check-types.ts";
import { FileWatcher, importedFiles, shownPath } from "../dev/file-watcher.ts";
import { graphChanges, graphSummary } from "../dev/graph-words.ts";
import { findFile } from "../loading/find-file.ts";
import { isJsonFile } from "../loading/read-graph.ts";
import { openStudioOf } from "../serving/studio.ts";
import { openStoreBus, requireStore, settingsOfDev } from "../settings/open-parts.ts";
import { several } from "../settings/options.ts";
import { CliError } from "../terminal/cli-error.ts";
import { onSignals } from "../terminal/interrupts.ts";
import { terminalLogger } from "../terminal/logger.ts";
import { counted, duration, type Terminal } from "../terminal/terminal.ts";
import { examples, exportOption, mongoOption, storeOption } from "./common.ts";
import { type DevRunOptions, devRunCommand, type FromFlow, graceMs, type ToFlow } from "./dev-run.ts";

interface DevOptions extends DevRunOptions {
  readonly port?: string;
  readonly types: boolean;
}

export function addDev(root: Command, terminal: Terminal): void {
  root
    .command("dev")
    .summary("run a flow again whenever its file changes")
    .description(
      "Watch the file of a flow and what it imports. On each change, cancel the current run, check the types of the project and the graph, print what changed in the graph, and run the flow again, with the studio open at one address. A file with mistakes prints them, and the next change is awaited. Ctrl-C stops it. Without a store, the tasks are deleted when it stops.",
    )
    .argument("<flow.ts>", "file that exports the flow")
    .option("-p, --param <name=value>", "parameter; name:=JSON for a JSON value; may be repeated", several)
    .option("--params <file>", "JSON file with parameters")
    .addOption(storeOption())
    .addOption(mongoOption())
    .option("--port <port>", "port of the studio (default: 4477); 0: any free port [FLOWKIT_STUDIO_PORT]")
    .option("--no-types", "run without checking types")
    .addOption(exportOption())
    .addHelpText("after", examples("dev flow.ts", "dev flow.ts --param day=2026-11-24", "dev flow.ts --store runs.db"))
    .action((file: string, options: DevOptions) => dev(terminal, file, options));
}

async function dev(terminal: Terminal, file: string, options: DevOptions): Promise<void> {
  if (isJsonFile(file)) {
    throw new CliError("CLI_USAGE", "dev requires a module that exports a flow", {
      hint: `For a graph JSON: flowkit run ${file} --handlers FILE`,
    });
  }
  const path = findFile(file);
  const folder = mkdtempSync(join(tmpdir(), "flowkit-dev-"));
  try {
    const kept = options.store === undefined && options.mongo === undefined ? { store: join(folder, "runs.db") } : {};
    await watchAndRun(terminal, { file, path, folder, options: { ...options, ...kept } });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Watched {
  readonly file: string;
  /** Absolute. */
  readonly path: string;
  /** For files that are deleted at the end. */
  readonly folder: string;
  readonly options: DevOptions;
}

async function watchAndRun(terminal: Terminal, { file, path, folder, options }: Watched): Promise<void> {
  const read = settingsOfDev(terminal, options);
  const { store, name: storeName } = await requireStore(read);
  const flows: StudioFlow[] = [];
  const logger = terminalLogger(terminal, { least: "warn" });
  const bus = await openStoreBus(read);
  await using client = new Client({ store, workerTypes: [], logger });
  await client.start();
  const stopped = Promise.withResolvers<"stopped">();
  const stop = () => stopped.resolve("stopped");
  using _signals = onSignals(terminal, { interrupt: stop, terminate: stop });
  const parts = { store, storeName, logger, runs: "engine", adapters: [], fns: [], bus, flows } as const;
  const studio = await openStudioOf(terminal, read, parts);
  const watcher = new FileWatcher();
  terminal.note(`studio at ${studio.url}; Ctrl-C to stop`);
  const said = new Set<string>();
  let before: Graph | undefined;
  const show = (graph: Graph): void => {
    const changes = before === undefined ? [graphSummary(graph)] : graphChanges(before, graph);
    for (const line of changes.length === 0 ? ["no change in the graph"] : changes) terminal.note(line);
    before = graph;
    flows.splice(0, flows.length, { graph, file });
  };
  try {
    for (;;) {
      const others = [tsconfigOf(path), options.params].flatMap((each) => (each === undefined ? [] : resolve(each)));
      watcher.reset([...importedFiles(path), ...others]);
      const changed = watcher.next();
      const version = new Version({ terminal, file, path, options, folder, watcher, show, address: studio.url, said });
      const failed = Promise.withResolvers<never>();
      version.follow().catch(failed.reject);
      const next = await Promise.race([changed, stopped.promise, failed.promise]).catch(async (error) => {
        await version.end("flowkit dev failed");
        throw error;
      });
      const names = next === "stopped" ? "" : next.map(shownPath).join(", ");
      await version.end(next === "stopped" ? "flowkit dev stops" : `${names} changed`);
      // A process that had to be killed did not cancel its run.
      if (version.openTask !== undefined)
        await client.task(version.openTask).cancel({ reason: "its process was killed" });
      if (next === "stopped") break;
      terminal.note(`\n${names} changed`);
    }
  } finally {
    watcher.close();
    await studio.close();
  }
  terminal.note("stopped");
}

interface VersionParts extends Watched {
  readonly terminal: Terminal;
  readonly watcher: FileWatcher;
  /** Prints what changed, and passes the graph to the studio. */
  readonly show: (graph: Graph) => void;
  readonly address: string;
  /** Reasons for not checking types that were printed already: each is printed once. */
  readonly said: Set<string>;
}

/** One version of the file: its checks, and the process that runs it. */
class Version {
  readonly #parts: VersionParts;
  readonly #child;
  readonly #exited: Promise<void>;
  readonly #graph = Promise.withResolvers<Graph | undefined>();
  readonly #checking = new AbortController();
  readonly #killWithUs = () => void this.#child.kill("SIGKILL");
  #isEnding = false;
  #wasToldToRun = false;
  #startedAt = 0;
  /** The run, until it ends. */
  openTask: string | undefined;

  constructor(parts: VersionParts) {
    this.#parts = parts;
    const { file, options } = parts;
    const flags = { store: options.store, mongo: options.mongo, params: options.params, export: options.export };
    const given = Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}=${value}`]));
    const params = (options.param ?? []).map((each) => `--param=${each}`);
    this.#child = fork(process.argv[1] as string, [devRunCommand, ...given, ...params, "--", file], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    process.on("exit", this.#killWithUs);
    this.#exited = new Promise((done) => {
      this.#child.once("exit", (code, signal) => {
        process.off("exit", this.#killWithUs);
        this.#onExit(signal === null ? `code ${code}` : signal);
        done();
      });
    });
    this.#child.on("message", (message: FromFlow) => this.#onMessage(message));
  }

  /** Checks the file, and runs it if there are no errors. Rejects if the check itself failed. */
  async follow(): Promise<void> {
    const { terminal, path, options } = this.#parts;
    const checking = options.types && existsSync(path) ? this.#checkTypes() : undefined;
    const [graph, types] = await Promise.all([this.#graph.promise, checking]);
    if (this.#isEnding) return;
    const isRight = types === undefined || this.#showTypes(types);
    if (graph !== undefined) this.#parts.show(graph);
    if (isRight && graph !== undefined) {
      this.#wasToldToRun = true;
      return this.#send({ kind: "run" });
    }
    this.#child.kill("SIGKILL"); // it has loaded the file but does not run anything
    terminal.note("not run; waiting for the next change");
  }

  /** Cancels the run and ends the process. */
  async end(reason: string): Promise<void> {
    this.#isEnding = true;
    this.#checking.abort();
    this.#send({ kind: "stop", reason });
    // A version that has not started its run has nothing to cancel; one whose code never yields cannot receive a message.
    const waitedMs = this.#startedAt === 0 ? 0 : 3 * graceMs;
    const timer = setTimeout(() => {
      if (waitedMs > 0) this.#parts.terminal.note(`it did not stop within ${duration(waitedMs)}, and was killed`);
      this.#child.kill("SIGKILL");
    }, waitedMs);
    await this.#exited;
    clearTimeout(timer);
  }

  async #checkTypes(): Promise<TypeCheck | undefined> {
    const { file, folder } = this.#parts;
    const given = { buildInfo: join(folder, "types.tsbuildinfo"), signal: this.#checking.signal };
    try {
      return await checkTypes(file, given);
    } catch (error) {
      if (this.#isEnding) return undefined;
      throw error;
    }
  }

  /** Prints type errors. Returns whether the flow and its imports have none. */
  #showTypes(types: TypeCheck): boolean {
    const { terminal, watcher, said } = this.#parts;
    if (types.kind === "unavailable") {
      if (!said.has(types.reason)) terminal.note(terminal.styled("yellow", types.reason));
      said.add(types.reason);
      return true;
    }
    const own = types.mistakes.filter(({ path }) => path === undefined || watcher.has(path));
    const others = types.mistakes.length - own.length;
    for (const { text } of own) terminal.note(terminal.styled("red", text));
    terminal.note(
      own.length === 0 ? "no type errors" : `${counted(own.length, "type error")}; --no-types ignores them`,
    );
    if (others > 0) terminal.note(`${counted(others, "type error")} in files that the flow does not import`);
    return own.length === 0;
  }

  #onMessage(message: FromFlow): void {
    const { terminal, watcher, address } = this.#parts;
    if (message.kind === "loading") watcher.add(message.path);
    else if (message.kind === "graph") this.#graph.resolve(message.graph);
    else if (message.kind === "started") {
      this.openTask = message.taskId;
      this.#startedAt = performance.now();
      terminal.note(`run ${message.taskId}: ${address}#/runs/${message.taskId}`);
    } else {
      this.openTask = undefined;
      const after = duration(performance.now() - this.#startedAt);
      terminal.note(`run ${message.status} after ${after}${this.#isEnding ? "" : "; waiting for the next change"}`);
    }
  }

  /** The process has printed the reason already, unless it was killed. */
  #onExit(how: string): void {
    this.#graph.resolve(undefined);
    if (this.#isEnding || !this.#wasToldToRun) return;
    this.#parts.terminal.note(`the process of the flow exited with ${how}; waiting for the next change`);
  }

  #send(message: ToFlow): void {
    if (!this.#child.connected) return;
    this.#child.send(message, (error) => {
      if (error !== null && this.#child.connected) this.#parts.terminal.note(thrownMessage(error));
    });
  }
}
