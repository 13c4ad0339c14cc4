import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { docPrograms } from "../helpers/doc-programs.ts";
import { runProcess } from "../helpers/run-process.ts";

const readme = await readFile("README.md", "utf8");
const block = (info: string) => new RegExp(`^\`\`\`${info}\\n([\\s\\S]*?)^\`\`\``, "m").exec(readme)?.[1] ?? "";
let folder = "";

beforeAll(async () => {
  await mkdir(".cache", { recursive: true });
  folder = await mkdtemp(resolve(".cache/readme-")); // inside the repository, because the program imports its packages
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("the first program is the quickstart", async () => {
  expect(block("ts")).toBe(await readFile("examples/quickstart/main.ts", "utf8"));
});

test("the quickstart is short", () => {
  expect(block("ts").trimEnd().split("\n").length).toBeLessThan(30);
});

test("the graph on the page is the one that the program prints", async () => {
  const [program] = docPrograms(readme);
  await writeFile(join(folder, "program.ts"), program?.code ?? "");
  const onSource = resolve("test/helpers/flowkit-from-source.ts");
  const { output } = await runProcess("node", ["--import", onSource, join(folder, "program.ts")]);
  const printed = output.slice(output.indexOf('{\n  "schema_version"'));
  expect(JSON.parse(printed)).toEqual(JSON.parse(block("json")));
});

test("the compiler's error is the one on the page", async () => {
  const wrong = block("ts")
    .replace("input: z.array(Order)", "input: z.array(Order.extend({ price: z.string() }))")
    .replace("price * quantity", "Number(price) * quantity");
  await writeFile(join(folder, "wrong.ts"), wrong);
  await writeFile(join(folder, "tsconfig.json"), '{ "extends": "../../tsconfig.json", "files": ["wrong.ts"] }');
  const { output } = await runProcess("tsc", ["-p", folder, "--pretty", "false"]);
  const said = /^edge 'read' -> 'sum': .*$/m.exec(readme)?.[0] ?? "no such line on the page";
  expect(output).toContain(said);
  const place = /wrong\.ts\((\d+),(\d+)\)/.exec(output);
  const line = (await readFile(join(folder, "wrong.ts"), "utf8")).split("\n")[Number(place?.[1]) - 1] ?? "";
  expect(line.slice(Number(place?.[2]) - 1)).toMatch(/^sum, \{ startWhen/); // on the handler argument
});
