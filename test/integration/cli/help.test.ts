import { resolve } from "node:path";
import { expect, test } from "vitest";
import { cli, cliProject } from "../../helpers/cli.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

/** The names below "Commands:". */
const commandsIn = (help: string): readonly string[] =>
  [...(/\nCommands:\n([\s\S]*?)(\n\n|$)/.exec(help)?.[1] ?? "").matchAll(/^ {2}(\S+)/gm)].map(([, name = ""]) => name);

test("every command has help with examples", async () => {
  const cwd = tempFolder();
  const pages: string[] = [];
  const look = async (path: readonly string[]): Promise<void> => {
    const { exitCode, stdout, stderr } = await cli([...path, "--help"], { cwd });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    pages.push(`$ flowkit ${[...path, "--help"].join(" ")}\n\n${stdout.trimEnd()}\n`);
    const commands = commandsIn(stdout);
    if (commands.length === 0) expect(stdout).toMatch(/\nExamples:\n {2}\$ flowkit /);
    for (const command of commands) await look([...path, command]);
  };
  await look([]);
  expect(pages.length).toBeGreaterThan(15);
  await expect(pages.join(`\n${"-".repeat(80)}\n\n`)).toMatchFileSnapshot(resolve("test/integration/cli/help.txt"));
});

test("mistyped command lines get a suggestion", async () => {
  const cwd = cliProject({ "flow.ts": "" });
  const said = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await cli(args, { cwd });
    return { exitCode, stdout, stderr };
  };
  expect(await said("exprot")).toEqual({
    exitCode: 2,
    stdout: "",
    stderr: "error CLI_USAGE: unknown command 'exprot'\n  Did you mean export?\n",
  });
  expect(await said("flow.ts")).toMatchObject({
    exitCode: 2,
    stderr: "error CLI_USAGE: unknown command 'flow.ts'\n  Did you mean flowkit run flow.ts?\n",
  });
  expect(await said("run", "flow.ts", "--jsno")).toMatchObject({
    exitCode: 2,
    stderr: "error CLI_USAGE: unknown option '--jsno'\n  Did you mean --json?\n",
  });
  expect(JSON.parse((await said("tasks", "lst", "--json")).stdout)).toEqual({
    error: { code: "CLI_USAGE", message: "unknown command 'lst'", hint: "Did you mean list?" },
  });
  expect(await said("run")).toMatchObject({
    exitCode: 2,
    stderr: "error CLI_USAGE: missing required argument 'flow.ts|graph.json'\n  Run flowkit run --help for usage.\n",
  });
  expect(await said("run", "a", "b")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("error CLI_USAGE: too many arguments"),
  });
  expect(await said("dlq", "--store", "runs.db")).toMatchObject({
    exitCode: 2,
    stderr: "error CLI_USAGE: unknown option '--store'\n  Run flowkit dlq --help for usage.\n",
  });
  const helpOf = async (...args: readonly string[]) => (await said(...args)).stdout;
  expect(await helpOf("help")).toBe(await helpOf("--help"));
  expect(await helpOf("help", "tasks", "list")).toBe(await helpOf("tasks", "list", "--help"));
  expect(await said()).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^Usage: flowkit[\s\S]*error CLI_USAGE: missing command\n/),
  });
});
