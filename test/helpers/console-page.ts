import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, resolve } from "node:path";
import { compileCache, flowkitBin, node } from "./cli.ts";

/*
 * A page with sessions: its `console` blocks contain command lines after `$ `, each followed by its output. A line
 * `...` matches anything. `npx flowkit` runs the built command. A `ts` block whose first line is a comment with a file
 * name is that file, as is a `json` block with a file name after `json`.
 */

/** Parts of the output that differ between runs. */
const variable: readonly (readonly [RegExp, string])[] = [
  [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "<id>"],
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+Z)?/g, "<time>"],
  [/\b\d\d:\d\d:\d\d\b/g, "<time of day>"],
  [/ *\d+\.\d+ s\b/g, " <s>"],
  // A very short duration has no rate.
  [/ +[\d,.]+\/s\b/g, ""],
  [/(?<=\S) {2,}/g, "  "],
  [/\b1\d{12}\b/g, "<ms>"],
];

/** Lines of concurrent nodes may appear in any order. */
function normal(text: string): string {
  const lines = variable
    .reduce((all, [what, name]) => all.replace(what, name), text)
    .trimEnd()
    .split("\n");
  for (let start = 0; start < lines.length; start++) {
    const rest = lines.slice(start);
    const others = rest.findIndex((line) => !line.startsWith(" <s>"));
    const count = others === -1 ? rest.length : others;
    lines.splice(start, count, ...rest.slice(0, count).sort());
    start += count;
  }
  return lines.join("\n");
}

function isAsPromised(promised: string, printed: string): boolean {
  const pattern = normal(promised)
    .split(/^\.\.\.$/m)
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"))
    .join("[\\s\\S]*");
  return new RegExp(`^${pattern}$`).test(normal(printed));
}

/** The page with its output replaced where the actual output differs. */
export function truePage(page: string, folder: string): string {
  const bin = join(folder, ".bin");
  mkdirSync(bin);
  symlinkSync(flowkitBin, join(bin, "flowkit"));
  symlinkSync(node, join(bin, "node"));
  writeFileSync(join(bin, "npx"), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 }); // users have the package installed in the folder
  let cwd = folder;
  // `$TASK` is the id that was printed last.
  let task = "";
  const run = (line: string): string => {
    const [, to] = /^cd (\S+)$/.exec(line) ?? [];
    if (to !== undefined) {
      cwd = join(cwd, to);
      return "";
    }
    const path = [bin, dirname(process.execPath), process.env.PATH].join(delimiter);
    const env = { PATH: path, HOME: folder, TASK: task, ...compileCache };
    const printed = execFileSync("sh", ["-c", `exec 2>&1\n${line}\ntrue`], {
      cwd,
      env,
      encoding: "utf8",
      stdio: "pipe",
    });
    task = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(printed)?.[0] ?? task;
    return printed;
  };
  return page.replaceAll(/^```(console|ts|json \S+)\n([\s\S]*?)^```$/gm, (block, kind: string, text: string) => {
    const [, json] = kind.split(" ");
    if (json !== undefined) {
      writeFileSync(resolve(cwd, json), text);
      return block;
    }
    if (kind === "ts") {
      const name = /^\/\/ (\S+\.ts)\n/.exec(text)?.[1];
      if (name !== undefined) writeFileSync(resolve(cwd, name), text);
      return block;
    }
    const steps = text.split(/^\$ /m).slice(1);
    const shown = steps.map((step) => {
      const end = step.indexOf("\n");
      const [line, promised] = [step.slice(0, end), step.slice(end + 1)];
      const printed = run(line);
      const words = isAsPromised(promised, printed) ? promised : `${printed.trimEnd()}\n`;
      return `$ ${line}\n${words.replace(/^\n$/, "")}`;
    });
    return `\`\`\`console\n${shown.join("")}\`\`\``;
  });
}
