import type { Command } from "commander";
import { decode } from "../../adapters/kafka/wire/codec.ts";
import type { Message } from "../../core/messages/messages.ts";
import type { DeadLetter } from "../../core/model/records.ts";
import type { Bus } from "../../core/ports/index.ts";
import type { Client } from "../../engine/client.ts";
import { FlowError } from "../../errors/index.ts";
import { openBus, type StoreOptions } from "../settings/open-parts.ts";
import { addSettingOptions, flagValues } from "../settings/options.ts";
import { readSettings } from "../settings/read-settings.ts";
import { CliError } from "../terminal/cli-error.ts";
import { terminalLogger } from "../terminal/logger.ts";
import { type Terminal, table } from "../terminal/terminal.ts";
import { count, examples, jsonOption, storeCommands } from "./common.ts";
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
    .summary("manage dead letters")
    .description(
      "Manage dead letters: messages that could not be read or handled. Messages are only hints; sweeps find what they announced, and no task waits for one.",
    )
    .helpCommand(false);
  const command = storeCommands(dlq);

  command("list", "list the newest dead letters")
    .description("List dead letters, newest first.")
    .option("--limit <count>", "maximum number of letters, up to 1000", count, 20)
    .option("--cursor <cursor>", "continue after the previous page")
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

  command("show", "show a dead letter")
    .description("Show a dead letter as it was received, and why it was rejected.")
    .argument("<letter>", "letter id")
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
    .summary("send dead letters again")
    .description(
      "Send dead letters again to their topics, and remove them: for messages whose handling failed, or that an older version could not read. A message that fails again becomes a new letter.",
    )
    .argument("[letter...]", "letter ids")
    .option("--all", "all dead letters");
  addSettingOptions(retried, retryPaths)
    .addOption(jsonOption())
    .addHelpText("after", examples("dlq retry 5b1c... --config flowkit.json", "dlq retry --all --config flowkit.json"))
    .action((ids: readonly string[], options: RetryLettersOptions) => retry(terminal, ids, options));

  command("remove", "remove a dead letter")
    .description("Remove a dead letter.")
    .argument("<letter>", "letter id")
    .addHelpText("after", examples("dlq remove 5b1c... --store runs.db"))
    .action((id: string, options: DlqOptions) =>
      withClient(terminal, options, async ({ store }) => {
        const removed = await store.removeDeadLetter(id);
        await store.settle();
        if (!removed) throw notFound(id);
        if (terminal.isJson) terminal.printJson({ removed: id });
        else terminal.print(`removed ${id}`);
      }),
    );
}

const notFound = (id: string): CliError => new CliError("CLI_USAGE", `dead letter not found: '${id}'`);

async function letterOf({ client }: StoreAccess, id: string): Promise<DeadLetter> {
  for await (const letter of allLetters(client)) if (letter.id === id) return letter;
  throw notFound(id);
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
  if (all === ids.length > 0) throw new CliError("CLI_USAGE", "pass letter ids or --all");
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
    for (const { id, topic } of terminal.isJson ? [] : letters) terminal.print(`sent ${id} to ${topic} again`);
    if (letters.length === 0) terminal.note("no dead letters");
  });
}

interface Outgoing {
  readonly topic: string;
  readonly key: string;
  readonly message: Message;
}

/**
 * Sends the messages of dead letters to their topics again, or none of them if one cannot be sent. Resolves when a
 * broker has acknowledged all of them.
 *
 * @throws CliError `CLI_USAGE` for a letter that cannot be sent
 * @throws FlowError `BUS_UNAVAILABLE`
 */
async function sendAgain(letters: readonly DeadLetter[], bus: Bus | undefined): Promise<void> {
  if (bus === undefined) {
    throw new CliError("CLI_USAGE", "missing Kafka brokers", {
      hint: "Pass --kafka-brokers. Without Kafka, no message is needed: remove letters with flowkit dlq remove.",
    });
  }
  try {
    // Decode all of them before sending any.
    const messages = letters.map((letter) => toMessage(letter, bus.prefix ?? ""));
    for (const { topic, key, message } of messages) await bus.publish(topic, key, message);
  } finally {
    await bus.close(); // waits until they are acknowledged
  }
  const { dropped = 0, lastError = "no broker answered" } = bus.health?.() ?? {};
  if (dropped > 0)
    throw new FlowError("BUS_UNAVAILABLE", `failed to send ${dropped} letters: ${lastError}`, { retryable: true });
}

function toMessage({ id, topic, key, body }: DeadLetter, prefix: string): Outgoing {
  const decoded = decode(new TextEncoder().encode(body));
  const rejected = (reason: string) =>
    new CliError("CLI_USAGE", `cannot send letter ${id} again: ${reason}`, {
      hint: "Sweeps find what it announced. Remove it with flowkit dlq remove.",
    });
  if ("problem" in decoded) throw rejected(decoded.problem);
  if (!topic.startsWith(prefix)) throw rejected(`topic ${topic} does not have the prefix '${prefix}'`);
  return { topic: topic.slice(prefix.length), key, message: decoded.message };
}
