import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ServiceMissing } from "../../scripts/services/downloads.ts";
import { type PostgresServer, startPostgres } from "../../scripts/services/postgres.ts";
import { postgresBus, postgresStore } from "../../src/adapters/postgres/index.ts";
import { useBrowser } from "./helpers/browser.ts";
import { approvalFlow, checkFlow } from "./helpers/flows.ts";
import { testStudio } from "./helpers/studio.ts";

const openPage = useBrowser();

let server: PostgresServer | undefined;
let missing: string | undefined;
beforeAll(async () => {
  try {
    server = await startPostgres();
  } catch (error) {
    if (!(error instanceof ServiceMissing) || process.env.FLOWKIT_REQUIRE_SERVICES === "1") throw error;
    missing = error.message;
  }
});
afterAll(() => server?.stop());
beforeEach(({ skip }) => {
  if (missing !== undefined) skip(missing);
});

test("on PostgreSQL: a run is started, watched, signalled, looked into and cancelled", async () => {
  const schema = `t_${randomUUID().slice(0, 8)}`;
  const { url: database = "" } = server ?? {};
  const place = {
    store: () => postgresStore({ url: database, schema }),
    bus: () => postgresBus({ url: database, schema }),
  };
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
