import type { Json, JsonObject } from "../../errors/index.ts";
import type { InputInline } from "./node-fields.ts";
import { isObject } from "./plain-data.ts";
import type { Path } from "./pointer.ts";

/*
 * `{ "$ref": "params.date" }` inside a handler's own arguments or `fn_args` stands for a parameter of the task. An
 * object that has to hold the key `$ref` itself writes `$$ref`, one that has to hold `$$ref` writes `$$$ref`, and so on.
 */

const refKey = "$ref";
const escapedKey = /^\$\$+ref$/;
const refForm = /^params(?:\.[^.]+)+$/;

/** An object with the key `$ref`, and what it says. */
export interface FoundRef {
  readonly path: Path;
  /** Names from the params down; `undefined` when it is no reference. */
  readonly name: readonly string[] | undefined;
  /** Other keys stand beside `$ref`. */
  readonly alone: boolean;
  readonly value: Json;
}

/** Every reference inside a value, in document order. */
export function* refsIn(value: Json | undefined, path: Path): Generator<FoundRef> {
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* refsIn(item, [...path, index]);
  } else if (isObject(value)) {
    const ref = value[refKey];
    if (ref !== undefined) {
      const name = typeof ref === "string" && refForm.test(ref) ? ref.split(".").slice(1) : undefined;
      yield { path, name, alone: Object.keys(value).length === 1, value: ref };
    } else {
      for (const [key, inner] of Object.entries(value)) yield* refsIn(inner, [...path, key]);
    }
  }
}

/** Parts of a node's `io` inside which references may stand: `input_inline` without the routing, and `fn_args`. */
export interface ArgumentsPart {
  readonly key: "input_inline" | "fn_args";
  readonly value: JsonObject;
}

const isRouting = (key: string): boolean => key === "input_adapter" || key === "input_args";

export function argumentsOf(io: {
  readonly input_inline?: InputInline;
  readonly fn_args?: JsonObject;
}): readonly ArgumentsPart[] {
  const parts: ArgumentsPart[] = [];
  if (io.input_inline !== undefined && Object.keys(io.input_inline).some((key) => !isRouting(key))) {
    const { input_adapter: _, input_args: __, ...own } = io.input_inline;
    parts.push({ key: "input_inline", value: own as JsonObject });
  }
  if (io.fn_args !== undefined) parts.push({ key: "fn_args", value: io.fn_args });
  return parts;
}

/**
 * The value with each reference replaced by what `lookup` gives, and escaped keys unescaped; the same value when there
 * is nothing to replace.
 */
export function replaceRefs(value: Json, path: Path, lookup: (ref: FoundRef) => Json): Json {
  if (Array.isArray(value)) {
    const items = value.map((item: Json, index) => replaceRefs(item, [...path, index], lookup));
    return items.some((item, index) => item !== value[index]) ? items : value;
  }
  if (!isObject(value)) return value;
  if (value[refKey] !== undefined) {
    const [ref] = refsIn(value, path);
    return ref === undefined ? value : lookup(ref);
  }
  let changed = false;
  const entries = Object.entries(value).map(([key, inner]) => {
    const replaced = replaceRefs(inner, [...path, key], lookup);
    const plainKey = escapedKey.test(key) ? key.slice(1) : key;
    changed ||= replaced !== inner || plainKey !== key;
    return [plainKey, replaced] as const;
  });
  return changed ? Object.fromEntries(entries) : value;
}
