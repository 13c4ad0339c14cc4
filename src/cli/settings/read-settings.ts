import { dirname, resolve } from "node:path";
import { nearName } from "../../graph/format/near-name.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { readText } from "../loading/find-file.ts";
import { type JsonSource, readJson } from "../loading/json-source.ts";
import { CliError } from "../terminal/cli-error.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { catalogue, type Reading, type Setting, settingAt } from "./catalogue.ts";
import { fileFindings, refuse, type SettingFinding, valueFindings } from "./findings.ts";
import { nested, type Origin, type Settings, settingsSchema } from "./schema.ts";
import { passwordsOf } from "./url-secrets.ts";

/** What a deployment was told, checked, and whence. */
export interface ReadSettings {
  readonly settings: Settings;
  /** By the path of the setting. */
  readonly origins: ReadonlyMap<string, Origin>;
}

/** Of a command line: by the path of the setting. */
export type FlagValues = Readonly<Record<string, string | readonly string[]>>;

/**
 * Puts together what the command line, the environment and a config file say, in this order of precedence, each value by
 * itself. `FLOWKIT_CONFIG` names the file where the command line doesn't.
 *
 * @throws CliError `CLI_CONFIG` with every mistake of all three
 */
export function readSettings(
  terminal: Terminal,
  given: { readonly flags: FlagValues; readonly config?: string | undefined; readonly env?: NodeJS.ProcessEnv },
): ReadSettings {
  const { flags, env = process.env, config = env.FLOWKIT_CONFIG || undefined } = given;
  const findings: SettingFinding[] = [];
  const values = new Map<string, unknown>();
  const origins = new Map<string, Origin>();
  const take = (setting: Setting, value: unknown, origin: Origin): void => {
    const wrong = valueFindings(setting, value, origin);
    findings.push(...wrong);
    if (wrong.length > 0) return;
    values.set(setting.path, value);
    origins.set(setting.path, origin);
  };
  const takeWords = (setting: Setting, words: string | readonly string[], origin: Origin): void => {
    try {
      take(setting, typeof words === "string" ? valueOfWords(words, setting.reading) : words, origin);
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      const shown = setting.secret === undefined ? ` is '${words}'` : "";
      findings.push({
        setting: setting.path,
        place: origin.place,
        message: `${setting.path}${shown}: ${error.message}`,
      });
    }
  };

  if (config !== undefined) {
    const source = readConfig(config);
    findings.push(...fileFindings(source, config));
    for (const setting of catalogue) {
      const value = at(source.value, setting.path);
      if (value === undefined || !settingsSchema.safeParse(nested(setting.path, value)).success) continue;
      take(setting, fromFolderOf(config, setting, value), { rank: "file", place: placeIn(source, config, setting) });
    }
  }
  for (const setting of catalogue) {
    const name = setting.env.find((each) => (env[each] ?? "") !== "");
    if (name !== undefined) takeWords(setting, env[name] as string, { rank: "environment", place: name });
  }
  for (const [path, words] of Object.entries(flags)) {
    const setting = settingAt(path);
    if (setting === undefined) throw new Error(`no setting '${path}'`);
    takeWords(setting, words, { rank: "command line", place: flagName(setting) });
  }
  if (findings.length > 0) throw refuse(findings);
  for (const { path, secret } of catalogue) {
    const value = String(values.get(path) ?? "");
    if (secret === true) terminal.hide(value);
    else if (secret === "url") for (const password of passwordsOf(value)) terminal.hide(password);
  }
  noteMisspelt(terminal, env);
  const settings: Settings = settingsSchema.parse(merged(values));
  return { settings, origins };
}

const flagName = ({ flag = "" }: Setting): string => flag.replace(/ .*/, "");

function readConfig(file: string): JsonSource {
  const source = readJson(readText(file), file);
  if (!isObject(source.value)) throw new CliError("CLI_CONFIG", `${file} holds no JSON object of settings`);
  return source;
}

function placeIn(source: JsonSource, file: string, { path }: Setting): string {
  const { line, column } = source.positionOf(`/${path.replaceAll(".", "/")}`);
  return `${file}:${line}:${column}`;
}

/** A file that a config file names lies beside it, from wherever the command was started. */
function fromFolderOf(config: string, { reading }: Setting, value: unknown): unknown {
  const own = (name: unknown) => resolve(dirname(config), String(name));
  if (reading === "file") return own(value);
  return reading === "files" && Array.isArray(value) ? value.map(own) : value;
}

function at(value: unknown, path: string): unknown {
  let inner = value;
  for (const key of path.split(".")) inner = isObject(inner) ? inner[key] : undefined;
  return inner;
}

function merged(values: ReadonlyMap<string, unknown>): unknown {
  const whole: Record<string, unknown> = {};
  for (const [path, value] of values) {
    const [group = "", key] = path.split(".");
    if (key === undefined) whole[group] = value;
    else whole[group] = { ...(whole[group] as object | undefined), [key]: value };
  }
  return whole;
}

const known: ReadonlySet<string> = new Set(["FLOWKIT_CONFIG", ...catalogue.flatMap(({ env }) => env)]);

/** A variable of another program may be called alike, so this is a remark. */
function noteMisspelt(terminal: Terminal, env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(env)) {
    if (!/^(FLOWKIT|KAFKA|MONGODB)_/.test(name) || known.has(name)) continue;
    const near = nearName(name, known);
    if (near === undefined || env[near] !== undefined) continue;
    terminal.note(terminal.styled("yellow", `the environment has ${name}, which is no setting: did you mean ${near}?`));
  }
}

/** Words that are no such value. Its message goes on from "it is '...': ". */
export class Unreadable extends Error {}

const listOf = (words: string): readonly string[] =>
  words
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/**
 * What words of the environment or of a command line stand for.
 *
 * @example
 * valueOfWords("render=2, mail=1", "counts") // { render: 2, mail: 1 }
 *
 * @throws Unreadable
 */
export function valueOfWords(words: string, reading: Reading): unknown {
  switch (reading) {
    case "text":
    case "file":
      return words;
    case "list":
    case "files":
      return listOf(words);
    case "number":
      return numberOf(words);
    case "boolean":
      if (words === "true" || words === "1") return true;
      if (words === "false" || words === "0") return false;
      throw new Unreadable("give true or false");
    case "counts":
      return Object.fromEntries(
        listOf(words).map((item) => {
          const [, name, count] = /^(.+)=(\d+)$/.exec(item) ?? [];
          if (name === undefined || count === undefined)
            throw new Unreadable("give names and numbers: render=2,mail=1");
          return [name, Number(count)];
        }),
      );
  }
}

function numberOf(words: string): number {
  const value = Number(words);
  if (words.trim() === "" || !Number.isFinite(value)) throw new Unreadable("give a number");
  return value;
}
