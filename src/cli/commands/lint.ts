import type { Command } from "commander";
import { nearName } from "../../graph/format/near-name.ts";
import { lint, rules } from "../lint/rules.ts";
import { readDefinitions, readGraphFile } from "../loading/read-graph.ts";
import { several } from "../settings/options.ts";
import { CliError, exitCodes } from "../terminal/cli-error.ts";
import { counted, type Terminal } from "../terminal/terminal.ts";
import { examples, exportOption, handlersOption, jsonOption } from "./common.ts";

interface LintOptions {
  readonly export?: string;
  readonly handlers?: string;
  readonly off?: readonly string[];
}

export function addLint(root: Command, terminal: Terminal): void {
  const width = Math.max(...rules.map(({ name }) => name.length));
  const ruleLines = rules.map(({ name, why }) => `  ${name.padEnd(width)}  ${why}`);
  root
    .command("lint")
    .summary("find valid but questionable parts of a graph")
    .description("Find parts of a graph that are valid but deserve a second look. Exits with 1 if there are findings.")
    .argument("<flow.ts|graph.json>", "graph to check")
    .option("--off <rule>", "disable a rule; may be repeated", several)
    .addOption(handlersOption())
    .addOption(exportOption())
    .addOption(jsonOption())
    .addHelpText("after", `\nRules:\n${ruleLines.join("\n")}`)
    .addHelpText("after", examples("lint flow.ts --off missing-timeout", "lint graph.json --handlers flow.ts"))
    .action(async (file: string, options: LintOptions) => {
      const off = parseRules(options.off ?? []);
      const definitions = await readDefinitions(options.handlers);
      const source = await readGraphFile(file, { definitions, export: options.export });
      const handlers = source.kind === "flow" ? Object.values(source.box.flow.handlers) : definitions?.handlers;
      const { findings, notChecked } = lint({ graph: source.graph, handlers }, off);
      if (findings.length > 0) terminal.exitCode = exitCodes.failed;
      if (terminal.isJson) {
        terminal.printJson({ file, findings, off: [...off], notChecked });
        return;
      }
      for (const { rule, node, message } of findings) {
        terminal.print(`${terminal.styled("yellow", rule, terminal.stdout)} node '${node}': ${message}`);
      }
      if (findings.length === 0) terminal.print(`${file}: no findings`);
      else
        terminal.note(`${counted(findings.length, "finding")}; --off RULE disables a rule, --help explains the rules`);
      if (notChecked.length > 0) terminal.note(`not checked without --handlers: ${notChecked.join(", ")}`);
    });
}

function parseRules(names: readonly string[]): ReadonlySet<string> {
  const known = rules.map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    const near = nearName(name, known);
    throw new CliError("CLI_USAGE", `unknown rule '${name}'`, {
      hint: near === undefined ? `The rules: ${known.join(", ")}` : `Did you mean '${near}'?`,
    });
  }
  return new Set(names);
}
