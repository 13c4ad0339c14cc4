import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { openMetrics } from "../../../src/cli/serving/metrics.ts";
import { catalogue } from "../../../src/cli/settings/catalogue.ts";

const page = resolve("docs/cli.md");
const ownMetrics = (text: string): readonly string[] =>
  [...new Set([...text.matchAll(/\bflowkit_[a-z_]+/g)].map(([name]) => name))].toSorted();

test("the page has a line for every setting", async () => {
  const rows = catalogue.map(({ path, env, flag, description, of }) => {
    const names = env.map((name) => `\`${name}\``).join(", ");
    const option = flag === undefined ? "" : `\`${flag.replace(/ .*/, "")}\``;
    return `| \`${path}\` | ${names} | ${option} | ${description}${of === undefined ? "" : `; for a ${of}`} |`;
  });
  const table = ["| in the file | in the environment | option | |", "|---|---|---|---|", ...rows].join("\n");
  const truePage = readFileSync(page, "utf8").replace(
    /(<!-- settings:begin.*-->\n)[\s\S]*(<!-- settings:end -->)/,
    (_, begin: string, end: string) => `${begin}${table}\n${end}`,
  );
  await expect(truePage).toMatchFileSnapshot(page);
});

test("the pages name existing metrics only, and the CLI page all of them", async () => {
  const metrics = await openMetrics();
  const health = {
    ready: true,
    store: { status: "ok" },
    bus: { status: "ok", restarts: 0, dropped: 0 },
    deadLetters: 0,
    loops: [],
    running: 0,
    capacity: 1,
  } as const;
  const served = ownMetrics((await metrics.text(health)).replaceAll(/^[^#].*$/gm, ""));
  expect(ownMetrics(readFileSync(page, "utf8"))).toEqual(served);
  const alerts = ownMetrics(readFileSync("docs/deploy.md", "utf8"));
  expect(alerts.length).toBeGreaterThan(5);
  expect(served).toEqual(expect.arrayContaining([...alerts]));
});
