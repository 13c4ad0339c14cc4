import type { BuiltInFunctionName } from "../../builtins/coordinator-functions/index.ts";
import type { Absent, Recorded } from "../../builtins/node-records.ts";
import type { ParentsOf, Reading, Suggested } from "../model/adapter.ts";
import type { AnyCoordinatorFn, FnOutputOf } from "../model/coordinator-function.ts";
import type { AnyHandler } from "../model/handler.ts";
import type { AnyString } from "../model/markers.ts";
import type { AnySchema, Wire } from "../model/schema.ts";
import type { AnyChain, AnyState, HandlerStep, IdsAfter, ids, params, StateAfter, state } from "../model/state.ts";
import type { NotPrinted, OptionsOf, Printed } from "../model/unprinted.ts";
import type { FnArgument } from "../rules/fn/types.ts";
import type { HandlerOrError, HandlerProblem } from "../rules/handler/types.ts";
import type { IdArgument } from "../rules/id/types.ts";
import type { FnOption, NodeOption, WaitOption, WrittenOptions } from "../rules/option/types.ts";
import type {
  Bindings,
  PrefixArgument,
  StateAfterUse,
  SubflowArgument,
  SubflowIds,
  TextAfterUse,
  UseOptions,
} from "../rules/subflow/types.ts";
import type { ControlOf, FnStep, Seen, SignalStep } from "../rules/where/types.ts";
import type { BuiltFlow } from "./flow-types.ts";
import type { FnOptions, WaitOptions } from "./fn-options.ts";
import type { NodeOptions } from "./options.ts";

/* Not exported: see `NotPrinted`. */
type Flow<_TName, _TCount, TUnprinted> = TUnprinted & FlowMethods;

/** A flow, as a property: it prints as `Flow<"etl", "20 nodes", never>`, and an alias of it would print as that alias. */
export interface FlowOf<TName, TCount, TIds extends string, TParams, TState extends AnyState> {
  readonly flow: Flow<TName, TCount, BuiltFlow<TIds, TParams, TState> & NotPrinted>;
}

/** The methods of a flow that add nodes. A flow is immutable: every method returns a new one. */
export interface FlowMethods extends Printed {
  // One sentence each, for the list of members; the signatures below document the rest, for the author of a call.
  /** Adds a node. Without `after` it is a root, which depends on nothing. */
  readonly node: AddRoot;
  /** Adds a node that depends on the one before it, unless `after` says otherwise. */
  readonly then: AddNext;
  /** The same as `then`, for linters that forbid that name. */
  readonly next: AddNext;
  /** Adds a node that runs a coordinator function. */
  readonly fn: AddFn;
  /** Adds all nodes of another flow. */
  readonly use: AddSubflow;
  /** Adds a node that waits for a signal to its task. */
  readonly wait: AddWait;
}

/** Any flow, as a constraint for generic helpers. `compile()` checks what the compiler cannot know in them. */
export interface AnyFlow extends FlowMethods, AnyChain {
  readonly [ids]: string;
}

/*
 * The signatures of the chain's methods. They are generic over their receiver without its methods (`TFlow`) and read its
 * state from one property, so that the accumulated nodes are never part of a half-instantiated signature, which alone would
 * make the chain five times as expensive. `TParents` is never inferred: as a parameter, its default is computed once for all
 * checks. Its constraint is a union because the compiler would copy a plain array type, with all its methods, for each node.
 */

type After = readonly string[] | [] | Absent;
type From = readonly string[] | [] | { readonly [alias: string]: string } | Absent;

