import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import type { FlowList, TaskPage } from "../../../src/studio/api.ts";
import { cli, cliProject, squaresFlow, startCli } from "../../helpers/cli.ts";
import { until } from "../../helpers/waiting.ts";

const greetingFlow = `
import { defineHandler, flow, param } from "flowkit";
import * as z from "zod";
import { word } from "./words.ts";

const names = defineHandler("names", { output: z.string(), iterBatches: () => [{ payload: "ada" }] });
const greet = defineHandler("greet", {
  input: z.string(),
  output: z.object({ text: z.string() }),
  args: z.object({ mark: z.string() }),
  processBatch: (name, ctx) => ({ text: word + " " + name + ctx.args.mark }),
});
export const greeting = flow("greeting", { params: z.object({ mark: z.string() }) })
  .node("names", names)
  .then("greet", greet, { args: { mark: param("mark") } });
`;

/** With a TypeScript that knows `flowkit`. */
function typedProject(files: Readonly<Record<string, string | object>>): string {
  const compilerOptions = {
    ...{ strict: true, module: "nodenext", target: "es2023", skipLibCheck: true, types: [], lib: ["es2023", "dom"] },
    ...{ allowImportingTsExtensions: true, noEmit: true },
  };
  const cwd = cliProject({ "tsconfig.json": { compilerOptions, include: ["*.ts"] }, ...files });
  symlinkSync(resolve("node_modules/typescript"), join(cwd, "node_modules/typescript"));
  symlinkSync(resolve("."), join(cwd, "node_modules/flowkit"));
  return cwd;
}

function startDev(args: readonly string[], cwd: string) {
  const { child, outcome, texts } = startCli(["dev", ...args, "--port", "0"], { cwd });
  let seen = { stdout: 0, stderr: 0 };
  const all = () => texts.stderr.slice(seen.stderr) + texts.stdout.slice(seen.stdout);
  return {
    child,
    outcome,
    /** Waits for texts that are printed after the previous ones. */
    async prints(...expected: readonly (string | RegExp)[]): Promise<string> {
      const isThere = (each: string | RegExp) => (typeof each === "string" ? all().includes(each) : each.test(all()));
      const isDone = () => expected.every(isThere);
      let hasExited = false;
      void outcome.then(() => {
        hasExited = true;
      });
      await until(() => isDone() || hasExited, "the output", 60_000).catch(() => {});
      if (!isDone()) expect(all()).toBe(`what contains ${expected.join(" and ")}`);
      const output = all();
      seen = { stdout: texts.stdout.length, stderr: texts.stderr.length };
      return output;
    },
  };
}

const ended = /run finished after [^\n]*; waiting for the next change\n/;

const edit = (file: string, change: (text: string) => string): void =>
  writeFileSync(file, change(readFileSync(file, "utf8")));

test("runs again on each change, says what changed in the graph, and keeps the studio at one address", async () => {
  const cwd = typedProject({ "flow.ts": greetingFlow, "words.ts": 'export const word = "hello";\n' });
  const { prints, child, outcome } = startDev(["flow.ts", "--param", "mark=!"], cwd);
  const first = await prints("no type errors", "flow greeting: 2 nodes, 1 edge\n", '"hello ada!"', ended);
  const address = /studio at (http:\S+\/);/.exec(first)?.[1] ?? "";
  const get = async <T>(path: string) => (await (await fetch(new URL(path, address))).json()) as T;

  edit(join(cwd, "words.ts"), (text) => text.replace("hello", "bye"));
  await prints("words.ts changed\n", "no change in the graph\n", '"bye ada!"', ended);

  edit(join(cwd, "flow.ts"), (text) =>
    text

      .replace(
        '{ args: { mark: param("mark") } });',
        '{ args: { mark: "?" }, retry: { max: 0 } })\n  .then("again", greet, { args: { mark: "." }, optional: true });',
      )
      .replace("input: z.string()", "input: z.any()"),
  );
  const third = await prints("flow.ts changed\n", '{ "text": "bye', ended);
  expect(third).toContain("node 'again' added, of type 'greet', after 'greet'\n");
  expect(third).toMatch(/node 'greet': retries: 2 times, [^\n]* -> none\n/);
  expect(third).toContain(`node 'greet': argument 'mark': {"$ref":"params.mark"} -> "?"\n`);
  expect(third).toContain("type 'greet': the schema of its input changed\n");

  const { items } = await get<TaskPage>("api/tasks");
  expect(items.map(({ state }) => state)).toEqual(["finished", "finished", "finished"]);
  expect(third).toContain(`${address}#/runs/${items[0]?.id}\n`);
  expect((await get<FlowList>("api/flows")).items).toMatchObject([{ name: "greeting", file: "flow.ts", nodes: 3 }]);

  // Tasks that the studio starts run in the process of the newest version.
  const started = await fetch(new URL("api/tasks", address), {
    method: "POST",
    headers: { "content-type": "application/json", origin: new URL(address).origin },
    body: JSON.stringify({ flow: "greeting", params: { mark: "" } }),
  });
  expect(started.status).toBe(201);
  await prints(/a task finished [^\n]*flow="greeting"/);

  child.kill("SIGINT");
  await prints("stopped\n");
  expect(await outcome).toMatchObject({ exitCode: 0 });
});

