import type { IsAssignable, IsNever, OutputOf, Recorded, StepsOf } from "../../../builtins/node-records.ts";
import type { EdgeText, MismatchText } from "../../../graph/data/mismatch.ts";
import type { Join, LastOf, MessageText, zodSchemas } from "../../../graph/format/messages.ts";
import type { Wrong, WrongFlow, WrongSchema, WrongType } from "../../model/markers.ts";
import type { LatestOfBoth, TextNow, TextsOfBoth } from "../../model/node-count.ts";
import type { AnySchema, Stored } from "../../model/schema.ts";
import type { AnyState, AnyStep, Block, FlowHead, FlowState, SubflowControl, UsedOf } from "../../model/state.ts";
import type { ReadOption } from "../definition/types.ts";
import type { NotAnId, Taken } from "../id/types.ts";

/*
 * Flows with inputs, and subflows.
 *
 * While a subflow is written, its inputs are ids like those of nodes, so the checks of nodes need no case for them.
 * What a subflow adds to the outer flow is mapped once, by `use`: see `StateAfterUse`.
 */

/* By input name, the schema of one batch. */
export interface InputSchemas {
  readonly [input: string]: AnySchema;
}

export type InputsArgument<TInputs extends InputSchemas> = {
  readonly [TInput in keyof TInputs]: TInput extends NotAnId
    ? WrongSchema<MessageText<"inputForm", { id: TInput & string }>>
    : ReadOption<TInputs[TInput], "inputs", typeof zodSchemas>;
};

/* Written so that the type of a flow without inputs does not show any. */
export type StoredInputs<TInputs extends InputSchemas> = [keyof TInputs] extends [never]
  ? {}
  : { [TInput in keyof TInputs]: Stored<TInputs[TInput]> };

/* The names as a list: the parents of a first `then`. Only their number matters, not their order. */
export type InputNames<TNames, TListed extends readonly string[] = []> = [TNames] extends [never]
  ? TListed
  : InputNames<Exclude<TNames, LastOf<TNames>>, [LastOf<TNames> & string, ...TListed]>;

/* The receiver of `compile()`: a flow with nodes and without inputs. */
export type CompileReceiver<TIds extends string, TInputs> = [keyof TInputs] extends [never]
  ? [TIds] extends [never]
    ? WrongFlow<MessageText<"emptyFlow", {}>>
    : unknown
  : WrongFlow<MessageText<"openInputs", { inputs: Join<keyof TInputs, ", "> }>>;

/* By input name, the node that feeds it. */
export interface Bindings {
  readonly [input: string]: string;
}

type InputsOf<TSubflow extends AnyState> = TSubflow["head"]["inputs"];

/* The ids of a subflow's nodes in the outer flow. */
export type SubflowIds<
  TIds extends string,
  TSubflow extends AnyState,
  TPrefix extends string,
> = `${TPrefix}.${Exclude<TIds, keyof InputsOf<TSubflow>>}`;

/* What a subflow adds is one block, read by the new ids. */
type BlocksAfterUse<TState extends AnyState, TIds extends string, TSubflow extends AnyState, TPrefix extends string> = [
  ...TState["blocks"],
  Block<TState["fresh"], TState["recent"], TState["recentPlaces"]>,
  {
    [TId in Exclude<TIds, keyof InputsOf<TSubflow>> as `${TPrefix}.${TId}`]: OutputOf<TSubflow, TId>;
  },
];

type PlacesAfterUse<TState extends AnyState, TNewIds extends string> = TState["places"] &
  Recorded<TState["fresh"] & string, TState["blocks"]["length"]> &
  Recorded<TNewIds, [...TState["blocks"], 0]["length"]>;

type SubflowSteps<TSteps extends AnyStep, TPrefix extends string, TBound> = TSteps extends unknown
  ? SubflowStep<TSteps, TPrefix, TBound>
  : never;

/** A step of a subflow. An interface: its members are resolved where they are read. */
interface SubflowStep<TStep extends AnyStep, TPrefix extends string, TBound> {
  readonly id: `${TPrefix}.${TStep["id"]}`;
  readonly handler: TStep["handler"];
  readonly partitions: TStep["partitions"];
  readonly control: SubflowControl<TStep["control"], TPrefix, TBound>;
}