/** The method {@link Flow.node}. */
export interface AddRoot {
  /**
   * Adds a node. Without `after` it is a root, which depends on nothing.
   *
   * @example
   * flow("etl")
   *   .node("extract", extract, { args: { count: 10 } })
   *   .node("clean", clean, { after: ["extract"], startWhen: "first_batch" })
   *   .compile().edges // [["extract", "clean"]]
   *
   * @param id - unique in the flow; a literal string, so that later nodes can name it
   * @param handler - what the node does; from `defineHandler`
   * @param options - what it depends on, its arguments, how it reads its input, retries
   */
  <
    const TId extends string,
    THandler extends AnyHandler,
    TFlow extends AnyChain,
    TName,
    TCount,
    const TAfter extends After = Absent,
    TFanIn extends string = "all",
    TAdapter extends AnyString | Suggested | Absent = THandler["$infer"]["suggested"],
    const TFrom extends From = Absent,
    TListKey extends string | Absent = Absent,
    TArgKeys extends PropertyKey = never,
    TInputKeys extends PropertyKey = never,
    const TCodes extends readonly string[] | [] = [],
    TPartitions extends number = 1,
    const TWhere extends object = Absent,
    const TWhen extends object = Absent,
    TOptional extends boolean = false,
    TKeys extends PropertyKey = never,
    TParents extends readonly string[] | [] = ParentsOf<TAfter, []>,
  >(
    this: Flow<TName, TCount, TFlow & NotPrinted>,
    id: IdArgument<TId, TFlow[typeof ids], Recorded<TId, TFlow[typeof state]["recent"]["length"]>>,
    handler: HandlerOrError<
      THandler,
      HandlerProblem<
        THandler,
        TId,
        TFlow[typeof state],
        TWhere,
        TAfter,
        TParents,
        Reading<TAdapter, TFrom, TListKey, TFanIn>,
        TArgKeys
      >,
      TKeys
    >,
    options?: OptionsOf<
      TId,
      NodeOptions<
        TId,
        THandler,
        TAfter,
        TParents,
        TFanIn,
        TAdapter,
        TFrom,
        TListKey,
        TFlow[typeof ids],
        TFlow[typeof state],
        Seen<TFlow[typeof state], TWhere, TAdapter, TParents>,
        TArgKeys,
        TInputKeys,
        TCodes,
        TPartitions,
        TKeys,
        TWhere,
        TWhen,
        TOptional
      >,
      WrittenOptions<TKeys, NodeOption, TId>
    >["options"],
  ): FlowOf<
    TName,
    TFlow[typeof state]["texts"][TFlow[typeof state]["recent"]["length"]],
    IdsAfter<TFlow[typeof ids], TId>,
    TFlow[typeof params],
    StateAfter<
      TFlow[typeof state],
      TId,
      Recorded<TId, TFlow[typeof state]["recent"]["length"]>,
      THandler["$infer"]["output"],
      HandlerStep<TId, THandler, TPartitions, ControlOf<TParents, TFrom, TAdapter, TWhere, TWhen, TOptional>>,
      TParents[number]
    >
  >["flow"];
}

