import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
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
  if (existsSync(path) && !statSync(path).isDirectory()) {
    throw new CliError("CLI_FILE_EXISTS", `${folder} is a file`, { hint: "Name a folder: flowkit init my-flows" });
  }
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
  const enter = folder === "." ? [] : [`cd ${/^[\w./-]+$/.test(folder) ? folder : `'${folder}'`}`];
  const prepare = isPackage ? lacking(join(path, "package.json")) : ["npm install"];
  const next = [...enter, ...prepare, "npx flowkit run flow.ts"];
  terminal.note(`\nNext:\n${next.map((line) => `  ${line}`).join("\n")}`);
}

/** What a package.json that was there needs, as commands. */
function lacking(path: string): readonly string[] {
  let manifest: { readonly type?: unknown; readonly dependencies?: object; readonly devDependencies?: object };
  try {
    manifest = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CliError("CLI_FILE_UNREADABLE", `package.json can't be read: ${wordsOf(error)}`, { cause: error });
  }
  const has = { ...manifest.dependencies, ...manifest.devDependencies };
  const missing = (names: readonly string[]) => names.filter((name) => !(name in has)).join(" ");
  const [libraries, tools] = [missing(["flowkit", "zod"]), missing(["typescript", "@types/node"])];
  return [
    ...(manifest.type === "module" ? [] : ["npm pkg set type=module"]),
    ...(libraries === "" ? [] : [`npm install ${libraries}`]),
    ...(tools === "" ? [] : [`npm install --save-dev ${tools}`]),
  ];
}

/** Of a folder's name, what npm takes. */
const packageName = (path: string): string =>
  basename(path)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "") || "flows";
