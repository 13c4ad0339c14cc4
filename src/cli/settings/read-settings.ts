import { dirname, resolve } from "node:path";
import { nearName } from "../../graph/format/near-name.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { readText } from "../loading/find-file.ts";
import { type JsonSource, readJson } from "../loading/json-source.ts";
import { CliError } from "../terminal/cli-error.ts";
import { type Terminal, table } from "../terminal/terminal.ts";
import { catalogue, type Reading, type Setting, settingAt } from "./catalogue.ts";
import { configError, fileFindings, type SettingFinding, valueFindings } from "./findings.ts";
import { isPostgresUrl, nested, type Origin, type Settings, settingsSchema } from "./schema.ts";

/** Validated settings, with the origin of each. */
export interface ReadSettings {
  readonly settings: Settings;
  /** Keyed by the path of the setting. */
  readonly origins: ReadonlyMap<string, Origin>;
}

/** Values from the command line, keyed by the path of the setting. */
export type FlagValues = Readonly<Record<string, string | readonly string[]>>;

/**
 * Merges the command line, the environment and a config file, in this order of precedence, setting by setting. The
 * variable `FLOWKIT_CONFIG` is the default of `config`.
 *
 * @throws CliError `CLI_CONFIG` with every invalid setting of all three
 */
export function readSettings(
  terminal: Terminal,
  given: { readonly flags: FlagValues; readonly config?: string | undefined; readonly env?: NodeJS.ProcessEnv },
): ReadSettings {
  const { flags, env = process.env, config = env.FLOWKIT_CONFIG || undefined } = given;
  const findings: SettingFinding[] = [];
  const values = new Map<string, unknown>();
  const origins = new Map<string, Origin>();
  const add = (setting: Setting, value: unknown, origin: Origin): void => {
    const wrong = valueFindings(setting, value, origin);
    findings.push(...wrong);
    if (wrong.length > 0) return;
    values.set(setting.path, value);
    origins.set(setting.path, origin);
  };
  const addText = (setting: Setting, text: string | readonly string[], origin: Origin): void => {
    try {
      add(setting, typeof text === "string" ? parseValue(text, setting.reading) : text, origin);
    } catch (error) {
      if (!(error instanceof InvalidText)) throw error;
      const shown = setting.secret === undefined ? ` '${text}'` : "";
      findings.push({
        setting: setting.path,
        place: origin.place,
        message: `invalid ${setting.path}${shown}: ${error.message}`,
      });
    }
  };

  if (config !== undefined) {
    const source = readConfig(config);
    findings.push(...fileFindings(source, config));
    for (const setting of catalogue) {
      const value = at(source.value, setting.path);
      if (value === undefined || !settingsSchema.safeParse(nested(setting.path, value)).success) continue;
      add(setting, fromFolderOf(config, setting, value), { rank: "file", place: placeIn(source, config, setting) });
    }
  }
  for (const setting of catalogue) {
    const name = setting.env.find((each) => (env[each] ?? "") !== "");
    if (name !== undefined) addText(setting, env[name] as string, { rank: "environment", place: name });
  }
  for (const [path, text] of Object.entries(flags)) {
    const setting = settingAt(path);
    if (setting === undefined) throw new Error(`unknown setting '${path}'`);
    addText(setting, text, { rank: "command line", place: flagName(setting) });
  }
  if (findings.length > 0) throw configError(findings);
  for (const { path, secret } of catalogue) {
    const value = String(values.get(path) ?? "");
    if (secret === true) terminal.hide(value);
    else if (secret === "url") for (const password of passwordsOf(value)) terminal.hide(password);
  }
  noteMisspelled(terminal, env);
  const settings: Settings = settingsSchema.parse(merged(values));
  return { settings, origins };
}

/** `flowkit studio` and `flowkit dev` have options that are named like the keys of `studio`. */
const flagName = ({ flag, path }: Setting): string => flag?.replace(/ .*/, "") ?? `--${path.split(".").at(-1)}`;

function readConfig(file: string): JsonSource {
  const source = readJson(readText(file), file);
  if (!isObject(source.value)) throw new CliError("CLI_CONFIG", `invalid ${file}: expected a JSON object of settings`);
  return source;
}

function placeIn(source: JsonSource, file: string, { path }: Setting): string {
  const { line, column } = source.positionOf(`/${path.replaceAll(".", "/")}`);
  return `${file}:${line}:${column}`;
}

