import { resolve } from "node:path";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { program } from "../../../src/cli/program.ts";
import { Terminal } from "../../../src/cli/terminal/terminal.ts";
import { cli, cliProject } from "../../helpers/cli.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

/** What each command prints for `--help`, by its command line. A process for each would cost a quarter of a second. */
const pages = new Map<string, string>();
/** Those of commands without subcommands. */
const leaves: string[] = [];
const look = (command: Command, path: readonly string[]): void => {
  let page = "";
  command.configureOutput({
    writeOut: (text) => {
      page += text;
    },
    getOutHelpWidth: () => 80,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  pages.set(["flowkit", ...path, "--help"].join(" "), page);
  const commands = command.createHelp().visibleCommands(command);
  if (commands.length === 0) leaves.push(page);
  for (const each of commands) look(each, [...path, each.name()]);
};

look(program(new Terminal()), []);

test("every command has help with examples", async () => {
  expect(pages.size).toBeGreaterThan(15);
  for (const page of leaves) expect(page).toMatch(/\nExamples:\n {2}\$ flowkit /);
  const text = [...pages].map(([line, page]) => `$ ${line}\n\n${page.trimEnd()}\n`);
  await expect(text.join(`\n${"-".repeat(80)}\n\n`)).toMatchFileSnapshot(resolve("test/integration/cli/help.txt"));
});

test.each(["flowkit --help", "flowkit tasks --help", "flowkit worker --help"])("%s prints that help", async (line) => {
  const { exitCode, stdout, stderr } = await cli(line.split(" ").slice(1), { cwd: tempFolder() });
  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: pages.get(line), stderr: "" });
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
  expect(await said("batches", "retry")).toMatchObject({
    exitCode: 2,
    stderr: "error CLI_USAGE: missing required argument 'task'\n  Run flowkit batches retry --help for usage.\n",
  });
  expect(await said("tasks", "delete", "3f2a")).toMatchObject({
    exitCode: 2,
    stderr: "error CLI_USAGE: unknown command 'delete'\n  Run flowkit tasks --help for usage.\n",
  });
  expect(await said("completion", "fsh")).toMatchObject({
    exitCode: 2,
    stderr:
      "error CLI_USAGE: invalid shell 'fsh': allowed choices are bash, zsh, fish\n  Run flowkit completion --help for usage.\n",
  });
  expect(await said("tasks", "list", "--limit", "many")).toMatchObject({
    exitCode: 2,
    stderr:
      "error CLI_USAGE: invalid --limit 'many': expected an integer from 1 to 999999\n  Run flowkit tasks list --help for usage.\n",
  });
  expect(await said("graph", "flow.ts", "--format", "png")).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^error CLI_USAGE: invalid --format 'png': allowed choices are mermaid, /),
  });
  expect(await said("studio", "--store", "runs.db", "--port", "http")).toMatchObject({
    exitCode: 2,
    stderr: "error CLI_CONFIG: --port: invalid studio.port 'http': expected a number\n",
  });
  const helpOf = async (...args: readonly string[]) => (await said(...args)).stdout;
  expect(await helpOf("help")).toBe(await helpOf("--help"));
  expect(await helpOf("help", "tasks", "list")).toBe(await helpOf("tasks", "list", "--help"));
  expect(await said()).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/^Usage: flowkit[\s\S]*error CLI_USAGE: missing command\n/),
  });
});
