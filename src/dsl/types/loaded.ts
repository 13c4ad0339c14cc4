import type { $ZodType } from "zod/v4/core";
import type { BuiltInFunctionName } from "../../builtins/coordinator-functions/index.ts";
import type { Absent, Recorded } from "../../builtins/node-records.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import type { coordinatorFnType } from "../../graph/index.ts";
import type { AnyInputAdapter } from "../model/adapter.ts";
import type { AnyCoordinatorFn, CoordinatorFnTypes, FnOutputOf } from "../model/coordinator-function.ts";
import type { AnyHandler, HandlerTypes } from "../model/handler.ts";
import type { LatestOf, TextNow, TextsOf, UnknownTexts } from "../model/node-count.ts";
import type { Stored } from "../model/schema.ts";
import type { Control, FlowHead, FlowState, HandlerStep } from "../model/state.ts";
import type { GraphSource, IdOf, IsLiteral, NodeIn, TypeOf } from "../rules/loaded/types.ts";
import type { FlowOf } from "./flow.ts";
import type { FromJsonSchema } from "./json-schema.ts";

export interface GivenSchemas {
  readonly [type: string]: { readonly args?: $ZodType; readonly input?: $ZodType; readonly output?: $ZodType };
}

// Where the types of outputs are looked up.
interface Sources<TGraph, THandler, TFn, TSchemas> {
  readonly graph: TGraph;
  readonly handler: THandler;
  readonly fn: TFn;
  readonly schemas: TSchemas;
}
type AnySources = Sources<GraphSource, unknown, unknown, unknown>;

type HandlerIn<THandlers> = THandlers extends readonly (infer THandler)[] ? THandler : THandlers[keyof THandlers];

/** The type of the flow that `fromGraph` returns. */
export type LoadedFlow<
  TGraph extends GraphSource,
  THandlers,
  TAdapter extends AnyInputAdapter,
  TFn extends AnyCoordinatorFn,
  TSchemas,
> =
  IsLiteral<TGraph> extends true
    ? FlowOf<
        NameOf<TGraph>,
        TextNow<TextsOf<TGraph["nodes"]["length"]>, LatestOf<TGraph["nodes"]["length"]>>,
        IdOf<NodeIn<TGraph>>,
        ParamsIn<TGraph>,
        FlowState<
          [Outputs<Sources<TGraph, HandlerIn<THandlers>, TFn, TSchemas>>],
          LatestOf<TGraph["nodes"]["length"]>,
          TextsOf<TGraph["nodes"]["length"]>,
          Recorded<IdOf<NodeIn<TGraph>>, 0>,
          {},
          never,
          Steps<Sources<TGraph, HandlerIn<THandlers>, TFn, TSchemas>>,
          never,
          Parents<TGraph>,
          never,
          LastOf<TGraph>,
          FlowHead<NameOf<TGraph>, ParamsIn<TGraph, true>, TAdapter, {}>
        >
      >["flow"]
    : FlowOf<
        NameOf<TGraph>,
        string,
        string,
        JsonObject,
        FlowState<
          [{ [id: string]: Json }],
          [],
          UnknownTexts,
          Recorded<string, 0>,
          {},
          never,
          StepsOfNoNode<HandlerIn<THandlers>>,
          never,
          never,
          never,
          [string],
          FlowHead<NameOf<TGraph>, AnyParams, TAdapter, {}>
        >
      >["flow"];

// The parameters are known only at run time: any name is accepted, and matches every type.
interface AnyParams {
  // biome-ignore lint/suspicious/noExplicitAny: `never` would match as an argument, but reject every flow that has this one as a subflow
  readonly [name: string]: any;
}

type Outputs<TSources extends AnySources> = {
  [TNode in NodeIn<TSources["graph"]> as IdOf<TNode>]: OutputOfNode<TNode, TSources>;
};

type OutputOfNode<TNode, TSources extends AnySources> =
  TypeOf<TNode> extends typeof coordinatorFnType ? FnOutput<TNode, TSources> : TypeOutput<TypeOf<TNode>, TSources>;

type TypeOutput<TType, TSources extends AnySources> =
  HandlerTypesOf<TType, TSources> extends HandlerTypes<
    unknown,
    infer TOutput,
    unknown,
    unknown,
    string,
    boolean,
    unknown
  >
    ? TOutput
    : TSources["schemas"] extends { readonly [TKey in TType & string]: { readonly output: infer TSchema } }
      ? TSchema extends $ZodType
        ? Stored<TSchema>
        : Json
      : TSources["graph"] extends {
            readonly schemas: { readonly [TKey in TType & string]: { readonly output: infer TSchema } };
          }
        ? FromJsonSchema<TSchema>
        : Json;

