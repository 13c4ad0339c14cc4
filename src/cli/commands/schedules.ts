import { type Command, Option } from "commander";
import { definedOf } from "../../engine/options.ts";
import { type Schedule, tick } from "../../engine/schedules.ts";
import type { Json } from "../../errors/index.ts";
import type { StoreOptions } from "../settings/open-parts.ts";
import { several } from "../settings/options.ts";
import { type Terminal, table } from "../terminal/terminal.ts";
import { count, examples, exportOption, storeCommands } from "./common.ts";
import { type FlowOptions, readFlow } from "./tasks-start.ts";
import { withClient } from "./with-client.ts";

interface PutOptions extends FlowOptions {
  readonly cron: string;
  readonly timeZone?: string;
  readonly overlap?: Schedule["overlap"];
  readonly catchUp?: number;
}

export function addSchedules(root: Command, terminal: Terminal): void {
  const schedules = root
    .command("schedules")
    .summary("manage schedules")
    .description(
      "Manage schedules: flows that run at given times. Coordinators start their tasks, such as `flowkit coordinator` or `flowkit up`.",
    )
    .helpCommand(false);
  const command = storeCommands(schedules);

  command("list", "list the schedules")
    .description("List schedules, newest first, with the time of their next run.")
    .option("--limit <count>", "maximum number of schedules, up to 1000", count, 100)
    .option("--cursor <cursor>", "continue after the previous page")
    .addHelpText("after", examples("schedules list --store runs.db"))
    .action((options: StoreOptions & { readonly limit: number; readonly cursor?: string }) =>
      withClient(terminal, options, async ({ client }) => {
        const page = await client.schedules.list(definedOf({ limit: options.limit, cursor: options.cursor }));
        if (terminal.isJson) return terminal.printJson(page);
        if (page.items.length === 0) terminal.note("no schedules");
        for (const line of table(page.items.map(row))) terminal.print(line);
        if (page.cursor !== undefined) terminal.note(`more: --cursor ${page.cursor}`);
      }),
    );

  command("put", "create or change a schedule")
    .description(
      "Create a schedule, or change the one of this id. A parameter with the value {date} is the day for which a run is scheduled, such as 2026-11-29, and {dueAt} the instant.",
    )
    .argument("<schedule>", "schedule id")
    .argument("<flow.ts|graph.json>", "file that exports the flow, or a graph JSON")
    .requiredOption("--cron <expression>", "minute, hour, day of month, month, day of week")
    .option("--time-zone <name>", "time zone of the expression, such as Europe/Berlin (default: UTC)")
    .addOption(
      new Option(
        "--overlap <rule>",
        "what a run does if the task of the previous run has not ended (default: skip)",
      ).choices(["skip", "queue", "allow", "replace"]),
    )
    .option("--catch-up <count>", "how many missed runs are made up (default: 1)", countOrNone)
    .option("-p, --param <name=value>", "parameter; name:=JSON for a JSON value; may be repeated", several)
    .option("--params <file>", "JSON file with parameters")
    .option(
      "--handlers <file>",
      "file that exports the handlers, input adapters and functions of a graph JSON, to check it",
    )
    .addOption(exportOption())
    .addHelpText(
      "after",
      examples(
        "schedules put nightly flow.ts --cron '0 3 * * *' --time-zone Europe/Berlin --param day={date} --store runs.db",
      ),
    )
    .action(async (id: string, file: string, options: PutOptions) => {
      const { access, flow, params } = await readFlow(terminal, file, options);
      const { cron, timeZone, overlap, catchUp } = options;
      await withClient(terminal, { ...options, ...access }, async ({ client }) => {
        const times = { cron, ...definedOf({ timeZone, overlap, catchUp }) };
        show(terminal, await client.schedules.put(id, { flow, params: withTicks(params), ...times }));
      });
    });

  for (const [name, summary] of [
    ["pause", "start no run until the schedule is resumed"],
    ["resume", "continue a schedule that is paused"],
  ] as const) {
    command(name, summary)
      .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
      .argument("<schedule>", "schedule id")
      .addHelpText("after", examples(`schedules ${name} nightly --store runs.db`))
      .action((id: string, options: StoreOptions) =>
        withClient(terminal, options, async ({ client }) => show(terminal, await client.schedules[name](id))),
      );
  }

  command("delete", "delete a schedule")
    .description("Delete a schedule. Its tasks stay.")
    .argument("<schedule>", "schedule id")
    .addHelpText("after", examples("schedules delete nightly --store runs.db"))
    .action((id: string, options: StoreOptions) =>
      withClient(terminal, options, async ({ client }) => {
        await client.schedules.delete(id);
        if (terminal.isJson) terminal.printJson({ deleted: id });
        else terminal.print(`deleted ${id}`);
      }),
    );

  command("next", "print the times of the next runs")
    .description("Print the times of the next runs, as if the schedule were not paused.")
    .argument("<schedule>", "schedule id")
    .option("--count <count>", "number of runs, up to 1000", count, 5)
    .addHelpText("after", examples("schedules next nightly --count 10 --store runs.db"))
    .action((id: string, options: StoreOptions & { readonly count: number }) =>
      withClient(terminal, options, async ({ client }) => {
        const times = (await client.schedules.next(id, options.count)).map(timeText);
        if (terminal.isJson) terminal.printJson({ id, next: times });
        else for (const time of times) terminal.print(time);
      }),
    );
}

const countOrNone = (text: string): number => (text === "0" ? 0 : count(text));

const timeText = (at: number): string => new Date(at).toISOString();

function show(terminal: Terminal, schedule: Schedule): void {
  if (terminal.isJson) terminal.printJson(schedule);
  else for (const line of table([row(schedule)])) terminal.print(line);
}

function row({ id, flow = "", cron, timeZone, paused, nextAt, failure }: Schedule): string[] {
  const next = paused ? "paused" : nextAt === undefined ? "never" : timeText(nextAt);
  return [id, flow, cron, timeZone, next, ...(failure === undefined ? [] : [`failed: ${failure.message}`])];
}

const ticks: Readonly<Record<string, unknown>> = { "{date}": tick.date, "{dueAt}": tick.dueAt };

function withTicks(params: Readonly<Record<string, Json>>): Readonly<Record<string, Json>> {
  const filled = Object.entries(params).map(([key, value]) => {
    const isTick = typeof value === "string" && Object.hasOwn(ticks, value);
    return [key, isTick ? ticks[value] : value];
  });
  return Object.fromEntries(filled);
}
