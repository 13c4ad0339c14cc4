import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { cli } from "../../helpers/cli.ts";
import { runProcess } from "../../helpers/run-process.ts";
import { tempFolder } from "../../helpers/temp-folder.ts";

describe("flowkit init", () => {
  test("creates a project that runs immediately, before anything is installed", async () => {
    const cwd = tempFolder();
    const made = await cli(["init", "My Flows"], { cwd });
    expect(made).toEqual({
      exitCode: 0,
      stdout: ["flow.ts", "tsconfig.json", ".gitignore", "package.json"]
        .map((name) => `wrote My Flows/${name}\n`)
        .join(""),
      stderr: "\nNext:\n  cd 'My Flows'\n  npm install\n  npx flowkit run flow.ts\n",
    });
    const project = join(cwd, "My Flows");
    expect(JSON.parse(readFileSync(join(project, "package.json"), "utf8"))).toMatchObject({
      name: "my-flows",
      type: "module",
    });
    const { exitCode, stdout, stderr } = await cli(["run", "flow.ts"], { cwd: project });
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toBe('{ "sum": [{ "revenue": 4 }, { "revenue": 8 }] }\n');
  });

  test("its files pass the type checker", async () => {
    const cwd = tempFolder();
    expect((await cli(["init"], { cwd })).exitCode).toBe(0);
    mkdirSync(join(cwd, "node_modules/flowkit"), { recursive: true });
    for (const name of ["dist", "package.json"]) symlinkSync(resolve(name), join(cwd, "node_modules/flowkit", name));
    for (const name of ["zod", "@types"]) symlinkSync(resolve("node_modules", name), join(cwd, "node_modules", name));
    expect(await runProcess("tsc", ["-p", cwd], { cwd })).toEqual({ exitCode: 0, output: "" });
  });

  test("replaces nothing", async () => {
    const cwd = tempFolder();
    for (const name of ["flow.ts", "tsconfig.json", ".gitignore"]) writeFileSync(join(cwd, name), "mine");
    const all = (await cli(["init"], { cwd })).stderr;
    expect(all).toContain("error CLI_FILE_EXISTS: flow.ts, tsconfig.json, and .gitignore already exist\n");
    for (const name of ["tsconfig.json", ".gitignore"]) rmSync(join(cwd, name));
    const { exitCode, stderr } = await cli(["init"], { cwd });
    expect(stderr).toBe(
      "error CLI_FILE_EXISTS: flow.ts already exists\n  Nothing was written. Choose another directory: flowkit init my-flows\n",
    );
    expect(exitCode).toBe(2);
    expect(readdirSync(cwd)).toEqual(["flow.ts"]);
    expect(readFileSync(join(cwd, "flow.ts"), "utf8")).toBe("mine");
    expect((await cli(["init", "flow.ts"], { cwd })).stderr).toBe(
      "error CLI_FILE_EXISTS: flow.ts is a file\n  Pass a directory: flowkit init my-flows\n",
    );
  });

  test("keeps an existing package.json, and prints what is missing in it", async () => {
    const cwd = tempFolder();
    writeFileSync(join(cwd, "package.json"), '{ "dependencies": { "flowkit": "1", "zod": "4" } }');
    const { exitCode, stderr } = await cli(["init"], { cwd });
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      "\nNext:\n  npm pkg set type=module\n  npm install --save-dev typescript @types/node\n  npx flowkit run flow.ts\n",
    );
    expect(JSON.parse(readFileSync(join(cwd, "package.json"), "utf8"))).toEqual({
      dependencies: { flowkit: "1", zod: "4" },
    });
    // Node would warn that it has to guess the module type.
    expect((await cli(["export", "flow.ts"], { cwd })).stderr).toBe("");
  });
});