type HandlerTypesOf<TType, TSources extends AnySources> = TypesOfNamed<TType, TSources["handler"]>;

// The types of the definition with this name. Definitions without types, such as those of `flow.handlers`, have any
// name.
type TypesOfNamed<TName, TDefinition> = [Extract<TDefinition, { readonly name: TName }>] extends [never]
  ? Absent
  : Extract<TDefinition, { readonly name: TName }> extends { readonly $infer: infer TTypes }
    ? TTypes
    : Absent;

type FnOutput<TNode, TSources extends AnySources> = TNode extends {
  readonly io: { readonly fn: infer TName extends string };
}
  ? TName extends BuiltInFunctionName
    ? FnOutputOf<Records<TSources>, TName, BuilderArgs<TNode>>
    : TypesOfNamed<TName, TSources["fn"]> extends CoordinatorFnTypes<unknown, infer TOutput, unknown, unknown>
      ? TOutput
      : Json
  : Json;

interface Records<TSources extends AnySources> {
  readonly blocks: [Outputs<TSources>];
  readonly recent: [];
  readonly places: Recorded<IdOf<NodeIn<TSources["graph"]>>, 0>;
  readonly recentPlaces: {};
  readonly fresh: never;
  readonly steps: never;
  readonly recentSteps: never;
}

// The arguments that affect the type of an output, under the builder's names.
type BuilderArgs<TNode> = TNode extends {
  readonly io: {
    readonly fn_args: {
      readonly from_nodes: readonly (infer TSource)[];
      readonly target: { readonly key: infer TKey };
    };
  };
}
  ? { fromNodes: readonly TSource[]; target: { key: TKey } }
  : {};

// By node, the handler that runs it; none for nodes of coordinator functions.
type Steps<TSources extends AnySources> = StepOfEach<NodeIn<TSources["graph"]>, TSources>;
type StepOfEach<TNode, TSources extends AnySources> = TNode extends unknown
  ? TypeOf<TNode> extends typeof coordinatorFnType
    ? never
    : HandlerStep<IdOf<TNode>, RunnerOf<TypeOf<TNode>, TSources>, PartitionsOf<TNode>, LoadedControl<TNode>>
  : never;

// Whether it may end without a result; what it reads is not described.
type LoadedControl<TNode> = TNode extends { readonly when: unknown } | { readonly optional: true }
  ? Control<never, Absent, Absent, true>
  : unknown;

type PartitionsOf<TNode> = TNode extends { readonly partitions: infer TPartitions } ? TPartitions : 1;

type RunnerOf<TType, TSources extends AnySources> = [
  Extract<TSources["handler"], AnyHandler & { readonly name: TType }>,
] extends [never]
  ? HandlerElsewhere<TypeOutput<TType, TSources>>
  : Extract<TSources["handler"], AnyHandler & { readonly name: TType }>;

// A handler that was not given. It has no name among the handlers of the flow, and its result may be any JSON.
interface HandlerElsewhere<TOutput> extends AnyHandler {
  readonly name: never;
  readonly $infer: HandlerTypes<unknown, TOutput, Json, unknown, string, boolean, Absent>;
}

// For a graph that is not a literal, handlers are known by name but not by node.
type StepsOfNoNode<THandler> = THandler extends AnyHandler ? HandlerStep<never, THandler, number, unknown> : never;

// Ids that some node depends on, by `depends_on`, by `edges`, or by both.
type Parents<TGraph extends GraphSource> = ParentsOfEach<NodeIn<TGraph>> | EdgeStarts<TGraph>;
type ParentsOfEach<TNode> = TNode extends { readonly depends_on: readonly (infer TParent extends string)[] }
  ? TParent
  : never;
type EdgeStarts<TGraph> = TGraph extends { readonly edges: readonly (infer TEdge)[] }
  ? TEdge extends readonly [infer TFrom extends string, unknown]
    ? TFrom
    : never
  : never;

type LastOf<TGraph extends GraphSource> = TGraph["nodes"] extends readonly [...unknown[], infer TLast]
  ? [IdOf<TLast>]
  : [];

// The parameters as the caller of `run` writes them, or with defaults filled in, as arguments refer to them.
type ParamsIn<TGraph, TFilled = false> = TGraph extends { readonly params_schema: infer TSchema }
  ? FromJsonSchema<TSchema, TFilled>
  : {};

type NameOf<TGraph> = TGraph extends { readonly name: infer TName } ? TName : Absent;
