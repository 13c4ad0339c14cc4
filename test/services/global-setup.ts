import { copyFileSync, mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { ServiceMissing } from "../../scripts/services/downloads.ts";
import { startKafka } from "../../scripts/services/kafka.ts";
import type { Secured } from "../../scripts/services/kafka-security.ts";
import { startMongo } from "../../scripts/services/mongo.ts";
import type { ServerProcess } from "../../scripts/services/server-process.ts";
import { kafkaUsers } from "./kafka-users.ts";

/** The address of a server for tests, or why they are skipped or fail without one. */
export type ServiceAddress = { readonly address: string } | { readonly missing: string } | { readonly failed: string };

declare module "vitest" {
  interface ProvidedContext {
    /** Empty without a server. */
    readonly kafkaBrokers: string;
    /** The same broker for {@link kafkaUsers}; absent if its address was given. */
    readonly kafkaSecured: Secured | undefined;
    /** Empty without a server. */
    readonly mongodbUrl: string;
    readonly services: { readonly kafka: ServiceAddress; readonly mongodb: ServiceAddress };
  }
}

interface Started {
  readonly address: ServiceAddress;
  readonly server?: ServerProcess;
  readonly secured?: Secured | undefined;
}

const logs = fileURLToPath(new URL("../../.cache/services/logs", import.meta.url));
const here = fileURLToPath(new URL(".", import.meta.url));

/**
 * Starts the servers that the files of this run need, once for all of them: files in `kafka/` or `mongodb/` need that
 * one, all others both.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folders = project.vitest.state
    .getPaths()
    .filter((path) => path.startsWith(here))
    .map((path) => path.slice(here.length));
  const needs = (name: string, other: string) =>
    folders.some((path) => path.startsWith(`${name}/`) || !path.startsWith(`${other}/`));
  const [kafka, mongodb] = await Promise.all([
    serve(needs("kafka", "mongodb"), process.env.KAFKA_BROKERS, async () => {
      const server = await startKafka({ users: kafkaUsers });
      return { server, address: server.address, secured: server.secured };
    }),
    serve(needs("mongodb", "kafka"), process.env.MONGODB_URL, async () => {
      const server = await startMongo();
      return { server, address: server.url };
    }),
  ]);
  project.provide("services", { kafka: kafka.address, mongodb: mongodb.address });
  project.provide("kafkaBrokers", textOf(kafka.address));
  project.provide("kafkaSecured", kafka.secured);
  project.provide("mongodbUrl", textOf(mongodb.address));
  return async () => {
    const failed = project.vitest.state.getFailedFilepaths().some((path) => path.startsWith(here));
    for (const { server } of [kafka, mongodb]) {
      if (server === undefined) continue;
      if (failed) keepLog(server);
      await server.stop();
    }
  };
}

async function serve(
  needed: boolean,
  given: string | undefined,
  start: () => Promise<{
    readonly server: ServerProcess;
    readonly address: string;
    readonly secured?: Secured | undefined;
  }>,
): Promise<Started> {
  if (given !== undefined && given !== "") return { address: { address: given } };
  if (!needed) return { address: { missing: "no file of this run requires it" } };
  try {
    const { server, address, secured } = await start();
    return { server, address: { address }, secured };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const mayLack = error instanceof ServiceMissing && process.env.FLOWKIT_REQUIRE_SERVICES !== "1";
    // Throwing here would end the whole run, including tests that need no server.
    if (!mayLack) return { address: { failed: why } };
    console.log(`tests are skipped: ${why}`);
    return { address: { missing: why } };
  }
}

const textOf = (at: ServiceAddress): string => ("address" in at ? at.address : "");

function keepLog({ log }: ServerProcess): void {
  mkdirSync(logs, { recursive: true });
  const kept = join(logs, `${basename(dirname(log))}.log`);
  copyFileSync(log, kept);
  console.log(`the server's log is ${kept}`);
}