test("a wrong file prints its errors, and the next change is awaited", async () => {
  const right = squaresFlow;
  const cwd = typedProject({ "flow.ts": right.replace("return { n: n * n };", "return { n: String(n) };") });
  const { prints, child } = startDev(["flow.ts"], cwd);
  const write = (text: string) => writeFileSync(join(cwd, "flow.ts"), text);
  const waits = "not run; waiting for the next change\n";
  const types = await prints(/^flow\.ts:\d+:\d+ error TS2322: /m, waits);
  expect(types).not.toContain("running");

  write(right.replace('.then("square"', '.then("numbers"'));
  await prints("error FLOW_INVALID: ", waits);
  write(right.replace("export const squares =", "export const squares"));
  await prints("error CLI_TYPESCRIPT_SYNTAX: ", waits);
  write(`import { nothing } from "./later.ts";\n${right}`);
  await prints("Cannot find module './later.ts'", waits);
  writeFileSync(join(cwd, "later.ts"), "export const nothing = 0;\n");
  await prints("later.ts changed\n", '{ "square": [{ "n": 1 }, { "n": 4 }] }', ended);
  rmSync(join(cwd, "flow.ts"));
  await prints("error CLI_FILE_NOT_FOUND: file not found: flow.ts\n", waits);
  write(right);
  await prints("flow.ts changed\n", ended);
  child.kill("SIGTERM");
  await prints("stopped\n");
});

test("parameters are those of run, and a wrong one does not stop it", async () => {
  const cwd = cliProject({ "flow.ts": squaresFlow, "params.json": { count: "three" } });
  const { prints, child } = startDev(["flow.ts", "--params", "params.json", "--param", "who=ada"], cwd);
  await prints(
    "types are not checked: there is no tsconfig.json",
    "error PARAMS_INVALID",
    "; waiting for the next change\n",
  );
  writeFileSync(join(cwd, "params.json"), '{ "count": 3 }');
  const next = await prints("params.json changed\n", '{ "square": [{ "n": 1 }, { "n": 4 }, { "n": 9 }] }', ended);
  expect(next).not.toContain("types are not checked"); // once is enough
  child.kill("SIGINT");
  await prints("stopped\n");
});

/** Waits until its attempt must stop; `HOW` determines what it does then. */
const waitingFlow = `
import { defineHandler, flow } from "flowkit";
import * as z from "zod";

const wait = defineHandler("wait", {
  output: z.string(),
  async *iterBatches(_args, ctx) {
    console.log("it waits");
    HOW
    yield { payload: "waited" };
  },
});
export const waiting = flow("waiting").node("wait", wait);
`;
const untilAborted =
  "await new Promise((_, fail) => ctx.signal.addEventListener('abort', () => fail(ctx.signal.reason)));";

test("a run in progress is cancelled when the file changes, and by Ctrl-C", async () => {
  const cwd = cliProject({ "flow.ts": waitingFlow.replace("HOW", untilAborted) });
  const { prints, child, outcome } = startDev(["flow.ts", "--no-types", "--store", "runs.db"], cwd);
  await prints("it waits\n");
  edit(join(cwd, "flow.ts"), (text) => `${text}// changed\n`);
  await prints(
    "cancelling the run: flow.ts changed\n",
    "run cancelled after",
    "no change in the graph\n",
    "it waits\n",
  );
  child.kill("SIGINT");
  await prints("cancelling the run: flowkit dev stops\n", "run cancelled after", "stopped\n");
  // The process of the flow has the same output, so it has exited too.
  expect(await outcome).toMatchObject({ exitCode: 0 });
  const { stdout } = await cli(["tasks", "list", "--store", "runs.db", "--json"], { cwd });
  expect(JSON.parse(stdout).items).toMatchObject([
    { status: "cancelled", cancelReason: "flowkit dev stops" },
    { status: "cancelled", cancelReason: "flow.ts changed" },
  ]);
});

test("code that never yields is killed, and its task is cancelled", async () => {
  const cwd = cliProject({ "flow.ts": waitingFlow.replace("HOW", "for (;;) {}") });
  const { prints, child } = startDev(["flow.ts", "--no-types", "--store", "runs.db"], cwd);
  await prints("it waits\n");
  edit(join(cwd, "flow.ts"), () => waitingFlow.replace("HOW", ""));
  await prints("it did not stop within", '{ "wait": ["waited"] }', ended);
  const list = async () => {
    const { stdout } = await cli(["tasks", "list", "--store", "runs.db", "--json"], { cwd });
    return JSON.parse(stdout).items as readonly { readonly status: string; readonly cancelReason?: string }[];
  };
  expect(await list()).toMatchObject([
    { status: "finished" },
    { status: expect.stringMatching(/^cancell/), cancelReason: "its process was killed" },
  ]);
  child.kill("SIGINT");
  await prints("stopped\n");
});