// `then` differs in the default of `TParents`, which as a parameter would cost a chain 6 to 7 % more, and in its documentation.
/** The methods {@link Flow.then} and {@link Flow.next}. */
export interface AddNext {
  /**
   * Adds a node that depends on the one before it, unless `after` says otherwise.
   * A flow is not a promise: `await flow` rejects with `FLOW_AWAITED`.
   *
   * @example
   * flow("etl").node("extract", extract, { args: { count: 10 } }).then("clean", clean)
   *   .compile().edges // [["extract", "clean"]]
   *
   * @param id - unique in the flow; a literal string, so that later nodes can name it
   * @param handler - what the node does; from `defineHandler`
   * @param options - its arguments, how it reads its input, retries; `after` for parents other than the node before
   */
  <
    const TId extends string,
    THandler extends AnyHandler,
    TFlow extends AnyChain,
    TName,
    TCount,
    const TAfter extends After = Absent,
    TFanIn extends string = "all",
    TAdapter extends AnyString | Suggested | Absent = THandler["$infer"]["suggested"],
    const TFrom extends From = Absent,
    TListKey extends string | Absent = Absent,
    TArgKeys extends PropertyKey = never,
    TInputKeys extends PropertyKey = never,
    const TCodes extends readonly string[] | [] = [],
    TPartitions extends number = 1,
    const TWhere extends object = Absent,
    const TWhen extends object = Absent,
    TOptional extends boolean = false,
    TKeys extends PropertyKey = never,
    TParents extends readonly string[] | [] = ParentsOf<TAfter, TFlow[typeof state]["last"]>,
  >(
    this: Flow<TName, TCount, TFlow & NotPrinted>,
    id: IdArgument<TId, TFlow[typeof ids], Recorded<TId, TFlow[typeof state]["recent"]["length"]>>,
    handler: HandlerOrError<
      THandler,
      HandlerProblem<
        THandler,
        TId,
        TFlow[typeof state],
        TWhere,
        TAfter,
        TParents,
        Reading<TAdapter, TFrom, TListKey, TFanIn>,
        TArgKeys
      >,
      TKeys
    >,
    options?: OptionsOf<
      TId,
      NodeOptions<
        TId,
        THandler,
        TAfter,
        TParents,
        TFanIn,
        TAdapter,
        TFrom,
        TListKey,
        TFlow[typeof ids],
        TFlow[typeof state],
        Seen<TFlow[typeof state], TWhere, TAdapter, TParents>,
        TArgKeys,
        TInputKeys,
        TCodes,
        TPartitions,
        TKeys,
        TWhere,
        TWhen,
        TOptional
      >,
      WrittenOptions<TKeys, NodeOption, TId>
    >["options"],
  ): FlowOf<
    TName,
    TFlow[typeof state]["texts"][TFlow[typeof state]["recent"]["length"]],
    IdsAfter<TFlow[typeof ids], TId>,
    TFlow[typeof params],
    StateAfter<
      TFlow[typeof state],
      TId,
      Recorded<TId, TFlow[typeof state]["recent"]["length"]>,
      THandler["$infer"]["output"],
      HandlerStep<TId, THandler, TPartitions, ControlOf<TParents, TFrom, TAdapter, TWhere, TWhen, TOptional>>,
      TParents[number]
    >
  >["flow"];
}

/** The method {@link Flow.fn}. */
export interface AddFn {
  /**
   * Adds a node that runs a coordinator function: a built-in one by name, or a custom one.
   *
   * @example
   * flow("etl")
   *   .node("extract", extract, { args: { count: 10 } })
   *   .fn("merge", "merge.generic", { after: ["extract"], args: { fromNodes: ["extract"], target: { key: "all" } } })
   *   .compile().nodes[1]?.io // { fn: "merge.generic", fn_args: { from_nodes: ["extract"], target: { key: "all" } } }
   *
   * @param id - unique in the flow; a literal string, so that later nodes can name it
   * @param fn - `"vars.set"`, `"merge.generic"`, ..., or what `defineCoordinatorFn` returned
   * @param options - what it depends on, its arguments, retries
   */
  <
    const TId extends string,
    TFn extends BuiltInFunctionName | AnyCoordinatorFn | AnyString,
    TFlow extends AnyChain,
    TName,
    TCount,
    const TAfter extends readonly string[] | [] = [],
    const TArgs extends object = {},
    TFanIn extends string = "all",
    const TCodes extends readonly string[] | [] = [],
    const TWhen extends object = Absent,
    TOptional extends boolean = false,
    TKeys extends PropertyKey = never,
  >(
    this: Flow<TName, TCount, TFlow & NotPrinted>,
    id: IdArgument<TId, TFlow[typeof ids], Recorded<TId, TFlow[typeof state]["recent"]["length"]>>,
    fn: FnArgument<TFn, TId, keyof TArgs>,
    options?: OptionsOf<
      TId,
      FnOptions<
        TId,
        TFn,
        TAfter,
        TFanIn,
        TArgs,
        TFlow[typeof state]["params"],
        TFlow[typeof ids],
        TFlow[typeof state],
        TCodes,
        TWhen,
        TOptional
      >,
      WrittenOptions<TKeys, FnOption, TId>
    >["options"],
  ): FlowOf<
    TName,
    TFlow[typeof state]["texts"][TFlow[typeof state]["recent"]["length"]],
    IdsAfter<TFlow[typeof ids], TId>,
    TFlow[typeof params],
    StateAfter<
      TFlow[typeof state],
      TId,
      Recorded<TId, TFlow[typeof state]["recent"]["length"]>,
      FnOutputOf<TFlow[typeof state], TFn, TArgs>,
      FnStep<TId, FnOutputOf<TFlow[typeof state], TFn, TArgs>, TWhen, TOptional>,
      TAfter[number]
    >
  >["flow"];
}

