import { decode } from "../adapters/kafka/wire/codec.ts";
import type { DeadLetter } from "../engine/model.ts";
import type { Bus } from "../engine/ports/index.ts";
import type { Message } from "../engine/protocol/messages.ts";
import { FlowError } from "../errors/index.ts";
import { CliError } from "./cli-error.ts";

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
