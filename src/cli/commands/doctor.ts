import type { Command } from "commander";
import type { Bus, Store } from "../../core/ports/index.ts";
import { systemClock, systemIds } from "../../core/ports/system.ts";
import type { TaskExplanation } from "../../core/tasks/api.ts";
import type { Client } from "../../engine/client.ts";
import { FlowError, isInstance } from "../../errors/index.ts";
import { coordinatorFnType } from "../../graph/index.ts";
import { openStoreBus, readTopics, type StoreOptions, storeSettings } from "../settings/open-parts.ts";
import type { ReadSettings } from "../settings/read-settings.ts";
import { CliError, exitCodes } from "../terminal/cli-error.ts";
import { terminalLogger } from "../terminal/logger.ts";
import { counted, duration, type Terminal, table } from "../terminal/terminal.ts";
import { configOption, examples, jsonOption, mongoOption, storeOption } from "./common.ts";
import { topicFindings } from "./doctor-topics.ts";
import { type StoreAccess, withClient } from "./with-client.ts";

/** What was checked, and the outcome. */
interface Finding {
  readonly check: "settings" | "store" | "clock" | "workers" | "tasks" | "dead letters" | "bus" | "kafka";
  readonly verdict: "ok" | "warning" | "error";
  readonly message: string;
  /** What to do. */
  readonly hint?: string;
}

export function addDoctor(root: Command, terminal: Terminal): void {
  root
    .command("doctor")
    .summary("check settings, connections, clocks and workers")
    .description(
      "Check the settings, the store and its layout, the clock of this machine against the store's, the bus in PostgreSQL or the topics of Kafka, and whether live workers serve what open tasks need. Changes nothing. Exits with 1 if something is wrong.",
    )
    .addOption(storeOption())
    .addOption(mongoOption())
    .addOption(configOption())
    .addOption(jsonOption())
    .addHelpText("after", examples("doctor --store runs.db", "doctor --config flowkit.json"))
    .action(async (options: StoreOptions) => {
      const findings = await diagnose(terminal, options);
      if (terminal.isJson) terminal.printJson({ findings });
      else print(terminal, findings);
      if (findings.some(({ verdict }) => verdict === "error")) terminal.exitCode = exitCodes.failed;
    });
}

const styles = { ok: "green", warning: "yellow", error: "red" } as const;

function print(terminal: Terminal, findings: readonly Finding[]): void {
  const lines = table(findings.map(({ verdict, check, message }) => [verdict, check, message]));
  for (const [index, { verdict, hint }] of findings.entries()) {
    const line = lines[index] ?? "";
    const word = terminal.styled(styles[verdict], verdict, terminal.stdout);
    terminal.print(`${word}${line.slice(verdict.length)}`);
    if (hint !== undefined) terminal.print(`  ${hint}`);
  }
}

/** Runs the checks in the order of their dependencies. */
async function diagnose(terminal: Terminal, options: StoreOptions): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const given = await attempted(findings, "settings", () => storeSettings(terminal, options));
  if (given === undefined) return findings;
  findings.push(ofSettings(given));
  const read = withoutMigration(given);
  const isReady = await attempted(findings, "store", () => lookAtStore(terminal, read, findings));
  await attempted(findings, "bus", async () => {
    const bus = isReady ? await openStoreBus(read) : undefined;
    if (bus !== undefined) findings.push(await ofBus(bus));
  });
  await attempted(findings, "kafka", async () => {
    const found = await readTopics(read, terminalLogger(terminal, { least: "error" }));
    if (found === undefined) return;
    const ofKafka = topicFindings(found, read.settings.kafka ?? {});
    findings.push(...ofKafka.map((finding) => ({ check: "kafka", ...finding }) as const));
  });
  return findings;
}

/** Read only: does not create tables. */
const withoutMigration = ({ settings, ...read }: ReadSettings): ReadSettings => ({
  ...read,
  settings: {
    ...settings,
    postgres: { ...settings.postgres, migrate: false },
    mongo: { ...settings.mongo, migrate: false },
  },
});

/** @returns whether the store is usable */
async function lookAtStore(terminal: Terminal, read: ReadSettings, findings: Finding[]): Promise<boolean> {
  try {
    await withClient(terminal, { read, mustNotChange: true }, async (access) => {
      findings.push({
        check: "store",
        verdict: "ok",
        message: "the store responds, and has the layout of this version",
      });
      findings.push(await ofClock(access.store), ...(await ofTasks(access)), ...(await ofDeadLetters(access.client)));
    });
    return true;
  } catch (error) {
    const layout = FlowError.is(error, "STORE_VERSION") ? error.details.olderLayout : undefined;
    if (typeof layout !== "number") throw error;
    findings.push(layout === 0 ? noTables : olderLayout(layout));
    return false;
  }
}

const noTables: Finding = {
  check: "store",
  verdict: "warning",
  message: "the store responds, and has no tables yet",
  hint: "flowkit up, coordinator and worker create them at their first start, as does flowkit tasks start.",
};

const olderLayout = (layout: number): Finding => ({
  check: "store",
  verdict: "warning",
  message: `the store responds, and has layout ${layout}, which is older than that of this version`,
  hint: "flowkit updates it when it is opened: up, coordinator and worker do when they start.",
});

/** The result of a check; `undefined` if it threw, which is a finding. */
async function attempted<T>(
  findings: Finding[],
  check: Finding["check"],
  run: () => T | Promise<T>,
): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (!(isInstance(error, CliError) || FlowError.is(error))) throw error;
    const hint = isInstance(error, CliError) && error.hint !== undefined ? { hint: error.hint } : {};
    findings.push({ check, verdict: "error", message: `${error.code}: ${error.message}`, ...hint });
    return undefined;
  }
}

