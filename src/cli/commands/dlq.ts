import type { Command } from "commander";
import { decode } from "../../adapters/kafka/wire/codec.ts";
import type { Message } from "../../core/messages/messages.ts";
import type { DeadLetter } from "../../core/model/records.ts";
import type { Bus } from "../../core/ports/index.ts";
import type { Client } from "../../engine/client.ts";
import { FlowError } from "../../errors/index.ts";
import { openBus } from "../settings/open-parts.ts";
import type { StoreOptions } from "../settings/open-store.ts";
import { addSettingOptions, flagValues } from "../settings/options.ts";
import { readSettings } from "../settings/read-settings.ts";
import { CliError } from "../terminal/cli-error.ts";
import { terminalLogger } from "../terminal/logger.ts";
import { type Terminal, table } from "../terminal/terminal.ts";
import { configOption, count, examples, jsonOption, mongoOption, storeOption } from "./common.ts";
import { type StoreAccess, withClient } from "./with-client.ts";

type DlqOptions = StoreOptions;

interface RetryLettersOptions {
  readonly all?: boolean;
  readonly config?: string;
}

const retryPaths = ["store", "mongo.url", "mongo.database", "mongo.prefix", "kafka.brokers", "kafka.prefix"];

export function addDlq(root: Command, terminal: Terminal): void {
  const dlq = root
    .command("dlq")
    .summary("look at messages that nobody could read")
    .description(
      "Looks at dead letters: messages that nobody could read or handle. They are hints; what they told is found without them, and no task waits for one.",
    )
    .helpCommand(false);
  const command = (name: string, summary: string) =>
    dlq
      .command(name)
      .summary(summary)
      .addOption(storeOption())
      .addOption(mongoOption())
      .addOption(configOption())
      .addOption(jsonOption());

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

  const retried = dlq
    .command("retry")
    .summary("send letters once more")
    .description(
      "Sends dead letters once more by the topic that they came by, and forgets them: for messages that a handler failed at, or that an older version couldn't read. One that fails again is a new letter.",
    )
    .argument("[letter...]", "their ids")
    .option("--all", "each letter that there is");
  addSettingOptions(retried, retryPaths)
    .addOption(jsonOption())
    .addHelpText("after", examples("dlq retry 5b1c... --config flowkit.json", "dlq retry --all --config flowkit.json"))
    .action((ids: readonly string[], options: RetryLettersOptions) => retry(terminal, ids, options));

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
  for await (const letter of allLetters(client)) if (letter.id === id) return letter;
  throw unknown(id);
}

async function* allLetters(client: Client): AsyncGenerator<DeadLetter> {
  let cursor: string | undefined;
  do {
    const page = await client.deadLetters({ limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    yield* page.items;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

async function retry(terminal: Terminal, ids: readonly string[], options: RetryLettersOptions): Promise<void> {
  const { all = false, config } = options;
  if (all === ids.length > 0) throw new CliError("CLI_USAGE", "name letters, or say --all");
  const read = readSettings(terminal, { flags: flagValues({ ...options }), config });
  await withClient(terminal, { read }, async (access) => {
    const letters: DeadLetter[] = [];
    if (all) for await (const letter of allLetters(access.client)) letters.push(letter);
    for (const id of ids) letters.push(await letterOf(access, id));
    const bus = await openBus(read, terminalLogger(terminal));
    await sendAgain(letters, bus);
    for (const { id } of letters) await access.store.removeDeadLetter(id);
    await access.store.settle();
    if (terminal.isJson) terminal.printJson({ retried: letters.map(({ id, topic }) => ({ id, topic })) });
    for (const { id, topic } of terminal.isJson ? [] : letters) terminal.print(`sent ${id} again by ${topic}`);
    if (letters.length === 0) terminal.note("no dead letters");
  });
}

interface Parcel {
  readonly topic: string;
  readonly key: string;
  readonly message: Message;
}

/**
 * Sends what dead letters hold by the topics that they came by. When it resolves a broker has all of them, or none was
 * sent.
 *
 * @throws CliError `CLI_USAGE` for a letter that can't be sent
 * @throws FlowError `BUS_UNAVAILABLE`
 */
export async function sendAgain(letters: readonly DeadLetter[], bus: Bus | undefined): Promise<void> {
  if (bus === undefined) {
    throw new CliError("CLI_USAGE", "there is no bus to send letters by", {
      hint: "Add --kafka-brokers. Without a bus no message is missed: flowkit dlq remove forgets a letter.",
    });
  }
  try {
    // All are read before any is sent.
    const parcels = letters.map((letter) => parcelOf(letter, bus.prefix ?? ""));
    for (const { topic, key, message } of parcels) await bus.publish(topic, key, message);
  } finally {
    await bus.close(); // waits until they are sent
  }
  const { dropped = 0, lastError = "no broker answered" } = bus.health?.() ?? {};
  if (dropped > 0)
    throw new FlowError("BUS_UNAVAILABLE", `${dropped} letters could not be sent: ${lastError}`, { retryable: true });
}

function parcelOf({ id, topic, key, body }: DeadLetter, prefix: string): Parcel {
  const decoded = decode(new TextEncoder().encode(body));
  const refused = (why: string) =>
    new CliError("CLI_USAGE", `letter ${id} can't be sent again: ${why}`, {
      hint: "What it told is found without it: flowkit dlq remove forgets it.",
    });
  if ("problem" in decoded) throw refused(`${decoded.problem}, and nobody would read it`);
  if (!topic.startsWith(prefix)) throw refused(`it came by ${topic}, which has another prefix than '${prefix}'`);
  return { topic: topic.slice(prefix.length), key, message: decoded.message };
}
