import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "flowkit/engine";
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from "kafkajs";
import { expect, inject, onTestFinished, test } from "vitest";
import { freePort } from "../../scripts/services/free-port.ts";
import { mongoStore } from "../../src/adapters/mongo/index.ts";
import { cli, cliProject, type RunningCli, startCli } from "../helpers/cli.ts";
import { graphOf, node } from "../helpers/graphs.ts";
import { until } from "../helpers/waiting.ts";
import { openAdmin, sharedBrokers, uniquePrefix } from "./kafka/bus-tools.ts";
import { kafkaUsers, securedKafka } from "./kafka-users.ts";
import { database, freshPrefix } from "./mongodb/mongo-world.ts";
import { needsServices } from "./services.ts";

needsServices("kafka", "mongodb");

const patience = 60_000;

/** Records what it processes; its third batch waits for the file `go`, or for a stop. */
const handlersFile = `
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { defineHandler } from "flowkit";
import * as z from "zod";

export const count = defineHandler("count", {
  output: z.int(),
  *iterBatches() {
    for (const n of [1, 2, 3, 4]) yield { uid: "n" + n, payload: n };
  },
});
export const square = defineHandler("square", {
  input: z.int(),
  output: z.int(),
  async processBatch(n, ctx) {
    appendFileSync("processed", n + " ");
    console.log("the password is", process.env.KAFKA_SASL_PASSWORD);
    while (n === 3 && !existsSync("go")) await sleep(10, undefined, { signal: ctx.signal });
    return n * n;
  },
});
`;

/** A new folder, and unique names on the servers. */
function project() {
  const [prefix, topicPrefix] = [freshPrefix(), uniquePrefix()];
  const cwd = cliProject({
    "handlers.ts": handlersFile,
    "graph.json": graphOf(node("count"), node("square", ["count"])),
    "flowkit.json": {
      mongo: { url: inject("mongodbUrl"), database, prefix },
      kafka: { brokers: sharedBrokers(), prefix: topicPrefix },
    },
  });
  /** Starts the task with text output, and reads it as JSON. */
  const run = async (env: Readonly<Record<string, string>> = {}) => {
    const args = ["tasks", "start", "graph.json", "--handlers", "handlers.ts", "--config", "flowkit.json"];
    const { exitCode, stdout, stderr } = await cli(args, { cwd, env });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const store = mongoStore({ url: inject("mongodbUrl"), database, prefix });
    const client = new Client({ store, workerTypes: ["count", "square"] });
    onTestFinished(() => client.stop());
    await client.start();
    return client.task(stdout.trimEnd());
  };
  return { cwd, run, processed: () => readFileSync(join(cwd, "processed"), "utf8").trim() };
}

interface Served extends RunningCli {
  /** The response of a probe; without a status while nothing listens. */
  probe(path: string): Promise<{ readonly status?: number; readonly body: string }>;
}