/** Paths in a config file are relative to its folder, not to the working directory. */
function fromFolderOf(config: string, { reading }: Setting, value: unknown): unknown {
  const own = (name: unknown) => resolve(dirname(config), String(name));
  if (reading === "file" || (reading === "store" && !isPostgresUrl(String(value)))) return own(value);
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

/** Prints only a note, because the variable may belong to another program. */
function noteMisspelled(terminal: Terminal, env: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(env)) {
    if (!/^(FLOWKIT|KAFKA|MONGODB)_/.test(name) || known.has(name)) continue;
    const near = nearName(name, known);
    if (near === undefined || env[near] !== undefined) continue;
    terminal.note(terminal.styled("yellow", `unknown environment variable ${name}: did you mean ${near}?`));
  }
}

/** Text that cannot be converted to the value of a setting. */
class InvalidText extends Error {}

const listOf = (text: string): readonly string[] =>
  text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");

/**
 * Converts text of the environment or the command line to a value.
 *
 * @example
 * parseValue("render=2, mail=1", "counts") // { render: 2, mail: 1 }
 *
 * @throws InvalidText
 */
function parseValue(text: string, reading: Reading): unknown {
  switch (reading) {
    case "text":
    case "file":
    case "store":
      return text;
    case "list":
    case "files":
      return listOf(text);
    case "number":
      return parseNumber(text);
    case "boolean":
      if (text === "true" || text === "1") return true;
      if (text === "false" || text === "0") return false;
      throw new InvalidText("expected true or false");
    case "counts":
      return Object.fromEntries(
        listOf(text).map((item) => {
          const [, name, count] = /^(.+)=(\d+)$/.exec(item) ?? [];
          if (name === undefined || count === undefined)
            throw new InvalidText("expected name=number pairs, such as render=2,mail=1");
          return [name, Number(count)];
        }),
      );
    case "rates":
      return Object.fromEntries(
        listOf(text).map((item) => {
          const [, name, perSec, burst] = /^(.+)=(\d+(?:\.\d+)?)(?:\/(\d+))?$/.exec(item) ?? [];
          if (name === undefined)
            throw new InvalidText("expected name=rate or name=rate/burst, such as ask=5/10,mail=0.5");
          return [name, { perSec: Number(perSec), ...(burst === undefined ? {} : { burst: Number(burst) }) }];
        }),
      );
  }
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new InvalidText("expected a number");
  return value;
}

/** Prints the effective settings and their origin, without secrets. */
export function showSettings(terminal: Terminal, { settings, origins }: ReadSettings): void {
  const rows = catalogue.flatMap((setting) => {
    const origin = origins.get(setting.path);
    return origin === undefined ? [] : [{ setting: setting.path, value: shown(setting, settings), from: origin.place }];
  });
  if (terminal.isJson) {
    terminal.printJson({ settings: rows });
    return;
  }
  for (const line of table(rows.map(({ setting, value, from }) => [setting, JSON.stringify(value), from]))) {
    terminal.print(line);
  }
  if (rows.length === 0) terminal.note("no settings given: all defaults apply");
}

function shown({ path, secret }: Setting, settings: unknown): unknown {
  let value = settings;
  for (const key of path.split(".")) value = (value as Readonly<Record<string, unknown>>)[key];
  if (secret === undefined) return value;
  if (path === "store" && !isPostgresUrl(String(value))) return value;
  return secret === "url" ? urlWithoutSecrets(String(value)) : "****";
}

const shape = /^((?:mongodb(?:\+srv)?|postgres(?:ql)?):\/\/)([^@/?#]*@)?([^@/?#]+)(\/[^@/?#]*)?(\?.*)?$/s;

/**
 * The servers and the database of a URL. A malformed URL is masked entirely, because its secrets cannot be located.
 *
 * @example
 * urlWithoutSecrets("mongodb://ann:secret@db-1,db-2/shop?tls=true") // "mongodb://****@db-1,db-2/shop?****"
 */
function urlWithoutSecrets(url: string): string {
  const parts = shape.exec(url);
  if (parts === null) return `${/^[a-z+]+:\/\//.exec(url)?.[0] ?? ""}****`;
  const [, scheme = "", account, servers = "", path = "", options] = parts;
  return `${scheme}${account === undefined ? "" : "****@"}${servers}${path}${options === undefined ? "" : "?****"}`;
}

/**
 * The password of a URL, both percent-encoded and decoded.
 *
 * @example
 * passwordsOf("mongodb://ann:p%40ss@db/shop") // ["p%40ss", "p@ss"]
 */
function passwordsOf(url: string): readonly string[] {
  const [, account = ""] = /^[a-z+]+:\/\/(.*)@/s.exec(url) ?? [];
  const [, password = ""] = /^[^:]*:(.+)$/s.exec(account) ?? [];
  if (password === "") return [];
  try {
    return [password, decodeURIComponent(password)];
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return [password]; // the driver reports the malformed URL
  }
}
