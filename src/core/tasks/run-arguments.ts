import type { FlowDefinition, FlowTypes } from "../../definitions/index.ts";
import type { Join, Say } from "../../graph/format/messages.ts";
import type { GraphInput, RunOptions } from "./api.ts";

/*
 * What `run` takes. Everything is judged on the types that a flow carries, inferred from one property of it: a
 * conditional type over the flow itself, or over its handlers, would cost as much as a tenth of its chain.
 */

/** A sentence that the compiler prints at a flow that can't be run. It clashes with a property that every flow has. */
interface RunError<TMessage extends string> {
  readonly $infer: TMessage;
}

/** What of a flow the compiler looks at. */
type RunnableFlow<TTypes extends FlowTypes> = Pick<FlowDefinition<TTypes>, "$infer" | "compile">;

/**
 * A flow that the engine can run. Judged on it is what has no token of its own: a handler that the engine lacks, and
 * parameters that were left out. `TGiven` are the option keys that were written.
 */
export type FlowArgument<TTypes extends FlowTypes, THandlers extends Named, TGiven> = [keyof TTypes["inputs"]] extends [
  never,
]
  ? ClosedFlowArgument<TTypes, THandlers, TGiven>
  : RunError<Say<"openInputs", { inputs: Join<keyof TTypes["inputs"], ", "> }>>;

type ClosedFlowArgument<TTypes extends FlowTypes, THandlers extends Named, TGiven> = [
  HandlerProblem<TTypes, THandlers>,
] extends [never]
  ? "params" extends TGiven
    ? RunnableFlow<TTypes> | GraphInput
    : {} extends TTypes["params"]
      ? RunnableFlow<TTypes> | GraphInput
      : RunError<ParamsMissing<TTypes, RequiredKeys<TTypes["params"]>>>
  : RunError<HandlerProblem<TTypes, THandlers>>;

interface Named {
  readonly name: string;
}

/** An engine, or a flow, whose handlers are known as definitions only is asked at run time. */
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
        ? Say<"handlerDiffers", { handler: TName; node: TId; part: TPart }>
        : never
      : Say<"handlerLacking", { handler: TName; node: TId; list: ListOf<THandlers> }>
    : never;

/** Where one adds a type: handlers have types of their own, names of worker types don't. */
type ListOf<THandlers> = "$infer" extends keyof THandlers ? "handlers" : "workerTypes";

/**
 * The first part in which another handler of the same name could not stand in for the flow's: it must take what the
 * flow gives, and give what the flow takes.
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

/** What the builder's handlers say of their types. */
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
  : ParamsError<ParamsMissing<TTypes, Exclude<RequiredKeys<TTypes["params"]>, TWritten>>, TTypes["params"]>;

/**
 * The parameters under the name of a sentence: an alias is printed with its arguments, and the editor still completes
 * the keys that are behind it.
 */
// biome-ignore lint/correctness/noUnusedVariables: it is there to be printed
type ParamsError<TMessage extends string, TParams> = { [TKey in keyof TParams]: TParams[TKey] };

type ParamsMissing<TTypes extends FlowTypes, TKeys> = Say<
  "paramsMissing",
  { flow: TTypes["name"] extends string ? `flow '${TTypes["name"]}'` : "this flow"; keys: Join<TKeys, ", "> }
>;

type RequiredKeys<T> = { [TKey in keyof T]-?: {} extends Pick<T, TKey> ? never : TKey }[keyof T];
