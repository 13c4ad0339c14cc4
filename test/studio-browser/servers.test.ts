import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ServiceMissing } from "../../scripts/services/downloads.ts";
import { startKafka } from "../../scripts/services/kafka.ts";
import { startMongo } from "../../scripts/services/mongo.ts";
import { startPostgres } from "../../scripts/services/postgres.ts";
import { kafkaBus } from "../../src/adapters/kafka/index.ts";
import { mongoStore } from "../../src/adapters/mongo/index.ts";
import { postgresBus, postgresStore } from "../../src/adapters/postgres/index.ts";
import type { StudioPlace } from "../contract/studio/fixture.ts";
import { useBrowser } from "./helpers/browser.ts";
import { approvalFlow, checkFlow } from "./helpers/flows.ts";
import { testStudio } from "./helpers/studio.ts";

const openPage = useBrowser();

interface Servers {
  readonly place: StudioPlace;
  stop(): Promise<unknown>;
}

async function postgres(): Promise<Servers> {
  const { url, stop } = await startPostgres();
  const schema = `t_${randomUUID().slice(0, 8)}`;
  return { place: { store: () => postgresStore({ url, schema }), bus: () => postgresBus({ url, schema }) }, stop };
}

async function kafkaAndMongo(): Promise<Servers> {
  const [kafka, mongo] = await Promise.all([startKafka(), startMongo()]);
  const bus = { brokers: [kafka.address], topics: { partitions: 3 }, heartbeatMs: 300 };
  return {
    place: { store: () => mongoStore({ url: mongo.url, database: "studio" }), bus: () => kafkaBus(bus) },
    stop: () => Promise.all([kafka.stop(), mongo.stop()]),
  };
}

describe.each([
  ["PostgreSQL", postgres],
  ["Kafka and MongoDB", kafkaAndMongo],
] as const)("on %s", (_, start) => {
  let servers: Servers | undefined;
  let missing = "";
  beforeAll(async () => {
    try {
      servers = await start();
    } catch (error) {
      if (!(error instanceof ServiceMissing) || process.env.FLOWKIT_REQUIRE_SERVICES === "1") throw error;
      missing = error.message;
    }
  });
  afterAll(() => servers?.stop());
  beforeEach(({ skip }) => {
    if (missing !== "") skip(missing);
  });

  test("a run is started, watched, signalled, looked into and cancelled", async () => {
    const { place } = servers as Servers;
    const approval = approvalFlow({ refuses: (n) => n % 4 === 1 });
    const numbers = checkFlow({
      refuses: () => false,
      before: (signal) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    });
    const { url, engine } = await testStudio({ flows: [approval, numbers], place });
    const page = await openPage(url);
    await page.getByText("No runs yet").waitFor();
    await page.getByRole("button", { name: "Run a flow" }).click();
    await page.getByRole("button", { name: "approval" }).click();
    await page.getByRole("button", { name: "Start the run" }).click();
    await page.locator('[data-node="sort"][data-state="finished"]').getByText("7 done").waitFor();
    await page.locator('[data-node="approve"][data-state="deferred"]').click();
    await page.getByRole("button", { name: "Send the signal" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("by").fill("Ada");
    await dialog.getByRole("button", { name: "Send the signal" }).click();
    await page.locator('.page-head [data-status="finished"]').first().waitFor();
    await page.locator('[data-node="sort"]').click();
    await page.getByRole("link", { name: "Errors (2)" }).click();
    await page.getByText("row 1 is odd").first().waitFor();
    await page.getByRole("link", { name: "Artifacts (9)" }).click();
    await page.getByText("9 artifacts are stored; 9 shown").waitFor();

    await page.getByRole("link", { name: "Runs", exact: true }).click();
    const second = await engine.run(numbers, { params: { rows: 3 } });
    await page.getByRole("link", { name: second.id }).click();
    await page.locator('[data-node="check"][data-state="running"]').waitFor();
    await page.getByRole("button", { name: "Cancel", exact: true }).click();
    await dialog.getByRole("button", { name: "Cancel the run" }).click();
    await page.locator('.page-head [data-status="cancelled"]').first().waitFor();
    expect((await second.status()).status).toBe("cancelled");
  });
});
