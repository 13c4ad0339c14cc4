import {
  type BuiltInFunction,
  type BuiltInFunctionName,
  builtInFunction,
} from "../builtins/coordinator-functions/index.ts";
import { defaultAdapter, isBuiltInAdapter } from "../builtins/input-adapters/index.ts";
import type { HandlerDefinition } from "../definitions/index.ts";
import { withoutDefaults } from "../graph/format/known-keys.ts";
import { batchFields, type Field, type FieldTable, ioFields, nodeFields } from "../graph/format/node-fields.ts";
import { withoutRefusedPatterns } from "../graph/format/params-validator.ts";
import { asZod } from "../graph/format/standard-schema.ts";
import { wireJsonSchema } from "../graph/format/wire-schema.ts";
import { coordinatorFnType, type GraphNode } from "../graph/index.ts";
import { isParamRef, paramNameOf } from "./model/param.ts";
import { patternJson } from "./model/pattern.ts";
import { isSchema } from "./model/schema.ts";
import { fnName, type InputOptions, type LoadedStep, type Step, type StepOptions, subflowOf } from "./model/step.ts";
import { withWireNames } from "./model/wire-names.ts";

type WrittenStep = Exclude<Step, LoadedStep>;

/** One step as a node of the graph. It has only what was written and is not a default, because people read the graph. */
export function nodeJson(step: Step): GraphNode {
  if (step.kind === "json") return step.node;
  const json = {
    ...fieldValues(step.options, nodeFields),
    node_id: step.id,
    type: step.kind === "fn" ? coordinatorFnType : step.handler.name,
    depends_on: step.options.after,
    io: ioJson(step),
    batches: withoutDefaults(fieldValues(step.options, batchFields), batchFields),
  };
  return withoutDefaults(json, nodeFields) as GraphNode; // as far as its values are valid, which parseGraph checks
}

function ioJson(step: WrittenStep): object {
  const { options } = step;
  const own =
    step.kind === "fn"
      ? fnJson(step.fn, options)
      : { input_inline: { ...routingJson(step), ...ownArgs(options) }, ...subflowJson(step.handler) };
  return withoutDefaults({ ...fieldValues(options, ioFields), ...own }, ioFields);
}

function subflowJson(handler: HandlerDefinition): object {
  const { name, item, settled } = subflowOf(handler) ?? {};
  return name === undefined ? {} : { flow: name, item, settled };
}

interface WaitOptions extends Partial<StepOptions> {
  readonly payload?: unknown;
  readonly onTimeout?: unknown;
}

export const waitFunction = "wait.signal" satisfies BuiltInFunctionName;

/** A node that waits for a signal: a coordinator function, whose arguments are options in the builder. */
export function waitStep(id: string, { payload, onTimeout, ...options }: WaitOptions = {}): Step {
  const schema = asZod(payload);
  const json = isSchema(schema) ? withoutRefusedPatterns(wireJsonSchema(schema)) : payload;
  const args = { payload: json, ...(onTimeout === undefined ? {} : { onTimeout }) };
  return { kind: "fn", id, fn: waitFunction, options: { after: [], ...options, args } };
}

/** Options under the names of their fields. A name that is not an option is kept, so that parseGraph reports it. */
function fieldValues(options: object, fields: FieldTable): Record<string, unknown> {
  const rows = Object.entries(fields);
  const byOption = new Map(rows.map(([key, field]) => [field.option, { key, inner: field.fields, field }]));
  return Object.fromEntries(
    Object.entries(options).flatMap(([name, value]): (readonly [string, unknown])[] => {
      if (value === undefined) return [];
      const inside = rows.filter(([, { within }]) => within === name);
      if (inside.length > 0) return Object.entries(fieldValues(value as object, innerFields(inside)));
      const { key, inner, field } = byOption.get(name) ?? { key: name };
      return [[key, inner === undefined ? graphSpelling(value, field) : fieldValues(value as object, inner)]];
    }),
  );
}

/** The rows of an option's keys, as rows of an object of its own. */
const innerFields = (rows: readonly (readonly [string, Field])[]): FieldTable =>
  Object.fromEntries(rows.map(([key, { within: _, ...field }]) => [key, field]));

function graphSpelling(value: unknown, { spelling = {}, written }: Partial<Field> = {}): unknown {
  if (written !== undefined) return written === "pattern" ? patternJson(value) : argumentJson(value);
  return Object.entries(spelling).find(([, ofBuilder]) => ofBuilder === value)?.[0] ?? value;
}

const ownArgs = ({ args }: StepOptions): object =>
  typeof args === "object" && args !== null ? (argumentJson(args) as object) : {};

/** The adapter is always written out, even where the engine would choose the same one, so that a graph is self-contained. */
function routingJson({ options, handler }: Step & { readonly kind: "node" }): object {
  const { after, input, where } = options;
  const chosen = where === undefined ? {} : { where: patternJson(where) };
  if (input !== undefined) {
    return { input_adapter: input.adapter, input_args: { ...adapterArgs(input, after), ...chosen } };
  }
  if (after.length === 0) return {};
  const { adapter, args } = handler.inputAdapter ?? { adapter: defaultAdapter, args: {} };
  return { input_adapter: adapter, input_args: { from_nodes: after, ...args, ...chosen } };
}

function adapterArgs({ adapter, from, ...args }: InputOptions, after: readonly string[]): object {
  const own = isBuiltInAdapter(adapter) ? withWireNames(args) : customArgs(args);
  const sources = from === undefined || Array.isArray(from) ? { from_nodes: from ?? after } : { from };
  return { ...sources, ...own };
}

const customArgs = (args: object): object =>
  Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined));

function fnJson(fn: (Step & { readonly kind: "fn" })["fn"], options: StepOptions): object {
  const args = ownArgs(options);
  const builtIn = typeof fn === "string" ? builtInFunction(fn) : undefined;
  const written = builtIn === undefined || builtIn.takesAny ? args : builtInFnArgs(args, builtIn);
  return { fn: fnName(fn), fn_args: written };
}

function builtInFnArgs(args: object, { ownId }: BuiltInFunction): object {
  const named = withWireNames(args);
  const holder = named[ownId?.arg ?? ""];
  if (ownId === undefined || typeof holder !== "object" || holder === null) return named;
  return { ...named, [ownId.arg]: withWireNames(holder) };
}

/** Far beyond the graph's own depth limit, which `parseGraph` reports; endless recursion would never get there. */
const deepEnough = 200;

/**
 * A user's value as it appears in a node's arguments: references are written out, `undefined` is left out as in JSON, and
 * keys that would read as a reference are escaped.
 *
 * @example
 * argumentJson({ day: param("date"), $ref: "x" }) // { day: { $ref: "params.date" }, $$ref: "x" }
 */
function argumentJson(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null || depth > deepEnough) return value;
  if (isParamRef(value)) return { $ref: `params.${paramNameOf(value)}` };
  if (Array.isArray(value)) return value.map((item) => argumentJson(item, depth + 1));
  if (!isPlain(value)) return value; // such as a Date or a Map: not JSON, which parseGraph reports
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) =>
      inner === undefined ? [] : [[escapedKey(key), argumentJson(inner, depth + 1)]],
    ),
  );
}

const escapedKey = (key: string): string => (/^\$+ref$/.test(key) ? `$${key}` : key);

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
