import { type Command, Option } from "commander";
import { catalogue, type PartName, type Setting } from "./catalogue.ts";
import type { FlagValues } from "./read-settings.ts";

/** Adds the options of these settings to a command, and `--config`. */
export function addSettingOptions(command: Command, paths: readonly string[]): Command {
  for (const setting of settingsOf(paths)) command.addOption(optionOf(setting));
  return command.addOption(new Option("--config <file>", "JSON file with settings [FLOWKIT_CONFIG]"));
}

function optionOf({ flag = "", description, env, reading }: Setting): Option {
  const option = new Option(flag, `${description} [${env.at(-1)}]`);
  return reading === "files" ? option.argParser(several) : option;
}

/** The values of a command's options, by the path of the setting. */
export function flagValues(options: Readonly<Record<string, unknown>>): FlagValues {
  const given: Record<string, string | readonly string[]> = {};
  for (const setting of catalogue) {
    if (setting.flag === undefined) continue;
    const value = options[optionOf(setting).attributeName()];
    if (typeof value === "string") given[setting.path] = value;
    else if (Array.isArray(value)) given[setting.path] = value;
    else if (value === true) given[setting.path] = "true";
  }
  return given;
}

/** Help text: the settings of a part for which the command has no option. */
export function otherSettings(part: PartName, paths: readonly string[]): string {
  const rest = catalogue.filter(({ path, of = part }) => of === part && !paths.includes(path));
  const width = Math.max(...rest.map(({ path }) => path.length));
  const lines = rest.map(({ path, env }) => `  ${path.padEnd(width)}  ${env.at(-1)}`);
  return `
Each of these options can also be set in the config file, or in the environment
under the name in brackets. The command line overrides the environment, and the
environment overrides the file. Settings without an option (see
docs/cli.md#settings):
${lines.join("\n")}`;
}

const settingsOf = (paths: readonly string[]): readonly Setting[] =>
  catalogue.filter(({ path }) => paths.includes(path));

/** Collects the values of a repeatable option. */
export const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