/* A node that feeds an input counts as used if a node of the subflow reads that input. */
type SubflowUsed<TSubflow extends AnyState, TPrefix extends string, TBound extends Bindings> =
  | `${TPrefix}.${Exclude<UsedOf<TSubflow>, keyof InputsOf<TSubflow>>}`
  | TBound[Extract<UsedOf<TSubflow>, keyof InputsOf<TSubflow>> & keyof TBound];

type SubflowLast<TLast extends readonly string[], TPrefix extends string> = {
  [TIndex in keyof TLast]: `${TPrefix}.${TLast[TIndex]}`;
};

export type PrefixArgument<TPrefix extends string, TNewIds extends string, TIds extends string> =
  IsNever<PrefixProblem<TPrefix, TNewIds, TIds>> extends false
    ? WrongType<PrefixProblem<TPrefix, TNewIds, TIds>>
    : TPrefix;

type PrefixProblem<TPrefix extends string, TNewIds extends string, TIds extends string> = TPrefix extends NotAnId
  ? MessageText<"prefixForm", { id: TPrefix }>
  : string extends TPrefix
    ? MessageText<"prefixNotLiteral", {}>
    : IsNever<Taken<TNewIds, TIds>> extends false
      ? // A subflow may collide in every id: one is enough to report.
        MessageText<"duplicateNode", { id: LastOf<Taken<TNewIds, TIds>> }>
      : never;

/* Reported at the subflow: what has no token in the call. */
export type SubflowArgument<
  TGiven,
  TIds extends string,
  TSubflow extends AnyState,
  TPrefix extends string,
  TState extends AnyState,
  TBound extends Bindings,
> =
  IsNever<SubflowProblem<TIds, TSubflow, TPrefix, TState, TBound>> extends false
    ? WrongFlow<SubflowProblem<TIds, TSubflow, TPrefix, TState, TBound>>
    : TGiven;

type SubflowProblem<
  TIds extends string,
  TSubflow extends AnyState,
  TPrefix extends string,
  TState extends AnyState,
  TBound extends Bindings,
> =
  Exclude<TIds, keyof InputsOf<TSubflow>> extends never
    ? MessageText<"partEmpty", { prefix: TPrefix }>
    : [Exclude<keyof InputsOf<TSubflow>, keyof TBound>] extends [never]
      ? ParamProblem<TPrefix, TSubflow["head"]["params"], TState["head"]["params"]> extends infer TProblem extends
          string
        ? [TProblem] extends [never]
          ? NameProblem<TPrefix, TSubflow, TState>
          : TProblem
        : never
      : MessageText<
          "partInputMissing",
          { prefix: TPrefix; inputs: Join<Exclude<keyof InputsOf<TSubflow>, keyof TBound>, ", "> }
        >;

type ParamProblem<TPrefix extends string, TNeeded, TGiven> = [MissingParams<TNeeded, TGiven>] extends [never]
  ? IsAssignable<TGiven, TNeeded> extends true
    ? never
    : [string, { readonly [name: string]: never }] extends [keyof TGiven, TGiven]
      ? never // the parameters are known only at run time
      : MessageText<"partParamType", { prefix: TPrefix; why: MismatchText<TGiven, TNeeded> }>
  : MessageText<"partParamMissing", { prefix: TPrefix; params: Join<MissingParams<TNeeded, TGiven>, ", "> }>;

/* Parameters that may have any name cannot be missing. */
type MissingParams<TNeeded, TGiven> = string extends keyof TNeeded ? never : Exclude<keyof TNeeded, keyof TGiven>;

/* Two definitions of one type and name may still differ, which only run time can see. */
type NameProblem<TPrefix extends string, TSubflow extends AnyState, TState extends AnyState> = [
  TakenNames<TSubflow["head"]["adapters"], TState["head"]["adapters"]>,
] extends [never]
  ? [TakenNames<HandlersOf<TSubflow>, HandlersOf<TState>>] extends [never]
    ? never
    : NameTaken<TPrefix, "handler", TakenNames<HandlersOf<TSubflow>, HandlersOf<TState>>>
  : NameTaken<TPrefix, "input adapter", TakenNames<TSubflow["head"]["adapters"], TState["head"]["adapters"]>>;

