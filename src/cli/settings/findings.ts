import { nearName } from "../../graph/format/near-name.ts";
import { pointer } from "../../graph/format/pointer.ts";
import type { JsonSource } from "../loading/json-source.ts";
import { CliError } from "../terminal/cli-error.ts";
import { catalogue, type Setting } from "./catalogue.ts";
import { nested, type Origin, settingsSchema } from "./schema.ts";

/** An invalid setting. It never contains a value that may be secret. */
export interface SettingFinding {
  readonly setting: string;
  readonly place: string;
  readonly message: string;
  readonly hint?: string;
}

/** Validates the value of a known setting. */
export function valueFindings(setting: Setting, value: unknown, { place }: Origin): readonly SettingFinding[] {
  const parsed = settingsSchema.safeParse(nested(setting.path, value));
  if (parsed.success) return [];
  const shown = setting.secret === undefined ? ` ${JSON.stringify(value)}` : "";
  return parsed.error.issues.map(({ message }) => ({
    setting: setting.path,
    place,
    message: `invalid ${setting.path}${shown}: ${withoutKind(message)}`,
  }));
}

/** Validates a config file: unknown keys and invalid values, in the order of the file. */
export function fileFindings(source: JsonSource, file: string): readonly SettingFinding[] {
  const parsed = settingsSchema.safeParse(source.value);
  if (parsed.success) return [];
  const mistakes = parsed.error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    if (issue.code !== "unrecognized_keys")
      return [{ path, message: `invalid ${path.join(".")}: ${withoutKind(issue.message)}` }];
    return issue.keys.map((key) => {
      const own = [...path, key];
      return { path: own, message: `unknown setting '${own.join(".")}'`, hint: suggestionFor(own) };
    });
  });
  return mistakes
    .map(({ path, ...finding }) => ({ ...finding, setting: path.join("."), at: source.positionOf(pointer(path)) }))
    .sort((a, b) => a.at.line - b.at.line || a.at.column - b.at.column)
    .map(({ at: { line, column }, ...finding }) => ({ ...finding, place: `${file}:${line}:${column}` }));
}

/** A message of zod without the kind of the issue, which repeats what precedes it. */
const withoutKind = (message: string): string =>
  message.replace(/^(?:Invalid input|Invalid option|Too small|Too big): /, "");

/** The most similar setting of any group; otherwise the settings of the same group. */
function suggestionFor(path: readonly string[]): string {
  const key = path.at(-1) ?? "";
  const group = path.slice(0, -1).join(".");
  const paths = catalogue.map((each) => each.path);
  const near =
    nearName(path.join("."), paths) ??
    nearName(path.join("."), new Set(paths.map((each) => each.replace(/\..*/, "")))) ??
    paths.find((each) => each.endsWith(`.${key}`)) ??
    paths.find((each) => each === key);
  if (near !== undefined) return `did you mean '${near}'?`;
  const here = paths
    .filter((each) => group === "" || each.startsWith(`${group}.`))
    .map((each) => each.slice(group === "" ? 0 : group.length + 1));
  const names = [...new Set(here.map((each) => each.replace(/\..*/, "")))];
  return `expected one of ${names.join(", ")}`;
}

/** Combines all findings into one error. */
export function configError(findings: readonly SettingFinding[]): CliError {
  const lines = findings.map(
    ({ place, message, hint }) => `${place}: ${message}${hint === undefined ? "" : `; ${hint}`}`,
  );
  const [first = ""] = lines;
  const details = { findings: findings.map((finding) => ({ ...finding })) };
  if (lines.length === 1) return new CliError("CLI_CONFIG", first, { details });
  return new CliError("CLI_CONFIG", `${lines.length} invalid settings`, { hint: lines.join("\n  "), details });
}
