import { safeDecode } from "zod/v4/core";
import { describeIssues } from "../../core/codec/index.ts";
import { isInstance, type Json, type JsonObject } from "../../errors/index.ts";
import { nearName } from "../../graph/format/near-name.ts";
import { paramsValidator } from "../../graph/format/params-validator.ts";
import { isObject } from "../../graph/format/plain-data.ts";
import { CliError } from "../terminal/cli-error.ts";
import { readText } from "./find-file.ts";
import { readJson } from "./json-source.ts";

export interface GivenParams {
  /** `key=text` and `key:=json`, in the order of the command line; the last one of a key wins. */
  readonly assignments: readonly string[];
  /** A JSON file; assignments override it. */
  readonly file?: string | undefined;
}

/**
 * The parameters of a task, converted to the types in the flow's `params_schema`. The engine validates them as a whole
 * afterwards.
 *
 * @throws CliError `CLI_PARAM`, and the errors of reading the file
 */
export function readParams(given: GivenParams, schema: JsonObject | undefined): JsonObject {
  const params = new Map<string, Json>();
  if (given.file !== undefined) {
    const { value } = readJson(readText(given.file), given.file);
    if (!isObject(value))
      throw new CliError("CLI_PARAM", `invalid ${given.file}: expected a JSON object of parameters`);
    for (const [key, item] of Object.entries(value)) params.set(key, item as Json);
  }
  const fromFile = [...params.keys()];
  const errors: CliError[] = [];
  const attempt = (part: () => void): void => {
    try {
      part();
    } catch (error) {
      if (!isInstance(error, CliError)) throw error;
      errors.push(error);
    }
  };
  for (const assignment of given.assignments) {
    attempt(() => {
      const { key, text, isJson } = parseAssignment(assignment);
      assertKnown(key, schema);
      params.set(key, isJson ? parseJson(key, text) : convert({ key, text, schema }));
    });
  }
  for (const key of fromFile) attempt(() => assertKnown(key, schema));
  // Without this, the engine would report the others only in the next run.
  if (errors.length > 0) throw allOf([...errors, ...rejected(params, schema)]);
  return Object.fromEntries(params);
}

/** Values that have the right kind but do not match the schema. */
function rejected(params: ReadonlyMap<string, Json>, schema: JsonObject = {}): readonly CliError[] {
  const { properties, $defs = {} } = schema;
  if (!isObject(properties)) return [];
  return [...params].flatMap(([key, value]) => {
    const own = properties[key];
    const parsed = isObject(own) ? safeDecode(paramsValidator({ ...(own as JsonObject), $defs }), value) : undefined;
    if (parsed?.error === undefined) return [];
    const why = describeIssues(parsed.error).replace(/^the value: /, "");
    return [new CliError("CLI_PARAM", `invalid parameter '${key}': ${why}`)];
  });
}

/** All mistakes as one error, so that a command line can be corrected at once. */
function allOf(errors: readonly CliError[]): CliError {
  const [first, second] = errors;
  if (first !== undefined && second === undefined) return first;
  const hints = new Set(errors.flatMap(({ hint }) => hint ?? []));
  return new CliError("CLI_PARAM", errors.map(({ message }) => message).join("; "), {
    ...(hints.size === 0 ? {} : { hint: [...hints].join("\n  ") }),
  });
}

function parseAssignment(assignment: string): {
  readonly key: string;
  readonly text: string;
  readonly isJson: boolean;
} {
  const [, key, colon, text] = /^([^=]*?)(:?)=(.*)$/s.exec(assignment) ?? [];
  if (key === undefined || key === "" || text === undefined) {
    throw new CliError("CLI_PARAM", `invalid --param '${assignment}': expected name=value or name:=JSON`);
  }
  return { key, text, isJson: colon === ":" };
}

function parseJson(key: string, text: string): Json {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError("CLI_PARAM", `invalid parameter '${key}': '${text}' is not valid JSON`, {
      cause: error,
      hint: `To pass a string, write ${key}=..., without the colon.`,
    });
  }
}

/** Most schemas would silently drop a misspelled parameter and use its default. */
function assertKnown(key: string, schema: JsonObject | undefined): void {
  const known = knownKeys(schema);
  if (known === undefined || known.includes(key)) return;
  const near = nearName(key, known);
  const accepted = known.length === 0 ? "The flow has no parameters." : `Its parameters: ${known.join(", ")}`;
  throw new CliError("CLI_PARAM", `unknown parameter '${key}'`, {
    hint: near === undefined ? accepted : `Did you mean '${near}'?`,
  });
}

/** `undefined`: the schema may accept any key. */
function knownKeys(schema: JsonObject | undefined): readonly string[] | undefined {
  if (schema === undefined) return [];
  const openings = ["anyOf", "oneOf", "allOf", "$ref", "patternProperties"];
  const { properties = {}, additionalProperties: others = false } = schema;
  return !isObject(properties) || others !== false || openings.some((key) => key in schema)
    ? undefined
    : Object.keys(properties);
}

type Kind = "string" | "number" | "integer" | "boolean" | "null" | "object" | "array";

function convert({ key, text, schema }: { key: string; text: string; schema: JsonObject | undefined }): Json {
  const properties = schema?.properties;
  const own = isObject(properties) ? properties[key] : undefined;
  const kinds = own === undefined ? undefined : kindsOf(own as Json, schema ?? {}, 0);
  // Without a type in the schema, valid JSON is taken as JSON.
  if (kinds === undefined) return jsonOr(text, text);
  const value = jsonOr(text, undefined);
  const fits = value !== undefined && [...kinds].some((kind) => kind !== "string" && isOf(kind, value));
  if (fits) return value;
  if (kinds.has("string")) return text;
  throw new CliError(
    "CLI_PARAM",
    `invalid parameter '${key}': expected ${[...kinds].map(nameOf).join(" or ")}, got '${text}'`,
  );
}

function jsonOr<T>(text: string, fallback: T): Json | T {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return fallback;
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
    string: "a string",
    number: "a number",
    integer: "an integer",
    boolean: "true or false",
    null: "null",
    object: "a JSON object",
    array: "a JSON list",
  })[kind];

const allKinds: ReadonlySet<string> = new Set(["string", "number", "integer", "boolean", "null", "object", "array"]);
const isKind = (text: unknown): text is Kind => typeof text === "string" && allKinds.has(text);

/** The kinds of value that a schema accepts; `undefined` if it does not state them. */
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
