import type { IsAssignable, OutputOf } from "../../../builtins/node-records.ts";
import type { EdgeText, MismatchText } from "../../../graph/data/mismatch.ts";
import type { Join, LastOf, Say, zodSchemas } from "../../../graph/format/messages.ts";
import type { FlowSchemaError, FlowStateError, FlowTypeError } from "../../model/markers.ts";
import type { AnySchema, Stored } from "../../model/schema.ts";
import type { AnyState, AnyStep, FlowHead, HandlerStep } from "../../model/state.ts";
import type { ReadSchema } from "../definition/types.ts";
import type { NotAnId } from "../id/types.ts";

/*
 * Flows that have inputs, and flows that are used in others.
 *
 * While a part is written, its inputs are ids among the others: every check of a node knows them without knowing it.
 * What a part brings into another flow is mapped once, when it is used, and joins that flow's settled records.
 */

/** By name, the schema of one batch of what a flow is given. */
export interface InputSchemas {
  readonly [input: string]: AnySchema;
}

export type InputsArgument<TInputs extends InputSchemas> = {
  readonly [TInput in keyof TInputs]: TInput extends NotAnId
    ? FlowSchemaError<Say<"inputForm", { id: TInput & string }>>
    : ReadSchema<TInputs[TInput], Say<"flowOption", { option: "inputs"; needs: typeof zodSchemas }>>;
};

/** Written so that a flow without inputs shows nothing of them. */
export type StoredInputs<TInputs extends InputSchemas> = [keyof TInputs] extends [never]
  ? {}
  : { [TInput in keyof TInputs]: Stored<TInputs[TInput]> };

/** The names as a list: the parents of a first `then`. Their number matters, their order doesn't. */
export type InputNames<TNames, TListed extends readonly string[] = []> = [TNames] extends [never]
  ? TListed
  : InputNames<Exclude<TNames, LastOf<TNames>>, [LastOf<TNames> & string, ...TListed]>;

/** The receiver of `compile()`. */
export type CompileReceiver<TIds extends string, TInputs> = [keyof TInputs] extends [never]
  ? [TIds] extends [never]
    ? FlowStateError<Say<"emptyFlow", {}>>
    : unknown
  : FlowStateError<Say<"openInputs", { inputs: Join<keyof TInputs, ", "> }>>;

/** By the name of an input, the node that feeds it. */
export interface Bindings {
  readonly [input: string]: string;
}

type InputsOf<TPart extends AnyState> = TPart["head"]["inputs"];

/** The ids of a part's nodes in the flow that uses it. */
export type PartIds<
  TIds extends string,
  TPart extends AnyState,
  TPrefix extends string,
> = `${TPrefix}.${Exclude<TIds, keyof InputsOf<TPart>>}`;

export type PartRecords<TPart extends AnyState, TPrefix extends string> = Prefixed<
  TPart["old"] & TPart["young"],
  TPrefix,
  keyof InputsOf<TPart>
>;

type Prefixed<TRecords, TPrefix extends string, TInputs> = {
  [TId in keyof TRecords as TId extends TInputs ? never : `${TPrefix}.${TId & string}`]: TRecords[TId];
};

export type PartSteps<TSteps extends AnyStep, TPrefix extends string> = TSteps extends unknown
  ? HandlerStep<`${TPrefix}.${TSteps["id"]}`, TSteps["handler"]>
  : never;

/** A node that feeds an input is used if the input is. */
export type PartUsed<TPart extends AnyState, TPrefix extends string, TBound extends Bindings> =
  | `${TPrefix}.${Exclude<TPart["used"], keyof InputsOf<TPart>>}`
  | TBound[Extract<TPart["used"], keyof InputsOf<TPart>> & keyof TBound];

export type PartLast<TLast extends readonly string[], TPrefix extends string> = {
  [TIndex in keyof TLast]: `${TPrefix}.${TLast[TIndex]}`;
};

export type PrefixArgument<
  TPrefix extends string,
  TNewIds extends string,
  TIds extends string,
> = TPrefix extends NotAnId
  ? FlowTypeError<Say<"prefixForm", { id: TPrefix }>>
  : string extends TPrefix
    ? FlowTypeError<Say<"prefixNotLiteral", {}>>
    : [Extract<TNewIds, TIds>] extends [never]
      ? TPrefix
      : string extends TIds
        ? TPrefix // which ids there are is known at run time only
        : // Parts may clash in every id: one is enough to say.
          FlowTypeError<Say<"duplicateNode", { id: LastOf<Extract<TNewIds, TIds>> }>>;

/** Judged on the part: everything that has no token of its own. */
export type PartArgument<
  TFlowOfPart,
  TIds extends string,
  TPart extends AnyState,
  TPrefix extends string,
  TState extends AnyState,
  TBound extends Bindings,
> = [PartProblem<TIds, TPart, TPrefix, TState, TBound>] extends [never]
  ? TFlowOfPart
  : FlowStateError<PartProblem<TIds, TPart, TPrefix, TState, TBound>>;

type PartProblem<
  TIds extends string,
  TPart extends AnyState,
  TPrefix extends string,
  TState extends AnyState,
  TBound extends Bindings,
