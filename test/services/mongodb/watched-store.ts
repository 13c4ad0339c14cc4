import { type CommandStartedEvent, type CommandSucceededEvent, type Document, MongoClient } from "mongodb";
import { inject, onTestFinished } from "vitest";
import { dropCollections, freshPrefix, openStore } from "./mongo-world.ts";

const writing = new Set(["insert", "update", "delete", "findAndModify"]);

export const isWriting = (command: string): boolean => writing.has(command);

/** One that the driver sent. */
export interface Command {
  readonly name: string;
  readonly collection: string;
  readonly command: Document;
  /** Documents that it changed. */
  written: number;
}

interface Counts {
  readonly n: number;
  readonly nModified?: number;
  readonly upserted?: readonly unknown[];
}

/** A store whose commands are listened to. */
export async function watchedStore() {
  const prefix = freshPrefix();
  const client = new MongoClient(inject("mongodbUrl"), { monitorCommands: true });
  const commands: Command[] = [];
  const underWay = new Map<number, Command>();
  client.on("commandStarted", ({ commandName, command, requestId }: CommandStartedEvent) => {
    const target = String(command[commandName]);
    if (!target.startsWith(prefix)) return;
    const started: Command = { name: commandName, collection: target.slice(prefix.length), command, written: 0 };
    commands.push(started);
    underWay.set(requestId, started);
  });
  client.on("commandSucceeded", ({ requestId, reply }: CommandSucceededEvent) => {
    const started = underWay.get(requestId);
    if (started === undefined || !isWriting(started.name)) return;
    const { lastErrorObject, ...counts } = reply as Counts & { readonly lastErrorObject?: Counts };
    const { n, nModified, upserted = [] } = lastErrorObject ?? counts;
    started.written = nModified === undefined ? n : nModified + upserted.length;
  });
  onTestFinished(async () => {
    await dropCollections(client, prefix);
    await client.close();
  });
  return { client, prefix, commands, store: await openStore({ client, prefix }) };
}