type HandlersOf<TState extends AnyState> = StepsOf<TState>["handler"];

/*
 * The names of definitions that only the subflow has, and that another definition of the flow has too. Unions instead
 * of lists, so that they are not traversed twice.
 */
type TakenNames<TBrought, TKnown extends Named> = Extract<NamesOf<Exclude<TBrought, TKnown>>, TKnown["name"]>;

interface Named {
  readonly name: string;
}
type NamesOf<TNamed> = TNamed extends Named ? TNamed["name"] : never;

type NameTaken<TPrefix extends string, TWhat extends string, TNames> = MessageText<
  "partNameTaken",
  { prefix: TPrefix; what: TWhat; name: LastOf<TNames> }
>;

/** The options of `use`. */
export type UseOptions<
  TPrefix extends string,
  TBound extends Bindings,
  TSubflow extends AnyState,
  TIds extends string,
  TState extends AnyState,
> = {
  /** For each input of the subflow, a different node of this flow, declared before it. */
  readonly inputs?: BoundInputs<TPrefix, TBound, InputsOf<TSubflow>, TIds, TState> & {
    readonly [TInput in keyof InputsOf<TSubflow>]?: unknown;
  };
};

/* If all bindings are right, the type that was given, from which the names are inferred. */
type BoundInputs<
  TPrefix extends string,
  TBound extends Bindings,
  TInputs,
  TIds extends string,
  TState extends AnyState,
> =
  IsAssignable<TBound, JudgedInputs<TPrefix, TBound, TInputs, TIds, TState>> extends false
    ? JudgedInputs<TPrefix, TBound, TInputs, TIds, TState>
    : TBound;

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
      ? WrongType<MessageText<"partInputTwice", { prefix: TPrefix; input: TInput; id: TBound[TInput] }>>
      : IsAssignable<OutputOf<TState, TBound[TInput]>, TInputs[TInput]> extends true
        ? TBound[TInput]
        : WrongType<
            EdgeText<TBound[TInput], `${TPrefix}.${TInput & string}`, OutputOf<TState, TBound[TInput]>, TInputs[TInput]>
          >
    : Wrong<MessageText<"partInputNode", { prefix: TPrefix; input: TInput; id: TBound[TInput] }>, TIds>
  : WrongType<MessageText<"partInputUnknown", { prefix: TPrefix; input: TInput }>>;

/*
 * Adds the adapters of a subflow to those of the flow. Without new ones the head is the same type, so the compiler can
 * reuse what it has computed about it.
 */
type HeadAfterUse<THead extends AnyState["head"], TAdapters> = [TAdapters] extends [THead["adapters"]]
  ? THead
  : FlowHead<THead["name"], THead["params"], THead["adapters"] | TAdapters, THead["inputs"]>;

/* How many nodes a flow has with those of a subflow. */
export type TextAfterUse<TState extends AnyState, TSubState extends AnyState> = TextNow<
  TextsOfBoth<TState["texts"], TState["recent"], TSubState["texts"], TSubState["recent"]>,
  LatestOfBoth<TState["recent"], TSubState["recent"]>
>;

/* The state with all nodes of a subflow. Each argument is resolved by itself; see `StateAfter`. */
export type StateAfterUse<
  TState extends AnyState,
  TSubIds extends string,
  TSubState extends AnyState,
  TPrefix extends string,
  TBound extends Bindings,
> = FlowState<
  BlocksAfterUse<TState, TSubIds, TSubState, TPrefix>,
  LatestOfBoth<TState["recent"], TSubState["recent"]>,
  TextsOfBoth<TState["texts"], TState["recent"], TSubState["texts"], TSubState["recent"]>,
  PlacesAfterUse<TState, SubflowIds<TSubIds, TSubState, TPrefix>>,
  {},
  never,
  StepsOf<TState> | SubflowSteps<StepsOf<TSubState>, TPrefix, TBound>,
  never,
  UsedOf<TState> | SubflowUsed<TSubState, TPrefix, TBound>,
  never,
  SubflowLast<TSubState["last"], TPrefix>,
  HeadAfterUse<TState["head"], TSubState["head"]["adapters"]>
>;
