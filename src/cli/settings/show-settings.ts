import { type Terminal, table } from "../terminal/terminal.ts";
import { catalogue, type Setting } from "./catalogue.ts";
import type { ReadSettings } from "./read-settings.ts";
import { urlWithoutSecrets } from "./url-secrets.ts";

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
  return secret === "url" ? urlWithoutSecrets(String(value)) : "****";
}
