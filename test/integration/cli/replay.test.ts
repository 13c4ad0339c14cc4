import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cli, cliProject, startCli } from "../../helpers/cli.ts";

/** Its times are dates for the handler; the third one fails, and is set aside. */
const flowFile = `
import { defineHandler, flow, param } from "flowkit";
import * as z from "zod";

const Visit = z.object({ who: z.string(), at: z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
}) });
const visits = defineHandler("visits", {
  output: Visit,
  *iterBatches() {
    for (const [day, who] of ["ada", "bob", "eve"].entries()) {
      yield { uid: who, payload: { who, at: new Date(Date.UTC(2026, 10, 24 + day)) } };
    }
  },
});
const open: string[] = [];
const greet = defineHandler("greet", {
  input: Visit,
  output: z.object({ text: z.string(), services: z.number() }),
  args: z.object({ word: z.string() }),
  setup: () => open.push("opened"),
  teardown: () => { console.log("closed", open.length); },
  processBatch({ who, at }, ctx) {
    ctx.metrics.add("letters", who.length);
    if (who === "eve") throw Object.assign(new Error("nobody greets eve"), { code: "rude" });
    return { text: \`\${ctx.args.word} \${who} on \${at.toISOString().slice(0, 10)} of \${ctx.params.place}\`, services: ctx.services };
  },
});
export const greeting = flow("greeting", { params: z.object({ place: z.string().default("Rome") }) })
  .node("visits", visits)
  .then("greet", greet, { args: { word: "hello" }, retry: { max: 0 }, onBatchFailure: "setAside" });
`;

async function projectWithRun(): Promise<{ readonly cwd: string; readonly args: readonly string[] }> {
  const cwd = cliProject({ "flow.ts": flowFile });
  const { stderr } = await cli(["run", "flow.ts", "--store", "runs.db"], { cwd });
  const id = /task (\S+) in runs\.db/.exec(stderr)?.[1] ?? "";
  return { cwd, args: ["replay", id.slice(0, 8), "--store", "runs.db", "--handlers", "flow.ts", "--node", "greet"] };
}

test("the handler runs again on the input of a batch, whether that was stored or set aside", async () => {
  const { cwd, args } = await projectWithRun();
  expect(await cli([...args, "--batch", "bob"], { cwd })).toEqual({
    exitCode: 0,
    stdout: '{"text":"hello bob on 2026-11-25 of Rome","services":1}\n',
    stderr: "closed 1\n",
  });
  const json = await cli([...args, "--batch", "ada", "--json"], { cwd });
  expect(JSON.parse(json.stdout)).toMatchObject({
    nodeId: "greet",
    uid: "ada",
    output: { text: "hello ada on 2026-11-24 of Rome" },
    metrics: { letters: 3 },
  });
  const failed = await cli([...args, "--batch", "eve"], { cwd });
  expect(failed).toMatchObject({ exitCode: 1, stdout: "" });
  expect(failed.stderr).toMatch(
    /^failed unexpected_error: nobody greets eve\n {2}at .*flow\.ts:\d+:\d+\)?\nclosed 1\n$/,
  );

  // Runs this file, not the code that ran then; stores nothing.
  writeFileSync(join(cwd, "flow.ts"), flowFile.replace('who === "eve"', "false"));
  expect(await cli([...args, "--batch", "eve"], { cwd })).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining("hello eve"),
  });
  const list = await cli(["tasks", "list", "--store", "runs.db", "--json"], { cwd });
  expect(JSON.parse(list.stdout).items).toHaveLength(1);
});

test("what cannot be replayed is an error that says why", async () => {
  const { cwd, args } = await projectWithRun();
  for (const [more, message] of [
    [["--batch", "zoe"], "of node 'greet' is not known: the logs of its node's sources have no such batch; if its uid"],
    [["--batch", "ada", "--node", "gret"], "has no node 'gret'\n  Did you mean 'greet'?"],
    [["--batch", "ada", "--node", "visits"], "the handler 'visits' processes no batches"],
  ] as const) {
    expect(await cli([...args, ...more], { cwd })).toMatchObject({
      exitCode: 2,
      stdout: "",
      stderr: expect.stringContaining(message),
    });
  }
});

test("--as-test writes a Vitest test, with the input as the schema parses it", async () => {
  const { cwd, args } = await projectWithRun();
  const written = await cli([...args, "--batch", "eve", "--as-test", "eve.test.ts"], { cwd });
  expect(written).toEqual({ exitCode: 0, stdout: "", stderr: "wrote eve.test.ts\n" });
  const text = readFileSync(join(cwd, "eve.test.ts"), "utf8");
  expect(text).toContain('import { greeting } from "./flow.ts";');
  expect(text).toContain(
    'greeting.handlers["greet"]!.processBatch?.(z.decode(greeting.handlers["greet"]!.input!, { "who": "eve", "at": "2026-11-26T00:00:00.000Z" }), ctx)',
  );
  expect(await cli([...args, "--batch", "eve", "--as-test", "eve.test.ts"], { cwd })).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("CLI_FILE_EXISTS"),
  });

  // Fails like the batch; with the tested code repaired, it does not. Only Vitest itself is replaced.
  const vitest = `let running: Promise<void> | undefined;
const expect = (value: unknown) => ({ toMatchInlineSnapshot: () => console.log("returned", JSON.stringify(value)) });
const test = (_: string, run: () => Promise<void>) => void (running = run());
`;
  const runnable = text.replace('import { expect, test } from "vitest";', vitest);
  writeFileSync(join(cwd, "runnable.ts"), `${runnable}\nawait running;\n`);
  expect((await cli(["run", "runnable.ts"], { cwd })).stderr).toContain("nobody greets eve");
  writeFileSync(
    join(cwd, "flow.ts"),
    flowFile.replace('who === "eve"', "false").replace("services: ctx.services", "services: 0"),
  );
  expect((await cli(["run", "runnable.ts"], { cwd })).stderr).toContain(
    'returned {"text":"hello eve on 2026-11-26 of Rome","services":0}',
  );
});

test("--inspect waits for a debugger, on this machine only, and stops in the first line of the handler", async () => {
  const { cwd, args } = await projectWithRun();
  const waiting = startCli([...args, "--batch", "ada", "--inspect"], { cwd });
  await waiting.printed("For help, see: https://nodejs.org/"); // after the whole address
  expect(waiting.texts.stdout).toBe("");
  const debug = new WebSocket(/ws:\/\/127\.0\.0\.1:\S+/.exec(waiting.texts.stderr)?.[0] ?? "");
  onTestFinished(() => debug.close());
  const send = (id: number, method: string) => debug.send(JSON.stringify({ id, method }));
  debug.onopen = () => {
    send(1, "Debugger.enable");
    send(2, "Runtime.runIfWaitingForDebugger");
  };
  const paused = Promise.withResolvers<string>();
  debug.onclose = ({ code, reason }) =>
    paused.reject(new Error(`the debugger's connection closed: ${code} ${reason}\n${waiting.texts.stderr}`));
  debug.onmessage = ({ data }) => {
    const { method, params } = JSON.parse(data);
    if (method !== "Debugger.paused") return;
    const [{ functionName, location }] = params.callFrames;
    paused.resolve(`${functionName}: ${flowFile.split("\n")[location.lineNumber]?.trim()}`);
    send(3, "Debugger.resume");
  };
  expect(await paused.promise).toBe('processBatch: ctx.metrics.add("letters", who.length);');
  await waiting.printed("Waiting for the debugger to disconnect");
  debug.close();
  expect(await waiting.outcome).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("hello ada") });
});
