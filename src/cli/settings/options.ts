import { type Command, Option } from "commander";
import { catalogue, type PartName, type Setting } from "./catalogue.ts";
import type { FlagValues } from "./read-settings.ts";

/** Adds the options of these settings to a command, and what they have in common. */
export function addSettingOptions(command: Command, paths: readonly string[]): Command {
  for (const setting of settingsOf(paths)) command.addOption(optionOf(setting));
  return command.addOption(
    new Option("--config <file>", "a JSON file of settings; else FLOWKIT_CONFIG").argParser((file: string) => file),
  );
}

function optionOf({ flag = "", words, env, reading }: Setting): Option {
  const option = new Option(flag, `${words} [${env.at(-1)}]`);
  return reading === "files" ? option.argParser(several) : option;
}

/** What was given of them, by the path of the setting. */
export function flagValues(options: Readonly<Record<string, unknown>>): FlagValues {
  const given: Record<string, string | readonly string[]> = {};
  for (const setting of catalogue) {
    if (setting.flag === undefined) continue;
    const value = options[optionOf(setting).attributeName()];
    if (typeof value === "string") given[setting.path] = value;
    else if (Array.isArray(value)) given[setting.path] = value;
  }
  return given;
}

/** The settings of a part that a command has no option for, for its help. */
export function otherSettings(part: PartName, paths: readonly string[]): string {
  const rest = catalogue.filter(({ path, of = part }) => of === part && !paths.includes(path));
  const width = Math.max(...rest.map(({ path }) => path.length));
  const lines = rest.map(({ path, env }) => `  ${path.padEnd(width)}  ${env.at(-1)}`);
  return `
All of these may stand in a config file, or in the environment under the name
in brackets. The command line goes before the environment, and that before the
file. There only, as told in docs/cli.md#settings:
${lines.join("\n")}`;
}

const settingsOf = (paths: readonly string[]): readonly Setting[] =>
  catalogue.filter(({ path }) => paths.includes(path));
/** Collects an option that may be given several times. */

export const several = (value: string, before: readonly string[] = []): readonly string[] => [...before, value];
