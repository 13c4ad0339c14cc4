import type { Command } from "commander";
import { nearName } from "../../graph/near-name.ts";
import { CliError, exitCodes } from "../cli-error.ts";
import { lint, rules, untellable } from "../lint/rules.ts";
import { readGraphFile } from "../loading/read-graph.ts";
import type { Terminal } from "../terminal.ts";
import { counted } from "../wording.ts";
import { examples, exportOption, jsonOption, several } from "./common.ts";

interface LintOptions {
  readonly export?: string;
  readonly off?: readonly string[];
}

export function addLint(root: Command, terminal: Terminal): void {
  const width = Math.max(...rules.map(({ name }) => name.length));
  const listed = rules.map(({ name, why }) => `  ${name.padEnd(width)}  ${why}`);
  const untold = untellable.map(({ rule, why }) => `  ${rule}\n      ${why}`);
  root
    .command("lint")
    .summary("find what is right, but worth a second look")
    .description("Finds what is right in a graph, but worth a second look. Ends with 1 when it finds something.")
    .argument("<flow.ts|graph.json>", "the graph to look at")
    .option("--off <rule>", "leave a rule out; may be repeated", several)
    .addOption(exportOption())
    .addOption(jsonOption())
    .addHelpText("after", `\nRules:\n${listed.join("\n")}\n\nNot checked:\n${untold.join("\n")}`)
    .addHelpText("after", examples("lint flow.ts", "lint flow.ts --off missing-timeout"))
    .action(async (file: string, options: LintOptions) => {
      const off = rulesNamed(options.off ?? []);
      const { graph } = await readGraphFile(file, { export: options.export });
      const findings = lint(graph, off);
      if (findings.length > 0) terminal.exitCode = exitCodes.failed;
      if (terminal.isJson) {
        terminal.printJson({ file, findings, off: [...off], notChecked: untellable });
        return;
      }
      for (const { rule, node, message } of findings) {
        terminal.print(`${terminal.styled("yellow", rule, terminal.stdout)} node '${node}': ${message}`);
      }
      if (findings.length === 0) terminal.print(`${file}: nothing to remark`);
      else
        terminal.note(
          `${counted(findings.length, "remark")}; --off RULE leaves one out, --help tells why they are there`,
        );
    });
}

function rulesNamed(names: readonly string[]): ReadonlySet<string> {
  const known = rules.map(({ name }) => name);
  for (const name of names) {
    if (known.includes(name)) continue;
    const near = nearName(name, known);
    throw new CliError("CLI_USAGE", `there is no rule '${name}'`, {
      hint: near === undefined ? `There are ${known.join(", ")}.` : `Did you mean '${near}'?`,
    });
  }
  return new Set(names);
}
