import type { FlowDefinition, FlowTypes } from "../../definitions/flow.ts";
import type { Join, MessageText } from "../../graph/format/messages.ts";
import type { GraphInput, RunOptions } from "./api.ts";

/*
 * The arguments of `run`. They are checked against the types that a flow carries, inferred from a single property: a
 * conditional type over the flow itself, or over its handlers, would cost up to a tenth of its chain.
 */

/**
 * A sentence that the compiler prints for a flow that cannot be run. Its type conflicts with a property that every flow
 * has.
 */
interface WrongFlow<TMessage extends string> {
  readonly $infer: TMessage;
}

/** The part of a flow that the compiler examines. */
type RunnableFlow<TTypes extends FlowTypes> = Pick<FlowDefinition<TTypes>, "$infer" | "compile">;

/**
 * A flow that the engine can run. Reports errors that belong to no argument: a handler that the engine lacks, and
 * missing parameters. `TGiven` are the option keys that were written.
 */
export type FlowArgument<TTypes extends FlowTypes, THandlers extends Named, TGiven> = [keyof TTypes["inputs"]] extends [
  never,
]
  ? ClosedFlowArgument<TTypes, THandlers, TGiven>
  : WrongFlow<MessageText<"openInputs", { inputs: Join<keyof TTypes["inputs"], ", "> }>>;

type ClosedFlowArgument<TTypes extends FlowTypes, THandlers extends Named, TGiven> = [
  HandlerProblem<TTypes, THandlers>,
] extends [never]
  ? "params" extends TGiven
    ? RunnableFlow<TTypes> | GraphInput
    : {} extends TTypes["params"]
      ? RunnableFlow<TTypes> | GraphInput
      : WrongFlow<ParamsMissing<TTypes, RequiredKeys<TTypes["params"]>>>
  : WrongFlow<HandlerProblem<TTypes, THandlers>>;

interface Named {
  readonly name: string;
}

/** If an engine's or a flow's handlers are known as definitions only, they are checked at run time. */
type HandlerProblem<TTypes extends FlowTypes, THandlers extends Named> = string extends
  | THandlers["name"]
  | TTypes["handlerNames"]
  ? never
  : TTypes["handlers"][keyof TTypes["handlers"]] extends THandlers
    ? never
    : {
        [TId in keyof TTypes["handlers"]]: NodeProblem<TTypes["handlers"][TId], TId, THandlers>;
      }[keyof TTypes["handlers"]];

type NodeProblem<THandler, TId, THandlers extends Named> = THandler extends THandlers
  ? never
  : THandler extends { readonly name: infer TName extends string }
    ? TName extends THandlers["name"]
      ? Differing<THandler, Extract<THandlers, { readonly name: TName }>> extends infer TPart extends string
        ? MessageText<"handlerDiffers", { handler: TName; node: TId; part: TPart }>
        : never
      : MessageText<"handlerLacking", { handler: TName; node: TId; list: ListOf<THandlers> }>
    : never;

/** The option to which a type must be added: `handlers` have types, `workerTypes` only names. */
type ListOf<THandlers> = "$infer" extends keyof THandlers ? "handlers" : "workerTypes";

/**
 * The first part in which a handler of the same name cannot replace the flow's: it must accept what the flow delivers,
 * and deliver what the flow accepts.
 */
type Differing<TOurs, TTheirs> = [TOurs, TTheirs] extends [
  { readonly $infer: infer TIs extends HandlerParts },
  { readonly $infer: infer TMay extends HandlerParts },
]
  ? [TIs["args"]] extends [TMay["args"]]
    ? [TIs["input"], TIs["source"]] extends [TMay["input"], TMay["source"]]
      ? [TMay["output"]] extends [TIs["output"]]
        ? [TMay["result"]] extends [TIs["result"]]
          ? undefined
          : "result"
        : "output"
      : "input"
    : "args"
  : undefined;

/** The types of a handler made by the builder. */
interface HandlerParts {
  readonly args: unknown;
  readonly input: unknown;
  readonly source: unknown;
  readonly output: unknown;
  readonly result: unknown;
}

/** Options of a run. `TGiven` are the keys that were written, `TWritten` those among the parameters. */
export type RunOptionsOf<
  TTypes extends FlowTypes,
  TGiven extends keyof RunOptions,
  TWritten extends PropertyKey,
> = RunOptions<ParamsArgument<TTypes, TWritten>> & { readonly [TKey in TGiven]?: unknown } & {
  readonly params?: { readonly [TKey in TWritten]?: unknown };
};

type ParamsArgument<TTypes extends FlowTypes, TWritten> = [Exclude<RequiredKeys<TTypes["params"]>, TWritten>] extends [
  never,
]
  ? TTypes["params"]
  : Wrong<ParamsMissing<TTypes, Exclude<RequiredKeys<TTypes["params"]>, TWritten>>, TTypes["params"]>;

/**
 * The parameters under the name of a sentence: the compiler prints an alias with its arguments, and the editor still
 * completes its keys.
 */
// biome-ignore lint/correctness/noUnusedVariables: the compiler prints it
type Wrong<TMessage extends string, TParams> = { [TKey in keyof TParams]: TParams[TKey] };

type ParamsMissing<TTypes extends FlowTypes, TKeys> = MessageText<
  "paramsMissing",
  { flow: TTypes["name"] extends string ? `flow '${TTypes["name"]}'` : "this flow"; keys: Join<TKeys, ", "> }
>;

type RequiredKeys<T> = { [TKey in keyof T]-?: {} extends Pick<T, TKey> ? never : TKey }[keyof T];
