import type { Command } from "commander";
import type { DeadLetter } from "../../engine/model.ts";
import { CliError } from "../cli-error.ts";
import type { StoreOptions } from "../open-store.ts";
import { table } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { type StoreAccess, withClient } from "../with-client.ts";
import { count, examples, jsonOption, mongoOption, storeOption } from "./common.ts";

type DlqOptions = StoreOptions;

export function addDlq(root: Command, terminal: Terminal): void {
  const dlq = root
    .command("dlq")
    .summary("look at messages that nobody could read")
    .description(
      "Looks at dead letters: messages that nobody could read or handle. They are hints; what they told is found without them, and no task waits for one.",
    )
    .helpCommand(false);
  const command = (name: string, summary: string) =>
    dlq.command(name).summary(summary).addOption(storeOption()).addOption(mongoOption()).addOption(jsonOption());

  command("list", "the newest letters")
    .description("Lists dead letters, the newest first.")
    .option("--limit <count>", "how many, up to 1000", count, 20)
    .option("--cursor <cursor>", "go on where a list ended")
    .addHelpText("after", examples("dlq list --store runs.db"))
    .action((options: DlqOptions & { readonly limit: number; readonly cursor?: string }) =>
      withClient(terminal, options, async ({ client }) => {
        const { limit, cursor } = options;
        const page = await client.deadLetters({ limit, ...(cursor === undefined ? {} : { cursor }) });
        if (terminal.isJson) {
          terminal.printJson(page);
          return;
        }
        if (page.items.length === 0) terminal.note("no dead letters");
        const rows = page.items.map(({ id, topic, at, reason }) => [id, topic, new Date(at).toISOString(), reason]);
        for (const line of table(rows)) terminal.print(line);
        if (page.cursor !== undefined) terminal.note(`more: --cursor ${page.cursor}`);
      }),
    );

  command("show", "a letter as it came")
    .description("Shows a dead letter as it came, with the reason.")
    .argument("<letter>", "its id")
    .addHelpText("after", examples("dlq show 5b1c... --store runs.db"))
    .action((id: string, options: DlqOptions) =>
      withClient(terminal, options, async (access) => {
        const letter = await letterOf(access, id);
        if (terminal.isJson) terminal.printJson(letter);
        else {
          terminal.print(`${letter.topic} ${letter.key}  ${new Date(letter.at).toISOString()}\n${letter.reason}\n`);
          terminal.print(letter.body);
        }
      }),
    );

  command("remove", "forget a letter")
    .description("Removes a dead letter.")
    .argument("<letter>", "its id")
    .addHelpText("after", examples("dlq remove 5b1c... --store runs.db"))
    .action((id: string, options: DlqOptions) =>
      withClient(terminal, options, async ({ store }) => {
        const removed = await store.removeDeadLetter(id);
        await store.settle();
        if (!removed) throw unknown(id);
        if (terminal.isJson) terminal.printJson({ removed: id });
        else terminal.print(`removed ${id}`);
      }),
    );
}

const unknown = (id: string): CliError => new CliError("CLI_USAGE", `there is no dead letter '${id}'`);

async function letterOf({ client }: StoreAccess, id: string): Promise<DeadLetter> {
  let cursor: string | undefined;
  do {
    const page = await client.deadLetters({ limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    const found = page.items.find((letter) => letter.id === id);
    if (found !== undefined) return found;
    cursor = page.cursor;
  } while (cursor !== undefined);
  throw unknown(id);
}
