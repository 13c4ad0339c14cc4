import * as z from "zod";
import type { $ZodType, $ZodTypes } from "zod/v4/core";

/** The source of the recursive schemas that drawn ones refer to: a type that contains itself needs a name. */
export const namedSchemas = `
const node = z.object({ value: z.string(), get next() { return node.nullable(); } });
const numbered = z.object({ value: z.number(), get next() { return numbered.nullable(); } });`;

/** The schema that a source evaluates to. Its types are for the compiler only. */
export function schemaOf(source: string): z.ZodType {
  let schema = made.get(source);
  if (schema === undefined) {
    schema = new Function("z", `${namedSchemas}\nreturn ${source.replace(/ as never|<string>/g, "")};`)(z) as z.ZodType;
    made.set(source, schema);
  }
  return schema;
}

const made = new Map<string, z.ZodType>();

const most = 24;
const deepest = 8;

/**
 * Wire values of a schema: at least one for each of its alternatives. It may still reject some: those of an
 * intersection, or where a check considers more than types.
 */
export function samplesOf(schema: $ZodType, depth = 0): readonly unknown[] {
  if (depth > deepest) return [];
  const inner = (part: $ZodType) => samplesOf(part, depth + 1);
  const { def } = (schema as $ZodTypes)._zod;
  switch (def.type) {
    case "string":
      return "format" in def ? formatSamples(String(def.format)) : ["", "x", "1"];
    case "number":
      return def.checks === undefined && !("format" in def) ? [0, 1.5] : [3];
    case "boolean":
      return [true, false];
    case "null":
      return [null];
    case "template_literal":
      return ["v1"];
    case "literal":
      return def.values.filter((value) => value !== undefined);
    case "enum":
      return Object.values(def.entries);
    case "unknown":
    case "any":
    case "custom":
      return ["x", null, 1, {}];
    case "array":
      return cut([[], inner(def.element), ...inner(def.element).map((value) => [value])]);
    case "tuple": {
      const items = def.items.map(inner);
      const longer = def.rest === null ? [] : rows([...items, inner(def.rest)]);
      return cut(interleaved([rows(items), longer]));
    }
    case "record":
      return recordSamples(inner(def.keyType), { values: inner(def.valueType), keys: def.keyType as $ZodType });
    case "object":
      return objectSamples(def.shape, inner, def.catchall);
    case "union":
      return cut(interleaved(def.options.map(inner)));
    case "intersection":
      return rows([inner(def.left), inner(def.right)]).map(([left, right]) => merged(left, right));
    case "nullable":
      return [null, ...inner(def.innerType)];
    case "optional":
    case "default":
    case "prefault":
    case "nonoptional":
    case "readonly":
    case "catch":
      return inner(def.innerType);
    case "pipe":
      return def.in._zod.def.type === "transform" ? ["x"] : inner(def.in);
    case "lazy":
      return inner(def.getter());
    default:
      return [];
  }
}

function formatSamples(format: string): readonly string[] {
  if (format === "email") return ["a@b.co"];
  return format === "datetime" ? ["2026-01-02T03:04:05Z"] : ["x"];
}

function recordSamples(
  names: readonly unknown[],
  { values, keys }: { readonly values: readonly unknown[]; readonly keys: $ZodType },
): readonly unknown[] {
  if (keys._zod.values === undefined) {
    return [{}, ...values.map((value) => ({ x: value })), ...values.map((value) => ({ a: value, b: value, value }))];
  }
  const whole = values.map((value) => Object.fromEntries(names.map((name) => [name, value])));
  return [{}, ...whole, ...values.flatMap((value) => names.map((name) => ({ [String(name)]: value })))];
}

function objectSamples(
  shape: Readonly<Record<string, $ZodType>>,
  inner: (part: $ZodType) => readonly unknown[],
  catchall: $ZodType | undefined,
): readonly unknown[] {
  const names = Object.keys(shape);
  const whole = rows(Object.values(shape).map(inner)).map((row) =>
    Object.fromEntries(row.map((value, at) => [names[at], value])),
  );
  const optional = names.filter((name) => shape[name]?._zod.optin !== undefined);
  const [first] = whole;
  if (first === undefined) return [];
  const without = (dropped: readonly string[]) =>
    Object.fromEntries(Object.entries(first).filter(([key]) => !dropped.includes(key)));
  const isOpen = catchall !== undefined && catchall._zod.def.type !== "never";
  const extra = isOpen
    ? [
        { ...first, other: "x" },
        { ...first, other: null },
      ]
    : [];
  return [
    first,
    ...(optional.length === 0 ? [] : [without(optional)]),
    ...optional.slice(0, most).map((key) => without([key])),
    ...whole.slice(1),
    ...extra,
  ];
}

/** Lists with one value of each part, so that every value occurs, and some further combinations. */
function rows(parts: readonly (readonly unknown[])[]): readonly (readonly unknown[])[] {
  if (parts.some((values) => values.length === 0)) return [];
  const longest = Math.max(1, ...parts.map((values) => values.length));
  const side = Array.from({ length: longest }, (_, at) => parts.map((values) => values[at % values.length]));
  let crossed: unknown[][] = [[]];
  for (const values of parts.slice(0, 4)) {
    crossed = crossed.flatMap((row) => values.map((value) => [...row, value])).slice(0, most);
  }
  const rest = parts.slice(4).map((values) => values[0]);
  return [...side, ...crossed.map((row) => [...row, ...rest])];
}

/** The first values of each list first. */
function interleaved(lists: readonly (readonly unknown[])[]): readonly unknown[] {
  const longest = Math.max(0, ...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, at) =>
    lists.flatMap((list) => (at < list.length ? [list[at]] : [])),
  ).flat();
}

const cut = (values: readonly unknown[]): readonly unknown[] => values.slice(0, most * 4);

const merged = (left: unknown, right: unknown): unknown =>
  typeof left === "object" && typeof right === "object" ? { ...left, ...right } : left;
