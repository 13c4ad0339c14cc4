import { copyFileSync, mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { ServiceMissing } from "../../scripts/services/downloads.ts";
import { startKafka } from "../../scripts/services/kafka.ts";
import type { Secured } from "../../scripts/services/kafka-security.ts";
import { startMongo } from "../../scripts/services/mongo.ts";
import { startPostgres } from "../../scripts/services/postgres.ts";
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
    /** Empty without a server. */
    readonly postgresUrl: string;
    readonly services: Readonly<Record<"kafka" | "mongodb" | "postgres", ServiceAddress>>;
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
 * Starts the servers that the files of this run need, once for all of them: files in `kafka/`, `mongodb/` or `postgres/`
 * need that one, those in `databases/` the last two, all others Kafka and MongoDB.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folders = project.vitest.state
    .getPaths()
    .filter((path) => path.startsWith(here))
    .map((path) => path.slice(here.length));
  const isIn = (name: string) => (path: string) => path.startsWith(`${name}/`);
  const needs = (name: string) => folders.some(isIn(name));
  const own = ["kafka", "mongodb", "postgres", "databases"];
  const needsBoth = folders.some((path) => !own.some((name) => isIn(name)(path)));
  const [kafka, mongodb, postgres] = await Promise.all([
    serve(needs("kafka") || needsBoth, process.env.KAFKA_BROKERS, async () => {
      const server = await startKafka({ users: kafkaUsers });
      return { server, address: server.address, secured: server.secured };
    }),
    serve(needs("mongodb") || needs("databases") || needsBoth, process.env.MONGODB_URL, async () => {
      const server = await startMongo();
      return { server, address: server.url };
    }),
    serve(needs("postgres") || needs("databases"), process.env.POSTGRES_URL, async () => {
      const server = await startPostgres();
      return { server, address: server.url };
    }),
  ]);
  project.provide("services", { kafka: kafka.address, mongodb: mongodb.address, postgres: postgres.address });
  project.provide("kafkaBrokers", textOf(kafka.address));
  project.provide("kafkaSecured", kafka.secured);
  project.provide("mongodbUrl", textOf(mongodb.address));
  project.provide("postgresUrl", textOf(postgres.address));
  return async () => {
    const failed = project.vitest.state.getFailedFilepaths().some((path) => path.startsWith(here));
    for (const { server } of [kafka, mongodb, postgres]) {
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
