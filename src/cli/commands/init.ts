import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import type { Command } from "commander";
import { thrownMessage } from "../../errors/index.ts";
import { ownVersion } from "../loading/one-flowkit.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { examples } from "./common.ts";

export function addInit(root: Command, terminal: Terminal): void {
  root
    .command("init")
    .summary("create a small project that is ready to run")
    .description(
      "Create a small typed project: flow.ts, package.json, tsconfig.json and .gitignore. Existing files are never overwritten; an existing package.json is kept.",
    )
    .argument("[folder]", "directory of the project; created if missing", ".")
    .addHelpText("after", examples("init", "init my-flows"))
    .action((folder: string) => init(terminal, folder));
}

function init(terminal: Terminal, folder: string): void {
  const path = resolve(folder);
  if (existsSync(path) && !statSync(path).isDirectory()) {
    throw new CliError("CLI_FILE_EXISTS", `${folder} is a file`, { hint: "Pass a directory: flowkit init my-flows" });
  }
  const files = new Map([
    ["flow.ts", flowSource],
    ["tsconfig.json", tsConfig],
    [".gitignore", gitIgnore],
  ]);
  const existing = [...files.keys()].filter((name) => existsSync(join(path, name)));
  if (existing.length > 0) {
    throw new CliError(
      "CLI_FILE_EXISTS",
      `${new Intl.ListFormat("en").format(existing)} already ${existing.length === 1 ? "exists" : "exist"}`,
      {
        hint: "Nothing was written. Choose another directory: flowkit init my-flows",
      },
    );
  }
  const isPackage = existsSync(join(path, "package.json"));
  if (!isPackage) files.set("package.json", packageJson(packageName(path), ownVersion()));
  try {
    mkdirSync(path, { recursive: true });
    for (const [name, text] of files) writeFileSync(join(path, name), text, { flag: "wx" });
  } catch (error) {
    throw new CliError("CLI_FILE_UNWRITABLE", `cannot write to ${folder}: ${thrownMessage(error)}`, {
      cause: error,
      hint: "Choose another directory: flowkit init my-flows",
    });
  }
  const shown = (name: string) => relative("", join(path, name)) || name;
  for (const name of files.keys()) terminal.print(`wrote ${shown(name)}`);
  const enter = folder === "." ? [] : [`cd ${/^[\w./-]+$/.test(folder) ? folder : `'${folder}'`}`];
  const prepare = isPackage ? missingSetup(join(path, "package.json")) : ["npm install"];
  const next = [...enter, ...prepare, "npx flowkit run flow.ts"];
  terminal.note(`\nNext:\n${next.map((line) => `  ${line}`).join("\n")}`);
}

/** The commands that complete an existing package.json. */
function missingSetup(path: string): readonly string[] {
  let manifest: { readonly type?: unknown; readonly dependencies?: object; readonly devDependencies?: object };
  try {
    manifest = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new CliError("CLI_FILE_UNREADABLE", `cannot read package.json: ${thrownMessage(error)}`, { cause: error });
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

/** A valid npm package name, derived from the name of the folder. */
const packageName = (path: string): string =>
  basename(path)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "") || "flows";

const flowSource = `import { defineHandler, flow } from "flowkit";
import * as z from "zod";

const Order = z.object({ item: z.string(), price: z.number(), quantity: z.int() });

/** A source: produces batches. */
const read = defineHandler("read", {
  args: z.object({ days: z.int() }),
  output: z.array(Order),
  *iterBatches({ days }) {
    for (let day = 1; day <= days; day++) {
      yield { uid: \`day-\${day}\`, payload: [{ item: "tea", price: 4, quantity: day }] };
    }
  },
});

/** Turns each batch into one output. */
const sum = defineHandler("sum", {
  input: z.array(Order),
  output: z.object({ revenue: z.number() }),
  processBatch: (orders) => ({ revenue: orders.reduce((sum, { price, quantity }) => sum + price * quantity, 0) }),
});

export const shop = flow("shop")
  .node("read", read, { args: { days: 2 } })
  .then("sum", sum, { startWhen: "first_batch" });
`;

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;

const packageJson = (name: string, version: string): string =>
  json({
    name,
    version: "0.0.0",
    private: true,
    type: "module",
    scripts: { start: "flowkit run flow.ts", check: "tsc" },
    dependencies: { flowkit: `^${version}`, zod: "^4.6.0" },
    devDependencies: { "@types/node": "^24.0.0", typescript: "^6.0.0" },
  });

/** Node runs the files directly: the compiler only checks types, and rejects syntax that Node cannot strip. */
const tsConfig = json({
  compilerOptions: {
    target: "es2023",
    lib: ["es2024", "esnext.disposable"],
    module: "nodenext",
    types: ["node"],
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
  },
  include: ["*.ts"],
});

const gitIgnore = "node_modules\n*.db\n*.db-shm\n*.db-wal\n";