async function served(
  command: string,
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Served> {
  const port = await freePort();
  const started = startCli([...command.split(" "), "--config", "flowkit.json", "--http-port", String(port)], {
    cwd,
    env,
  });
  return {
    ...started,
    async probe(path) {
      try {
        const response = await fetch(`http://127.0.0.1:${port}${path}`);
        return { status: response.status, body: await response.text() };
      } catch {
        return { body: "" };
      }
    },
  };
}

const isReady = async ({ probe, texts, child }: Served): Promise<boolean> => {
  if (child.exitCode !== null) throw new Error(`it ended: ${texts.stderr}`);
  return (await probe("/ready")).status === 200;
};
const allReady = async (parts: readonly Served[]) => {
  for (const part of parts) await until(() => isReady(part), "its readiness", patience);
};
const counts = async ({ probe }: Served, line: string): Promise<boolean> =>
  (await probe("/metrics")).body.includes(`\n${line}\n`);

async function stopped({ child, outcome }: Served) {
  child.kill("SIGTERM");
  const { exitCode, stdout } = await outcome;
  return { exitCode, stdout };
}
const well = { exitCode: 0, stdout: "" };

test("a coordinator and two workers run a task; its worker is stopped, and the other one continues", async () => {
  const { cwd, run, processed } = project();
  const coordinator = await served("coordinator --types count,square", { cwd });
  const workers = [
    await served("worker --handlers handlers.ts --grace 0", { cwd }),
    await served("worker --handlers handlers.ts --grace 0", { cwd }),
  ];
  await allReady([coordinator, ...workers]);

  const task = await run();
  let holder: Served | undefined;
  await until(
    async () => {
      for (const worker of workers) {
        const has = 'flowkit_batches_stored_total{type="square"} 2';
        if ((await counts(worker, "flowkit_claims_in_use 1")) && (await counts(worker, has))) holder = worker;
      }
      return holder !== undefined;
    },
    "a worker at the third batch",
    patience,
  );
  if (holder === undefined) throw new Error("no worker has it");
  const dispatched = 'flowkit_nodes_dispatched_total{type="square"} 1';
  const byHolder = await counts(holder, dispatched);
  expect(await stopped(holder)).toEqual(well);
  const [other] = workers.filter((worker) => worker !== holder);
  if (other === undefined) throw new Error("there is only one worker");
  await until(() => counts(other, "flowkit_claims_in_use 1"), "the other's claim", patience);
  writeFileSync(join(cwd, "go"), "");
  expect(await task.result()).toEqual({ square: [1, 4, 9, 16] });
  expect(processed()).toBe("1 2 3 3 4"); // only the batch in progress was processed again
  const { nodes } = await task.status();
  expect(nodes.map(({ nodeId, failures }) => ({ nodeId, failures }))).toEqual([
    { nodeId: "count", failures: 0 },
    { nodeId: "square", failures: 0 },
  ]);

  const end = 'flowkit_attempts_ended_total{type="square",outcome="finished"} 1';
  await until(() => counts(other, end), "the count of its end", patience);
  expect(await counts(other, 'flowkit_batches_stored_total{type="square"} 2')).toBe(true);
  expect(await counts(coordinator, 'flowkit_tasks_ended_total{status="finished"} 1')).toBe(true);
  // By the coordinator, or by the worker that had run 'count'.
  const others = await Promise.all([coordinator, other].map((each) => counts(each, dispatched)));
  expect([byHolder, ...others].filter(Boolean)).toEqual([true]);
  expect((await coordinator.probe("/metrics")).body).not.toContain("flowkit_leases_expired_total{");
  expect(await stopped(other)).toEqual(well);
  expect(await stopped(coordinator)).toEqual(well);
});

test("TLS and a password, which never appears in output, even if it is wrong", async (context) => {
  const { address, ca } = securedKafka(context);
  const password = kafkaUsers.shop;
  const admin = await openAdmin(sharedBrokers());
  const everything = { resourceName: "*", resourcePatternType: ResourcePatternTypes.LITERAL, principal: "User:shop" };
  const allowed = { host: "*", operation: AclOperationTypes.ALL, permissionType: AclPermissionTypes.ALLOW };
  await admin.createAcls({
    acl: [AclResourceTypes.TOPIC, AclResourceTypes.GROUP].map((resourceType) => ({
      ...everything,
      ...allowed,
      resourceType,
    })),
  });
  const { cwd, run } = project();
  writeFileSync(join(cwd, "ca.pem"), ca);
  writeFileSync(join(cwd, "go"), "");
  const env = {
    KAFKA_BROKERS: address,
    KAFKA_TLS_CA_FILE: "ca.pem",
    KAFKA_SASL_MECHANISM: "scram-sha-256",
    KAFKA_SASL_USERNAME: "shop",
    KAFKA_SASL_PASSWORD: password,
  };

  const coordinator = await served("coordinator --types count,square --log-level debug", { cwd, env });
  const worker = await served("worker --handlers handlers.ts --log-level debug --log-format json", { cwd, env });
  const parts = [coordinator, worker];
  await allReady(parts);
  expect(await (await run(env)).result()).toEqual({ square: [1, 4, 9, 16] });
  const answers = await Promise.all(
    parts.flatMap(({ probe }) => ["/metrics", "/health", "/ready"].map(async (path) => (await probe(path)).body)),
  );
  for (const part of parts) expect(await stopped(part)).toEqual(well);
  expect(worker.texts.stderr).toContain("the password is ****");

  const wrong = { ...env, KAFKA_SASL_PASSWORD: `no-${password}`, KAFKA_CONNECT_TIMEOUT_MS: "3000" };
  const refused = await cli(["worker", "--handlers", "handlers.ts", "--config", "flowkit.json"], { cwd, env: wrong });
  expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
  expect(refused.stderr).toMatch(/^error BUS_UNAVAILABLE: /m);

  const shown = [...answers, ...parts.map(({ texts }) => texts.stderr), refused.stderr];
  expect(shown).toHaveLength(9);
  for (const text of shown) {
    expect(text).not.toBe("");
    expect(text).not.toContain("s3cret");
  }
});
