import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { LibraryWorkspace } from "../../test-d/library.ts";
import { docPrograms } from "../helpers/doc-programs.ts";
import { runProcess } from "../helpers/run-process.ts";

const readme = await readFile("README.md", "utf8");
const block = (info: string) => new RegExp(`^\`\`\`${info}\\n([\\s\\S]*?)^\`\`\``, "m").exec(readme)?.[1] ?? "";

let workspace: LibraryWorkspace;
beforeAll(() => {
  workspace = new LibraryWorkspace("readme", inject("library"));
});
afterAll(() => workspace[Symbol.dispose]());

test("the first program is the quickstart", async () => {
  expect(block("ts")).toBe(await readFile("examples/quickstart/main.ts", "utf8"));
});

test("the quickstart is short", () => {
  expect(block("ts").trimEnd().split("\n").length).toBeLessThan(30);
});

test("the graph on the page is the one that the program prints", async () => {
  const [program] = docPrograms(readme);
  workspace.write("program.ts", program?.code ?? "");
  const onSource = resolve("test/helpers/flowkit-from-source.ts");
  const { output } = await runProcess("node", ["--import", onSource, join(workspace.path, "program.ts")]);
  const printed = output.slice(output.indexOf('{\n  "schema_version"'));
  expect(JSON.parse(printed)).toEqual(JSON.parse(block("json")));
});

test("the compiler's error is the one on the page", async () => {
  const wrong = block("ts")
    .replace("input: z.array(Order)", "input: z.array(Order.extend({ price: z.string() }))")
    .replace("price * quantity", "Number(price) * quantity");
  workspace.write("wrong.ts", wrong);
  const { diagnostics } = await workspace.compileUser("6.0", "wrong.ts");
  const said = /^edge 'read' -> 'sum': .*$/m.exec(readme)?.[0] ?? "no such line on the page";
  expect(diagnostics.map(({ text }) => text)).toContainEqual(expect.stringContaining(said));
  const { line = 0, column = 0 } = diagnostics.find(({ text }) => text.includes(said)) ?? {};
  expect(wrong.split("\n")[line - 1]?.slice(column - 1)).toMatch(/^sum, \{ startWhen/); // on the handler argument
});
