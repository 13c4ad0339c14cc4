import type { Command } from "commander";
import { createEngine, type Engine } from "../../engine/engine.ts";
import { definedOf } from "../../engine/options.ts";
import { FlowError } from "../../errors/index.ts";
import { readAllDefinitions, readAllFlows } from "../loading/read-graph.ts";
import { type Part, sendTo, serve } from "../serving/serve.ts";
import { studioFlows } from "../serving/studio.ts";
import { keptLogs, openStoreBus } from "../settings/open-parts.ts";
import { addSettingOptions, flagValues } from "../settings/options.ts";
import { type ReadSettings, readSettings } from "../settings/read-settings.ts";
import { counted, type Terminal } from "../terminal/terminal.ts";
import { examples } from "./common.ts";

const paths = [
  "store",
  "mongo.url",
  "capacity",
  "graceSec",
  "http.port",
  "http.host",
  "studio.enabled",
  "telemetry",
  "keepLogs",
  "log.format",
  "log.level",
];
const defaultCapacity = 8;

export function addUp(root: Command, terminal: Terminal): void {
  const command = root
    .command("up")
    .summary("run all tasks of a store until stopped")
    .description(
      "Run a coordinator and a worker in one process, for all tasks of a store whose handlers the files export, regardless of which process started them. SIGTERM or Ctrl-C stops it; running attempts continue in another process, or at the next start.",
    )
    .argument("<flow.ts...>", "files that export flows or handlers");
  addSettingOptions(command, paths)
    .addHelpText(
      "after",
      "\nThe names in brackets are environment variables. The command line overrides\nthem, and they override the config file.",
    )
    .addHelpText(
      "after",
      examples(
        "up flow.ts --store runs.db",
        "up etl.ts reports.ts --store runs.db --capacity 32",
        "up flow.ts --store runs.db --studio",
        "up flow.ts --store runs.db --http-port 9464",
      ),
    )
    .action((files: readonly string[], options: { readonly config?: string }) =>
      up(terminal, files, readSettings(terminal, { flags: flagValues({ ...options }), config: options.config })),
    );
}

async function up(terminal: Terminal, files: readonly string[], read: ReadSettings): Promise<void> {
  const { handlers, adapters, fns } = await readAllDefinitions(files);
  const flows = read.settings.studio?.enabled === true ? studioFlows(await readAllFlows(files)) : [];
  const {
    capacity = defaultCapacity,
    capacityPerType,
    maxRunning,
    maxRunningPerType,
    maxRunningPerTask,
    ratePerType,
  } = read.settings;
  const { leaseMs, pageSize, tickMs, sweepMs, maxLostLeases, cancelGraceMs } = read.settings;
  const limits = { capacityPerType, maxRunning, maxRunningPerType, maxRunningPerTask, ratePerType };
  await serve(terminal, read, async ({ store, storeName, logger, telemetry }) => {
    const bus = await openStoreBus(read);
    const part = enginePart(() =>
      createEngine({
        handlers,
        inputAdapters: adapters,
        coordinatorFns: fns,
        store,
        keepAlive: true,
        capacity,
        logger,
        ...definedOf({
          bus,
          telemetry,
          keepLogs: keptLogs(read),
          ...limits,
          leaseMs,
          pageSize,
          tickMs,
          sweepMs,
          maxLostLeases,
          cancelGraceMs,
        }),
      }),
    );
    const types = handlers.map(({ name }) => name).join(", ");
    const studio = { runs: "engine", flows, adapters, fns, bus, limits: definedOf(limits) } as const;
    return { part, studio, banner: `up on ${storeName}: ${types}; ${counted(capacity, "slot")}` };
  });
}

/** An engine exists only once it has started. */
function enginePart(create: () => Promise<Pick<Engine, "health" | "on" | "stop" | "task">>): Part {
  let starting: ReturnType<typeof create> | undefined;
  let engine: Awaited<ReturnType<typeof create>> | undefined;
  return {
    async start() {
      starting = create();
      engine = await starting;
    },
    async stop(options) {
      const started = await starting;
      await started?.stop(options);
    },
    health: () => engine?.health(),
    on(name, listener) {
      if (engine === undefined) throw new FlowError("ENGINE_NOT_STARTED", "the engine is starting");
      return engine.on(name, listener);
    },
    async signal(taskId, nodeId, payload) {
      if (engine === undefined) throw new FlowError("ENGINE_NOT_STARTED", "the engine is starting");
      return sendTo(engine)(taskId, nodeId, payload);
    },
  };
}
