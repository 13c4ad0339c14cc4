import { setTimeout as sleep } from "node:timers/promises";
import { type Command, Option } from "commander";
import { isTaskTerminal } from "../../core/model/records.ts";
import { type LogLevel, type LogLine, logLevels } from "../../core/model/task-log.ts";
import { logLine } from "../../engine/stderr-logger.ts";
import type { StoreOptions } from "../settings/open-parts.ts";
import { exitCodes } from "../terminal/cli-error.ts";
import { onSignals } from "../terminal/interrupts.ts";
import { counted, type Terminal } from "../terminal/terminal.ts";
import { examples, jsonOption } from "./common.ts";
import { type StoreAccess, withTask } from "./with-client.ts";

interface LogsOptions extends StoreOptions {
  readonly node?: string;
  readonly level?: LogLevel;
  readonly follow?: true;
}

const followEveryMs = 500;

/** Completes `flowkit tasks logs`. */
export function addTasksLogs(command: Command, terminal: Terminal): void {
  command
    .description(
      "Print what the handlers of a task have logged with ctx.logger, as far as it is kept: the newest 250 lines of each attempt, the newest 1,000 of the task. With --json, one line of JSON each.",
    )
    .argument("<task>", "task id")
    .option("--node <node>", "only lines of this node")
    .addOption(new Option("--level <level>", "only lines of this level or above").choices(logLevels))
    .option("--follow", "keep printing new lines until the task has ended")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      examples("tasks logs 3f2a --store runs.db", "tasks logs 3f2a --store runs.db --node load --follow"),
    )
    .action((given: string, options: LogsOptions) =>
      withTask(terminal, options, given, (access) => printLogs(terminal, access, options)),
    );
}

async function printLogs(
  terminal: Terminal,
  { client, store, id }: StoreAccess & { readonly id: string },
  { node, level = "debug", follow }: LogsOptions,
): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  using _signals = follow === true ? onSignals(terminal, { interrupt, terminate: interrupt }) : undefined;
  const isWanted = (line: LogLine) => logLevels.indexOf(line.level) >= logLevels.indexOf(level);
  let printed = 0;
  let dropped = 0;
  let after: { after?: number } = {};
  for (;;) {
    // Read before the logs: attempts start to store their last lines before their task ends.
    const hasEnded = isTaskTerminal((await store.readTask(id))?.status ?? "finished");
    for (let hasMore = true; hasMore; ) {
      const page = await client.task(id).logs({ ...after, ...(node === undefined ? {} : { nodeId: node }) });
      for (const line of page.lines.filter(isWanted)) {
        terminal.print(terminal.isJson ? JSON.stringify(line) : textOf(terminal, line));
        printed++;
      }
      ({ dropped, hasMore } = page);
      after = { after: page.next };
    }
    if (follow !== true || hasEnded || interrupted.signal.aborted) break;
    await sleep(followEveryMs, undefined, { signal: interrupted.signal }).catch(() => undefined); // interrupted
  }
  if (interrupted.signal.aborted) terminal.exitCode = exitCodes.interrupted;
  if (terminal.isJson) return;
  if (printed === 0) terminal.note("no lines");
  if (dropped > 0) terminal.note(`dropped ${counted(dropped, "older line")}`);
}

const colours = { debug: "gray", info: "reset", warn: "yellow", error: "red" } as const;

function textOf(terminal: Terminal, { at, level, nodeId, shard, epoch, message, fields = {} }: LogLine): string {
  const node = shard === 0 ? nodeId : `${nodeId}/${shard}`;
  const line = `${new Date(at).toISOString()} ${node}#${epoch} ${logLine(level, fields, message)}`;
  return terminal.styled(colours[level], line, terminal.stdout);
}