> = [Exclude<TIds, keyof InputsOf<TPart>>] extends [never]
  ? Say<"partEmpty", { prefix: TPrefix }>
  : [Exclude<keyof InputsOf<TPart>, keyof TBound>] extends [never]
    ? ParamProblem<TPrefix, TPart["head"]["params"], TState["head"]["params"]> extends infer TProblem extends string
      ? [TProblem] extends [never]
        ? NameProblem<TPrefix, TPart, TState>
        : TProblem
      : never
    : Say<"partInputMissing", { prefix: TPrefix; inputs: Join<Exclude<keyof InputsOf<TPart>, keyof TBound>, ", "> }>;

type ParamProblem<TPrefix extends string, TNeeded, TGiven> = [MissingParams<TNeeded, TGiven>] extends [never]
  ? IsAssignable<TGiven, TNeeded> extends true
    ? never
    : [string, { readonly [name: string]: never }] extends [keyof TGiven, TGiven]
      ? never // which parameters there are is known at run time only
      : Say<"partParamType", { prefix: TPrefix; why: MismatchText<TGiven, TNeeded> }>
  : Say<"partParamMissing", { prefix: TPrefix; params: Join<MissingParams<TNeeded, TGiven>, ", "> }>;

/** Of parameters that may have any name, none is missing. */
type MissingParams<TNeeded, TGiven> = string extends keyof TNeeded ? never : Exclude<keyof TNeeded, keyof TGiven>;

/** Two things of one type and name may still be two: that is for run time to see. */
type NameProblem<TPrefix extends string, TPart extends AnyState, TState extends AnyState> = [
  TakenNames<TPart["head"]["adapters"], TState["head"]["adapters"]>,
] extends [never]
  ? [TakenNames<HandlersOf<TPart>, HandlersOf<TState>>] extends [never]
    ? never
    : NameTaken<TPrefix, "handler", TakenNames<HandlersOf<TPart>, HandlersOf<TState>>>
  : NameTaken<TPrefix, "input adapter", TakenNames<TPart["head"]["adapters"], TState["head"]["adapters"]>>;

type HandlersOf<TState extends AnyState> = TState["steps"]["handler"];

/** The names of those that the flow doesn't have, among the names that it has. Unions, so that no list is walked twice. */
type TakenNames<TBrought, TKnown extends Named> = Extract<NamesOf<Exclude<TBrought, TKnown>>, TKnown["name"]>;

interface Named {
  readonly name: string;
}
type NamesOf<TNamed> = TNamed extends Named ? TNamed["name"] : never;

type NameTaken<TPrefix extends string, TWhat extends string, TNames> = Say<
  "partNameTaken",
  { prefix: TPrefix; what: TWhat; name: LastOf<TNames> }
>;

/** What feeds a flow that is used in another one. */
export type UseOptions<
  TPrefix extends string,
  TBound extends Bindings,
  TInputs,
  TIds extends string,
  TState extends AnyState,
> = {
  /** For each of its inputs, a node of this flow, declared before it: a different one for each. */
  readonly inputs?: BoundInputs<TPrefix, TBound, TInputs, TIds, TState> & {
    readonly [TInput in keyof TInputs]?: unknown;
  };
};

/** When all is well it is what was written, from which the names are inferred. */
type BoundInputs<
  TPrefix extends string,
  TBound extends Bindings,
  TInputs,
  TIds extends string,
  TState extends AnyState,
> =
  IsAssignable<TBound, JudgedInputs<TPrefix, TBound, TInputs, TIds, TState>> extends true
    ? TBound
    : JudgedInputs<TPrefix, TBound, TInputs, TIds, TState>;

type JudgedInputs<
  TPrefix extends string,
  TBound extends Bindings,
  TInputs,
  TIds extends string,
  TState extends AnyState,
> = {
  readonly [TInput in keyof TBound]: Binding<TPrefix, TInput, TBound, TInputs, TIds, TState>;
};

type Binding<
  TPrefix extends string,
  TInput extends keyof TBound,
  TBound extends Bindings,
  TInputs,
  TIds extends string,
  TState extends AnyState,
> = TInput extends keyof TInputs
  ? TBound[TInput] extends TIds
    ? TBound[TInput] extends TBound[Exclude<keyof TBound & keyof TInputs, TInput>]
      ? FlowTypeError<Say<"partInputTwice", { prefix: TPrefix; input: TInput; id: TBound[TInput] }>>
      : IsAssignable<OutputOf<TState, TBound[TInput]>, TInputs[TInput]> extends true
        ? TBound[TInput]
        : FlowTypeError<
            EdgeText<TBound[TInput], `${TPrefix}.${TInput & string}`, OutputOf<TState, TBound[TInput]>, TInputs[TInput]>
          >
    : TIds | FlowTypeError<Say<"partInputNode", { prefix: TPrefix; input: TInput; id: TBound[TInput] }>>
  : FlowTypeError<Say<"partInputUnknown", { prefix: TPrefix; input: TInput }>>;

/** The adapters of a part join those of the flow. A part without any leaves the head as it is, with what is known of it. */
export type HeadAfterUse<THead extends AnyState["head"], TAdapters> = [TAdapters] extends [THead["adapters"]]
  ? THead
  : FlowHead<THead["name"], THead["params"], THead["adapters"] | TAdapters, THead["inputs"]>;
