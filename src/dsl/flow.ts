import type { $ZodType } from "zod/v4/core";
import type { Absent, Recorded } from "../builtins/node-records.ts";
import { FlowError } from "../errors/index.ts";
import { formatMessage, twoWaySchema, type zodSchema, zodSchemas } from "../graph/format/messages.ts";
import { namePattern } from "../graph/format/names.ts";
import { asZod, schemaFault } from "../graph/format/standard-schema.ts";
import { FlowBuilder } from "./flow-builder.ts";
import type { AnyInputAdapter } from "./model/adapter.ts";
import type { FirstTexts } from "./model/node-count.ts";
import { type AnySchema, isSchema, type StoredOr, type WireOr, withZodSchemas } from "./model/schema.ts";
import type { FlowHead, FlowState } from "./model/state.ts";
import type { OptionsOf } from "./model/unprinted.ts";
import { isOneWay } from "./rules/definition/not-json.ts";
import type { ReadOption } from "./rules/definition/types.ts";
import type { InputNames, InputSchemas, InputsArgument, StoredInputs } from "./rules/subflow/types.ts";
import type { FlowOf } from "./types/flow.ts";

/**
 * Starts a flow: nodes are added one by one, each checked against those before it.
 *
 * @example
 * const etl = flow("etl", { params: z.object({ date: z.iso.date() }) })
 *   .node("extract", extract, { args: { day: param("date") } })
 *   .then("clean", clean)
 * etl.compile().edges // [["extract", "clean"]]
 *
 * @param name - a label in logs, metrics and pages
 * @param options - the schema of its parameters, custom input adapters, and the inputs of a subflow
 * @returns an empty flow; each method returns a new one
 * @throws FlowError `FLOW_INVALID` when an option is invalid
 */
export function flow<
  const TName extends string | Absent = Absent,
  TParams extends AnySchema | Absent = Absent,
  const TAdapters extends readonly AnyInputAdapter[] = [],
  TInputs extends InputSchemas = {},
>(
  name?: TName,
  options?: OptionsOf<TName, FlowOptions<TParams, TAdapters>, InputOptions<TInputs>>["options"],
): FlowOf<
  TName,
  "0 nodes",
  keyof TInputs & string,
  WireOr<TParams, {}>,
  FlowState<
    [StoredInputs<TInputs>],
    [],
    FirstTexts,
    Recorded<keyof TInputs & string, 0>,
    {},
    never,
    never,
    never,
    never,
    never,
    InputNames<keyof TInputs>,
    FlowHead<TName, StoredOr<TParams, {}>, TAdapters[number], StoredInputs<TInputs>>
  >
>["flow"];
// The builder implements `Flow` without its types; this signature adds them.
export function flow(name?: unknown, options: GivenOptions = {}): object {
  const { params, adapters = [], inputs = {} } = options;
  const wrong = (option: string, needs: string) =>
    new FlowError("FLOW_INVALID", formatMessage("flowOption", { option, needs }));
  if (name !== undefined && typeof name !== "string") throw wrong("name", "a string");
  const paramsSchema = asZod(params) as $ZodType | undefined;
  const fault =
    params === undefined
      ? undefined
      : (schemaFault(params) ?? (isOneWay(paramsSchema as $ZodType) ? twoWaySchema : undefined));
  if (fault !== undefined) throw wrong("params", fault);
  if (!isAdapters(adapters)) throw wrong("adapters", "a list of input adapters made by defineInputAdapter()");
  if (!isSchemas(inputs)) throw wrong("inputs", zodSchemas);
  const illNamed = Object.keys(inputs).find((id) => !namePattern.test(id));
  if (illNamed !== undefined) throw new FlowError("FLOW_INVALID", formatMessage("inputForm", { id: illNamed }));
  return new FlowBuilder(
    {
      name,
      paramsSchema,
      inputAdapters: [...adapters],
      inputs: withZodSchemas(inputs),
    },
    undefined,
  );
}

/** The options of {@link flow}. Not an interface, for the reason given at `NodeOptions`. */
type FlowOptions<TParams, TAdapters> = {
  /** The schema of the parameters of a task. */
  readonly params?: ReadOption<TParams, "params", typeof zodSchema>;
  /** Custom input adapters that its nodes may name. */
  readonly adapters?: TAdapters;
};

type InputOptions<TInputs extends InputSchemas> = {
  /** For a subflow: by name, the schema of one batch of the node that feeds this input. */
  readonly inputs?: InputsArgument<TInputs>;
};

interface GivenOptions {
  readonly params?: unknown;
  readonly adapters?: unknown;
  readonly inputs?: unknown;
}

const isSchemas = (value: unknown): value is Readonly<Record<string, $ZodType>> =>
  typeof value === "object" && value !== null && Object.values(value).every(isSchema);

const isAdapters = (value: unknown): value is FlowBuilder["inputAdapters"] =>
  Array.isArray(value) && value.every((item) => item?.kind === "inputAdapter");