/** The method {@link Flow.wait}. */
export interface AddWait {
  /**
   * Adds a node that waits for a signal to its task, whose payload it stores. No worker runs it.
   * @example
   * .wait("approve", { after: ["report"], payload: z.object({ ok: z.boolean() }), timeoutSec: 3600, onTimeout: { ok: false } })
   */
  <
    const TId extends string,
    TPayload extends AnySchema,
    TFlow extends AnyChain,
    TName,
    TCount,
    const TAfter extends readonly string[] | [] = [],
    const TWhen extends object = Absent,
    TOptional extends boolean = false,
    TKeys extends PropertyKey = never,
  >(
    this: Flow<TName, TCount, TFlow & NotPrinted>,
    id: IdArgument<TId, TFlow[typeof ids], Recorded<TId, TFlow[typeof state]["recent"]["length"]>>,
    options: OptionsOf<
      TId,
      WaitOptions<TId, TPayload, TAfter, TFlow[typeof ids], TFlow[typeof state], TWhen, TOptional>,
      WrittenOptions<TKeys, WaitOption, TId>
    >["required"],
  ): FlowOf<
    TName,
    TFlow[typeof state]["texts"][TFlow[typeof state]["recent"]["length"]],
    IdsAfter<TFlow[typeof ids], TId>,
    TFlow[typeof params],
    StateAfter<
      TFlow[typeof state],
      TId,
      Recorded<TId, TFlow[typeof state]["recent"]["length"]>,
      Wire<TPayload>,
      SignalStep<TId, Wire<TPayload>, TWhen, TOptional>,
      TAfter[number]
    >
  >["flow"];
}

/** The method {@link Flow.use}. */
export interface AddSubflow {
  /**
   * Adds all nodes of another flow, each under the id `prefix.id`.
   *
   * @example
   * const cleaning = flow("cleaning", { inputs: { rows: Rows } }).then("clean", clean)
   * flow("etl")
   *   .node("extract", extract, { args: { count: 10 } })
   *   .use("eu", cleaning, { inputs: { rows: "extract" } })
   *   .then("load", load)
   *   .compile().edges // [["extract", "eu.clean"], ["eu.clean", "load"]]
   *
   * It shares the parameters of this flow, which must declare all that it needs; `then` continues from its last node.
   *
   * @param prefix - a literal string, so that later nodes can name its nodes
   * @param subflow - a flow; it may be used many times, and may have subflows itself
   * @param options - which nodes feed its inputs
   */
  <
    TFlow extends AnyChain,
    TName,
    TCount,
    const TPrefix extends string,
    TSub extends AnyFlow,
    const TBound extends Bindings = {},
  >(
    this: Flow<TName, TCount, TFlow & NotPrinted>,
    prefix: PrefixArgument<TPrefix, SubflowIds<TSub[typeof ids], TSub[typeof state], TPrefix>, TFlow[typeof ids]>,
    subflow: SubflowArgument<TSub, TSub[typeof ids], TSub[typeof state], TPrefix, TFlow[typeof state], TBound>,
    options?: UseOptions<TPrefix, TBound, TSub[typeof state], TFlow[typeof ids], TFlow[typeof state]>,
  ): FlowOf<
    TName,
    TextAfterUse<TFlow[typeof state], TSub[typeof state]>,
    TFlow[typeof ids] | SubflowIds<TSub[typeof ids], TSub[typeof state], TPrefix>,
    TFlow[typeof params],
    StateAfterUse<TFlow[typeof state], TSub[typeof ids], TSub[typeof state], TPrefix, TBound>
  >["flow"];
}
