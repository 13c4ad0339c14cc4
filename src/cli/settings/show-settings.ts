import { type Terminal, table } from "../terminal/terminal.ts";
import { catalogue, type Setting } from "./catalogue.ts";
import type { ReadSettings } from "./read-settings.ts";
import { urlWithoutSecrets } from "./url-secrets.ts";

/** Prints what a deployment was told, and whence: without what is secret. */
export function showSettings(terminal: Terminal, { settings, origins }: ReadSettings): void {
  const told = catalogue.flatMap((setting) => {
    const origin = origins.get(setting.path);
    return origin === undefined ? [] : [{ setting: setting.path, value: shown(setting, settings), from: origin.place }];
  });
  if (terminal.isJson) {
    terminal.printJson({ settings: told });
    return;
  }
  for (const line of table(told.map(({ setting, value, from }) => [setting, JSON.stringify(value), from]))) {
    terminal.print(line);
  }
  if (told.length === 0) terminal.note("no settings were given: all are as by default");
}

function shown({ path, secret }: Setting, settings: unknown): unknown {
  let value = settings;
  for (const key of path.split(".")) value = (value as Readonly<Record<string, unknown>>)[key];
  if (secret === undefined) return value;
  return secret === "url" ? urlWithoutSecrets(String(value)) : "****";
}
