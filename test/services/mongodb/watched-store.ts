import { type CommandStartedEvent, type CommandSucceededEvent, type Document, MongoClient } from "mongodb";
import { inject, onTestFinished } from "vitest";
import { dropCollections, freshPrefix, openStore } from "./mongo-world.ts";

const writing = new Set(["insert", "update", "delete", "findAndModify"]);

export const isWriting = (command: string): boolean => writing.has(command);

/** A command that the driver sent. */
export interface Command {
  readonly name: string;
  readonly collection: string;
  readonly command: Document;
  /** Documents that it changed. */
  written: number;
  /** Positions of its sending and of its answer in the order of all such events of a client. */
  readonly sent: number;
  answered: number | undefined;
}

/** The number of sequential round trips: commands that were each sent after the answer to the previous one. */
export function sequential(commands: readonly Command[]): number {
  let count = 0;
  let last = Number.NEGATIVE_INFINITY;
  const ended = commands.flatMap(({ sent, answered }) => (answered === undefined ? [] : { sent, answered }));
  for (const { sent, answered } of ended.toSorted((a, b) => a.answered - b.answered)) {
    if (sent < last) continue;
    count++;
    last = answered;
  }
  return count;
}

interface Counts {
  readonly n: number;
  readonly nModified?: number;
  readonly upserted?: readonly unknown[];
}

/** A store whose commands are recorded. @param shared - the prefix of a store that uses the same collections */
export async function watchedStore(shared?: string) {
  const prefix = shared ?? freshPrefix();
  let events = 0;
  const client = new MongoClient(inject("mongodbUrl"), { monitorCommands: true });
  const commands: Command[] = [];
  const underWay = new Map<number, Command>();
  const unanswered = () => ({ written: 0, sent: ++events, answered: undefined });
  client.on("commandStarted", ({ commandName, command, requestId }: CommandStartedEvent) => {
    const target = String(command[commandName]);
    if (!target.startsWith(prefix)) return;
    const started: Command = { name: commandName, collection: target.slice(prefix.length), command, ...unanswered() };
    commands.push(started);
    underWay.set(requestId, started);
  });
  client.on("commandSucceeded", ({ requestId, reply }: CommandSucceededEvent) => {
    const started = underWay.get(requestId);
    if (started === undefined) return;
    started.answered = ++events;
    if (!isWriting(started.name)) return;
    const { lastErrorObject, ...counts } = reply as Counts & { readonly lastErrorObject?: Counts };
    const { n, nModified, upserted = [] } = lastErrorObject ?? counts;
    started.written = nModified === undefined ? n : nModified + upserted.length;
  });
  onTestFinished(async () => {
    if (shared === undefined) await dropCollections(client, prefix);
    await client.close();
  });
  return { client, prefix, commands, store: await openStore({ client, prefix }) };
}
