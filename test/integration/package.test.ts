import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { type ProcessOutcome, runProcess } from "../helpers/run-process.ts";

/** A user's flow, from its definition to its results. */
const right = `
import { defineHandler, flow } from "flowkit";
import { createEngine } from "flowkit/engine";
import { simulate } from "flowkit/testing";
import * as z from "zod";

const numbers = defineHandler("numbers", {
  output: z.object({ n: z.int() }),
  *iterBatches() {
    for (const n of [1, 2, 3]) yield { payload: { n } };
  },
});
const square = defineHandler("square", {
  input: z.object({ n: z.int() }),
  output: z.object({ n: z.int() }),
  processBatch: ({ n }) => ({ n: n * n }),
});
const squares = flow("squares").node("numbers", numbers).then("square", square);

await using engine = await createEngine({ handlers: squares.handlers });
const task = await engine.run(squares);
const result = await task.result();
const typed: readonly { readonly n: number }[] = result.square;
console.log(JSON.stringify(typed));

const { run, violations } = await simulate({ seed: 1, flow: squares, faults: { cancels: false } });
const outputs: readonly { readonly n: number }[] | undefined = run?.outputs.square;
console.log(JSON.stringify({ violations, outputs }));
`;

const wrong = `
import { defineHandler, flow } from "flowkit";
import * as z from "zod";

const names = defineHandler("names", {
  output: z.object({ id: z.string() }),
  *iterBatches() {
    yield { payload: { id: "a" } };
  },
});
const count = defineHandler("count", {
  input: z.object({ id: z.number() }),
  output: z.object({ id: z.number() }),
  processBatch: (row) => row,
});
export const broken = flow("broken").node("names", names).then("count", count);
`;

/** Authors of stores can name the types of all answers, in declarations too. */
const ownStore = `
import { sqliteStore } from "flowkit/adapters/sqlite";
import type { Bus, EpochRef, Message, Store, UndeliveredMessage } from "flowkit/engine";

const store = sqliteStore(":memory:");
export const task = () => store.readTask("t");
export const shards = () => store.readShards("t");
export const artifacts = (ref: EpochRef) => store.readArtifacts(ref, 0, 0, 10);
export const page = () => store.listTasks({ limit: 10 });
export const letters = () => store.listDeadLetters({ limit: 10 });
export const slots = () => store.heldSlots();
export const workers = () => store.liveWorkers();
export const vars = () => store.readVars("t");
type Call = (...args: never[]) => unknown;
export type Calls = { readonly [TName in keyof Store]: Parameters<Extract<Store[TName], Call>> };
export const publish = (bus: Bus, message: Message) => bus.publish("topic", "key", message);
export const lost: readonly UndeliveredMessage[] = [];

await store.open();
console.log(await task(), await shards());
await store.close();
`;

/** Also checks declarations, with Node's libraries only. */
const compilerOptions = {
  target: "es2023",
  lib: ["es2023", "esnext.disposable"],
  module: "nodenext",
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  declaration: true,
  emitDeclarationOnly: true,
  outDir: "types",
};

const compilers = { "5.9": "typescript-5.9", "6.0": "typescript", "7.0": "typescript-7" };

describe("the published package", () => {
  let project: string;

  beforeAll(async () => {
    if (!existsSync("dist/index.js")) throw new Error("dist is missing: run `npm run build` first");
    project = await mkdtemp(join(tmpdir(), "flowkit-package-"));
    const packed = await runProcess("npm", ["pack", "--silent", "--pack-destination", project]);
    expect(packed.exitCode, packed.output).toBe(0);
    const tarball = packed.output.trim();
    const versions = packageJson.devDependencies;
    await writeFile(join(project, "package.json"), JSON.stringify({ type: "module", private: true }));
    const install = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--no-package-lock"];
    const wanted = [`./${tarball}`, `zod@${versions.zod}`, `@types/node@${versions["@types/node"]}`];
    const installed = await runProcess("npm", [...install, ...wanted], { cwd: project });
    expect(installed.exitCode, installed.output).toBe(0);
    await writeFile(join(project, "right.ts"), right);
    await writeFile(join(project, "wrong.ts"), wrong);
    await writeFile(join(project, "own-store.ts"), ownStore);
    const files = ["right.ts", "wrong.ts", "own-store.ts"];
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  });

  afterAll(() => rm(project, { recursive: true, force: true }));

  test("contains only the built code and its documents", async () => {
    const entries = await readdir(join(project, "node_modules/flowkit"));
    const papers = entries.filter((entry) => !["CHANGELOG.md", "README.md"].includes(entry));
    expect(papers.toSorted()).toEqual(["LICENSE", "dist", "package.json"]);
  });

  test("installs commander, croner, hono, jsonc-parser, re2js and ts-pattern, and zod only once", async () => {
    const entries = await readdir(join(project, "node_modules"));
    expect(entries.filter((entry) => !entry.startsWith(".")).toSorted()).toEqual([
      "@hono",
      "@types",
      "commander",
      "croner",
      "flowkit",
      "hono",
      "jsonc-parser",
      "re2js",
      "ts-pattern",
      "undici-types",
      "zod",
    ]);
    expect(existsSync(join(project, "node_modules/flowkit/node_modules"))).toBe(false);
  });

  describe.each(Object.entries(compilers))("with TypeScript %s", (_version, compiler) => {
    let compiled: ProcessOutcome;
    /** Output that is not about `wrong.ts`. */
    let others: readonly string[];
    beforeAll(async () => {
      const tsc = resolve("node_modules", compiler, "bin/tsc");
      // One program for all three files: most of the work is reading the declarations that each imports.
      compiled = await runProcess("node", [tsc, "-p", ".", "--pretty", "false"], { cwd: project });
      others = compiled.output.split("\n").filter((line) => line !== "" && !/^(wrong\.ts\(| )/.test(line));
    });

    test("a correct flow compiles, and a store's answers have exported types", () => {
      expect(others).toEqual([]);
      expect(existsSync(join(project, "types/right.d.ts"))).toBe(true);
    });

    test("a mismatched edge is reported", () => {
      expect(compiled.output).toContain("edge 'names' -> 'count': .id is string, needs number");
      expect(compiled.output.match(/error TS/g)).toHaveLength(1);
      expect(compiled.output).toMatch(/^wrong\.ts\(16,/);
    });
  });

  test("a SQLite store opens", async () => {
    expect(await runProcess("node", ["own-store.ts"], { cwd: project })).toEqual({
      exitCode: 0,
      output: "undefined []\n",
    });
  });

  test("the command is installed", async () => {
    expect(await runProcess("npx", ["--no-install", "flowkit", "--version"], { cwd: project })).toEqual({
      exitCode: 0,
      output: `${packageJson.version}\n`,
    });
  });

  test("the command reports a missing driver", async () => {
    const listed = await runProcess("npx", ["--no-install", "flowkit", "tasks", "list", "--mongo", "mongodb://h/d"], {
      cwd: project,
    });
    expect(listed).toEqual({
      exitCode: 2,
      output: "error CLI_IMPORT_FAILED: missing package: mongodb\n  Install it: npm install mongodb\n",
    });
  });

  test("the correct flow runs", async () => {
    expect(await runProcess("node", ["right.ts"], { cwd: project })).toEqual({
      exitCode: 0,
      output: '[{"n":1},{"n":4},{"n":9}]\n{"violations":[],"outputs":[{"n":1},{"n":4},{"n":9}]}\n',
    });
  });
});
