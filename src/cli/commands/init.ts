import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { wordsOf } from "../loading/find-file.ts";
import { ownVersion } from "../loading/one-flowkit.ts";
import type { Terminal } from "../terminal.ts";
import { examples } from "./common.ts";
import { flowSource, gitIgnore, packageJson, tsConfig } from "./init-files.ts";

export function addInit(root: Command, terminal: Terminal): void {
  root
    .command("init")
    .summary("make a small project that runs at once")
    .description(
      "Makes a small typed project: flow.ts, package.json, tsconfig.json and .gitignore. Replaces nothing that is there; a package.json that is there stays as it is.",
    )
    .argument("[folder]", "where; it is made when it isn't there", ".")
    .addHelpText("after", examples("init", "init my-flows"))
    .action((folder: string) => init(terminal, folder));
}

function init(terminal: Terminal, folder: string): void {
  const path = resolve(folder);
  const files = new Map([
    ["flow.ts", flowSource],
    ["tsconfig.json", tsConfig],
    [".gitignore", gitIgnore],
  ]);
  const there = [...files.keys()].filter((name) => existsSync(join(path, name)));
  if (there.length > 0) {
    throw new CliError("CLI_FILE_EXISTS", `${there.join(" and ")} ${there.length === 1 ? "is" : "are"} there already`, {
      hint: "Nothing was written. Name another folder: flowkit init my-flows",
    });
  }
  const isPackage = existsSync(join(path, "package.json"));
  if (!isPackage) files.set("package.json", packageJson(packageName(path), ownVersion()));
  try {
    mkdirSync(path, { recursive: true });
    for (const [name, text] of files) writeFileSync(join(path, name), text, { flag: "wx" });
  } catch (error) {
    throw new CliError("CLI_FILE_UNREADABLE", `${folder} can't be written to: ${wordsOf(error)}`, { cause: error });
  }
  const shown = (name: string) => relative("", join(path, name)) || name;
  for (const name of files.keys()) terminal.print(`wrote ${shown(name)}`);
  if (isPackage && !isModule(join(path, "package.json"))) {
    terminal.note(`${shown("package.json")} is there already: add "type": "module" to it`);
  }
  const enter = folder === "." ? [] : [`cd ${/^[\w./-]+$/.test(folder) ? folder : `'${folder}'`}`];
  const install = isPackage ? [] : ["npm install"];
  terminal.note(`\nNext:\n${[...enter, ...install, "npx flowkit run flow.ts"].map((line) => `  ${line}`).join("\n")}`);
}

function isModule(path: string): boolean {
  try {
    return JSON.parse(readFileSync(path, "utf8")).type === "module";
  } catch (error) {
    throw new CliError("CLI_FILE_UNREADABLE", `package.json can't be read: ${wordsOf(error)}`, { cause: error });
  }
}

/** Of a folder's name, what npm takes. */
const packageName = (path: string): string =>
  basename(path)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "") || "flows";
