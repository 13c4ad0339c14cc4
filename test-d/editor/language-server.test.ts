import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { Workspace } from "../compilers.ts";
import { libraryPaths } from "../library.ts";
import { LanguageServer } from "./language-server.ts";

/* What an editor with TypeScript 7.0 shows for a handler and for a flow: the same as 5.9 and 6.0 show, in `hovers.txt`. */

const sizes = [0, 1, 9, 10, 20, 300];
const nodes = (size: number) => Array.from({ length: size }, (_, at) => `\n  .node("n${at}", clean)`).join("");
const flows = sizes.map((size) => `export const flow${size} = flow("long")${nodes(size)};`);
const text = `import { defineHandler, flow } from "flowkit";
import * as z from "zod";
export const clean = defineHandler("clean", { output: z.object({ n: z.int() }), processBatch: () => ({ n: 1 }) });
${flows.join("\n")}
`;

let workspace: Workspace;
let server: LanguageServer;
let path: string;
beforeAll(async () => {
  workspace = new Workspace("server");
  path = join(workspace.path, "open.ts");
  const compilerOptions = { paths: libraryPaths(inject("library")) };
  const project = { extends: "../../tsconfig.json", compilerOptions, include: [], files: ["open.ts"] };
  workspace.write("tsconfig.json", JSON.stringify(project));
  workspace.write("open.ts", text);
  server = await LanguageServer.start(workspace.path);
  server.open(path, text);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  workspace[Symbol.dispose]();
});

const hover = (name: string) => server.hover(path, text, text.indexOf(`const ${name} `) + "const ".length);

test("shows a handler by its name", async () => {
  expect(await hover("clean")).toBe('const clean: Handler<"clean", never>');
});

test.each(sizes)("shows a flow by its name and its %i nodes", async (size) => {
  const count = `${size} ${size === 1 ? "node" : "nodes"}`;
  expect(await hover(`flow${size}`)).toBe(`const flow${size}: Flow<"long", "${count}", never>`);
});
