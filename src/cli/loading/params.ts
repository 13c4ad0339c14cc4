import type { Json, JsonObject } from "../../errors/index.ts";
import { nearName } from "../../graph/format/near-name.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { CliError } from "../terminal/cli-error.ts";
import { readText } from "./find-file.ts";
import { readJson } from "./json-source.ts";

export interface GivenParams {
  /** `key=words` and `key:=json`, in the order of the command line: of the same key the last one counts. */
  readonly assignments: readonly string[];
  /** A JSON file; what is assigned goes before it. */
  readonly file?: string | undefined;
}

/**
 * The parameters of a run: words made into what the flow's `params_schema` takes. The engine checks them as a whole
 * afterwards; here is said what words alone can get wrong.
 *
 * @throws CliError `CLI_PARAM`, and what reading the file may throw
 */
export function readParams(given: GivenParams, schema: JsonObject | undefined): JsonObject {
  const params = new Map<string, Json>();
  if (given.file !== undefined) {
    const { value } = readJson(readText(given.file), given.file);
    if (!isObject(value)) throw new CliError("CLI_PARAM", `${given.file} holds no JSON object of parameters`);
    for (const [key, item] of Object.entries(value)) params.set(key, item as Json);
  }
  for (const assignment of given.assignments) {
    const { key, words, isJson } = taken(assignment);
    params.set(key, isJson ? parsed(key, words) : typed({ key, words, schema }));
  }
  for (const key of params.keys()) refuseUnknown(key, schema);
  return Object.fromEntries(params);
}

function taken(assignment: string): { readonly key: string; readonly words: string; readonly isJson: boolean } {
  const [, key, colon, words] = /^([^=]*?)(:?)=(.*)$/s.exec(assignment) ?? [];
  if (key === undefined || key === "" || words === undefined) {
    throw new CliError("CLI_PARAM", `--param ${assignment} is no assignment`, {
      hint: "Write --param name=value, or --param 'name:=JSON'.",
    });
  }
  return { key, words, isJson: colon === ":" };
}

function parsed(key: string, words: string): Json {
  try {
    return JSON.parse(words);
  } catch (error) {
    throw new CliError("CLI_PARAM", `parameter '${key}': ${words} is no JSON`, {
      cause: error,
      hint: `For words write ${key}=..., without the colon.`,
    });
  }
}

/** A misspelt parameter would be dropped in silence by most schemas, and its default taken. */
function refuseUnknown(key: string, schema: JsonObject | undefined): void {
  const known = knownKeys(schema);
  if (known === undefined || known.includes(key)) return;
  const near = nearName(key, known);
  const takes = known.length === 0 ? "It takes none." : `It takes ${known.join(", ")}.`;
  throw new CliError("CLI_PARAM", `the flow takes no parameter '${key}'`, {
    hint: near === undefined ? takes : `Did you mean '${near}'?`,
  });
}

/** `undefined`: any key may be right. */
function knownKeys(schema: JsonObject | undefined): readonly string[] | undefined {
  if (schema === undefined) return [];
  const openings = ["anyOf", "oneOf", "allOf", "$ref", "patternProperties"];
  const { properties = {}, additionalProperties: others = false } = schema;
  return !isObject(properties) || others !== false || openings.some((key) => key in schema)
    ? undefined
    : Object.keys(properties);
}

type Kind = "string" | "number" | "integer" | "boolean" | "null" | "object" | "array";

function typed({ key, words, schema }: { key: string; words: string; schema: JsonObject | undefined }): Json {
  const properties = schema?.properties;
  const own = isObject(properties) ? properties[key] : undefined;
  const kinds = own === undefined ? undefined : kindsOf(own as Json, schema ?? {}, 0);
  // Nothing is known: JSON where it is JSON.
  if (kinds === undefined) return jsonOr(words, words);
  const value = jsonOr(words, undefined);
  const fits = value !== undefined && [...kinds].some((kind) => kind !== "string" && isOf(kind, value));
  if (fits) return value;
  if (kinds.has("string")) return words;
  throw new CliError("CLI_PARAM", `parameter '${key}' takes ${[...kinds].map(nameOf).join(" or ")}, not '${words}'`);
}

function jsonOr<T>(words: string, other: T): Json | T {
  try {
    return JSON.parse(words) as Json;
  } catch {
    return other;
  }
}

function isOf(kind: Kind, value: Json): boolean {
  if (kind === "integer") return Number.isInteger(value);
  if (kind === "array") return Array.isArray(value);
  if (kind === "null") return value === null;
  return kind === "object" ? isObject(value) : typeof value === kind;
}

const nameOf = (kind: Kind): string =>
  ({
    string: "words",
    number: "a number",
    integer: "an integer",
    boolean: "true or false",
    null: "null",
    object: "a JSON object",
    array: "a JSON list",
  })[kind];

const allKinds: ReadonlySet<string> = new Set(["string", "number", "integer", "boolean", "null", "object", "array"]);
const isKind = (text: unknown): text is Kind => typeof text === "string" && allKinds.has(text);

/** Which kinds of value a schema takes, as far as it says so itself. */
function kindsOf(schema: Json, root: JsonObject, depth: number): ReadonlySet<Kind> | undefined {
  if (!isObject(schema) || depth > 8) return undefined;
  const { type, anyOf, oneOf, const: constant, enum: values, $ref } = schema as JsonObject;
  if (isKind(type)) return new Set([type]);
  if (Array.isArray(type)) return new Set(type.filter(isKind));
  if (constant !== undefined) return new Set([kindOf(constant)]);
  if (Array.isArray(values)) return new Set(values.map(kindOf));
  const choices = anyOf ?? oneOf;
  if (Array.isArray(choices)) {
    const each = choices.map((choice) => kindsOf(choice, root, depth + 1));
    return each.includes(undefined) ? undefined : new Set(each.flatMap((kinds) => [...(kinds ?? [])]));
  }
  const name = typeof $ref === "string" ? /^#\/\$defs\/([^/]+)$/.exec($ref)?.[1] : undefined;
  const defs = root.$defs;
  return name === undefined || !isObject(defs) ? undefined : kindsOf((defs[name] ?? null) as Json, root, depth + 1);
}

function kindOf(value: Json): Kind {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  const type = typeof value;
  return isKind(type) ? type : "object";
}