function ofSettings({ origins }: ReadSettings): Finding {
  const named = [...origins].map(([path, { place }]) => `${path} (${place})`);
  return { check: "settings", verdict: "ok", message: named.length === 0 ? "none" : named.join(", ") };
}

/** A greater clock skew makes displayed times misleading; decisions use only the store's clock. */
const maxSkewMs = 2_000;

async function ofClock(store: Store): Promise<Finding> {
  const before = Date.now();
  const stored = await store.updateEntry({ kind: "paused_flow", id: "doctor" }, (_, now) => ({ answer: now }));
  const after = Date.now();
  const skewMs = stored < before ? stored - before : Math.max(0, stored - after);
  if (Math.abs(skewMs) <= maxSkewMs) {
    return { check: "clock", verdict: "ok", message: "this machine's clock agrees with the store's" };
  }
  return {
    check: "clock",
    verdict: "warning",
    message: `this machine's clock is ${duration(Math.abs(skewMs))} ${skewMs > 0 ? "behind" : "ahead of"} the store's`,
    hint: "Leases and retries go by the store's clock. Synchronize the clocks, or times in logs and explanations mislead.",
  };
}

/** Only the newest tasks are checked, since each is read as a whole. */
const mostTasks = 100;
/** By default, a coordinator finds an expired lease in its next sweep, much sooner than this. */
const unnoticedMs = 60_000;

async function ofTasks({ client, store }: StoreAccess): Promise<readonly Finding[]> {
  const workers = await store.liveWorkers();
  const { items } = await client.list({ status: ["running", "cancelling"], limit: mostTasks, children: true });
  const lacking = new Map<string, Set<string>>();
  const unnoticed: string[] = [];
  for (const { id } of items) {
    for (const { why } of await nodesOf(client, id)) {
      const isLacking = why.reason === "no_worker" || (why.reason === "lease_expired" && why.workers === 0);
      if (isLacking) lacking.set(why.type, (lacking.get(why.type) ?? new Set()).add(id));
      if (why.reason === "lease_expired") {
        const lostAt = why.leaseUntil || (why.heardAt ?? Date.now()); // 0: it is not known when it ended
        if (Date.now() - lostAt > unnoticedMs) unnoticed.push(id);
      }
    }
  }
  const served = workers.flatMap((worker) => worker.types);
  const types = [...new Set(served.map((type) => (type === coordinatorFnType ? "functions" : type)))].toSorted();
  const live = `${counted(workers.length, "live worker")}${types.length === 0 ? "" : `, for ${types.join(", ")}`}`;
  return [
    { check: "workers", verdict: "ok", message: live },
    ...[...lacking].map(
      ([type, ids]): Finding => ({
        check: "workers",
        verdict: "error",
        message: `no live worker serves '${type}', which ${counted(ids.size, "open task")} ${ids.size === 1 ? "needs" : "need"}, such as ${[...ids][0]}`,
        hint: `Start a worker with the file that exports its handler: flowkit worker --handlers FILE, or flowkit up FILE.`,
      }),
    ),
    ...(unnoticed.length === 0 ? [] : [noCoordinator(unnoticed)]),
    {
      check: "tasks",
      verdict: "ok",
      message: items.length < mostTasks ? counted(items.length, "open task") : `${mostTasks} open tasks or more`,
    },
  ];
}

/** The task may have ended, and been deleted, since it was listed. */
async function nodesOf(client: Client, id: string): Promise<TaskExplanation["nodes"]> {
  try {
    return (await client.task(id).explain()).nodes;
  } catch (error) {
    if (FlowError.is(error, "TASK_UNKNOWN")) return [];
    throw error;
  }
}

const noCoordinator = (ids: readonly string[]): Finding => ({
  check: "tasks",
  verdict: "error",
  message: `no coordinator seems to run: a worker of task ${ids[0]} was lost over ${unnoticedMs / 1_000} s ago, and its node was not queued again`,
  hint: "Start one: flowkit coordinator, or flowkit up FILE.",
});

async function ofDeadLetters(client: Client): Promise<readonly Finding[]> {
  const { items, cursor } = await client.deadLetters({ limit: mostTasks });
  if (items.length === 0) return [];
  const many = cursor === undefined ? counted(items.length, "dead letter") : `more than ${items.length} dead letters`;
  const hint = "Messages that could not be read: flowkit dlq list.";
  return [{ check: "dead letters", verdict: "warning", message: many, hint }];
}

/** Sooner than the bus polls without a notification. */
const notifiedWithinMs = 2_000;

/** Sends itself a message. */
async function ofBus(bus: Bus): Promise<Finding> {
  const arrived = Promise.withResolvers<"arrived">();
  const late = new AbortController();
  const name = `doctor.${systemIds.next()}`;
  try {
    const handle = async () => arrived.resolve("arrived");
    const subscription = await bus.subscribe({ group: name, topics: [name], isPrivate: true, handle });
    await bus.publish(name, name, { kind: "WORKER_OFFLINE", workerId: name });
    const clock = systemClock();
    const outcome = await Promise.race([arrived.promise, clock.sleep(notifiedWithinMs, late.signal)]);
    await subscription.close();
    if (outcome === "arrived") return { check: "bus", verdict: "ok", message: "the database notifies of messages" };
    const message = `a message did not arrive within ${notifiedWithinMs / 1_000} s`;
    const hint =
      "A proxy that shares connections between transactions passes no notifications on: connect without it, or processes notice changes later.";
    return { check: "bus", verdict: "warning", message, hint };
  } finally {
    late.abort();
    await bus.close();
  }
}
