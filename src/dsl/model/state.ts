import type { NodeRecords, Recorded } from "../../builtins/node-records.ts";
import type { AnyInputAdapter } from "./adapter.ts";
import type { AnyHandler } from "./handler.ts";

/*
 * What the type of a flow accumulates, one node at a time.
 *
 * An intersection is instantiated as a whole when it is first indexed, each of its keys is then looked up in each member,
 * and an intersection that grows is a new type at every step. So the nodes so far are not an intersection of their outputs,
 * whose types are large, but of their places, which are literals: `recentPlaces` has positions in the tuple of the latest
 * outputs, and `places` has the numbers of blocks of ten nodes, with one member per block, so that it stays the same type
 * for ten steps. A full block is indexed by node id. Flattening an intersection inside the chain overflows the compiler at
 * about 50 nodes.
 */

/*
 * The keys of a flow's accumulated types: the ids of its nodes, its parameters as the caller of `run` writes them, and
 * the rest. A symbol that users cannot import is not offered as a completion after `flow.`.
 */
export declare const ids: unique symbol;
export declare const params: unique symbol;
export declare const state: unique symbol;

/** The ids of a flow's nodes, as a union. */
export type IdsOf<TFlow extends { readonly [ids]: string }> = TFlow[typeof ids];

/** The parameters of a flow, as the caller of `run` writes them. */
export type ParamsOf<TFlow extends { readonly [params]: unknown }> = TFlow[typeof params];

/**
 * A node that a handler runs. These are a separate union because the checks of the chain only read outputs: larger
 * records for all nodes would raise the cost of the chain by a tenth.
 */
export interface HandlerStep<TId, THandler, TPartitions, TControl> {
  readonly id: TId;
  readonly handler: THandler;
  readonly partitions: TPartitions;
  /** Which batches it takes, and whether it runs: the list of its sources if it takes all, and always runs. */
  readonly control: TControl;
}

export type AnyStep = HandlerStep<string, AnyHandler, number, unknown>;

/** What a node chooses, and what chooses it. */
export interface Control<TSource, TWhere, TWhen, TOptional> {
  /** The nodes whose outputs it reads. */
  readonly source: TSource;
  readonly where: TWhere;
  readonly when: TWhen;
  readonly optional: TOptional;
}

/** The same for a node of a subflow, with its inner ids. An interface, resolved only where it is read. */
export interface SubflowControl<TControl, TPrefix, TBound> {
  readonly inner: TControl;
  readonly prefix: TPrefix;
  readonly bound: TBound;
}

/** The arguments of `flow()`, which are the same at every step of the chain. */
export interface FlowHead<TName, TParams, TAdapters, TInputs> {
  readonly name: TName;
  /** Parameters with their defaults filled in, as arguments refer to them. */
  readonly params: TParams;
  readonly adapters: TAdapters;
  /** By input name, the stored batch of the node that feeds it. */
  readonly inputs: TInputs;
}

/**
 * What the methods of the chain read from their receiver. Behind one property, because readers of a flow's type do not need
 * it.
 */
export interface FlowState<
  TBlocks,
  TRecent,
  TTexts,
  TPlaces,
  TRecentPlaces,
  TFresh,
  TSteps,
  TRecentSteps,
  TUsed,
  TRecentUsed,
  TLast,
  THead extends { readonly params: unknown },
> {
  readonly blocks: TBlocks;
  readonly recent: TRecent;
  /** How many nodes it has with one more, as text, by the number of the latest. */
  readonly texts: TTexts;
  readonly places: TPlaces;
  readonly recentPlaces: TRecentPlaces;
  readonly fresh: TFresh;
  readonly steps: TSteps;
  readonly recentSteps: TRecentSteps;
  /** Ids that some node depends on; the others are leaves. */
  readonly used: TUsed;
  /** Those that the latest nodes depend on. */
  readonly recentUsed: TRecentUsed;
  /** `[]`, or the id that `.then` continues from. */
  readonly last: TLast;
  readonly head: THead;
  /** The same as in the head: read so often that the longer path would cost. */
  readonly params: THead["params"];
}

export interface AnyState extends NodeRecords {
  // biome-ignore lint/suspicious/noExplicitAny: looked up like `recent`; a type would be compared at each step
  readonly texts: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly used: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly recentUsed: any;
  // biome-ignore lint/suspicious/noExplicitAny: a list would be compared as one with each new list of one id
  readonly last: any;
  readonly head: FlowHead<unknown, unknown, AnyInputAdapter, unknown>;
  readonly params: unknown;
}

/** The ids that some node depends on. */
export type UsedOf<TState extends AnyState> = TState["used"] | TState["recentUsed"];

/** What the methods of any flow read. */
export interface AnyChain {
  // biome-ignore lint/suspicious/noExplicitAny: all ids so far would be compared with `string` at each step, which is quadratic
  readonly [ids]: any;
  readonly [params]: unknown;
  readonly [state]: AnyState;
}

/**
 * The state with one more node: `TPlaced` is its place, `TStep` its step, and `TParents` are the ids that it depends on. No
 * argument of `FlowState` is an alias here: the compiler would defer the state, and a chain of deferred types is as deep as
 * it is long.
 */
export type StateAfter<
  TState extends AnyState,
  TId,
  TPlaced,
  TOutput,
  TStep,
  TParents,
> = TState["recent"]["length"] extends 9
  ? FlowState<
      [
        ...TState["blocks"],
        Block<TState["fresh"] | TId, [...TState["recent"], TOutput], TState["recentPlaces"] & TPlaced>,
      ],
      [],
      TState["texts"]["next"],
      TState["places"] & Recorded<(TState["fresh"] | TId) & string, TState["blocks"]["length"]>,
      {},
      never,
      TState["steps"] | TState["recentSteps"] | TStep,
      never,
      TState["used"] | TState["recentUsed"] | TParents,
      never,
      [TId],
      TState["head"]
    >
  : FlowState<
      TState["blocks"],
      [...TState["recent"], TOutput],
      TState["texts"],
      TState["places"],
      TState["recentPlaces"] & TPlaced,
      TState["fresh"] | TId,
      TState["steps"],
      TState["recentSteps"] | TStep,
      TState["used"],
      TState["recentUsed"] | TParents,
      [TId],
      TState["head"]
    >;

/** Outputs by their ids. */
export type Block<TIds, TOutputs, TPlaces> = {
  [TId in TIds & keyof TPlaces]: TOutputs[TPlaces[TId] & keyof TOutputs];
};

/**
 * An id that is not a literal was rejected where it is written; left out of the ids, it does not affect later checks.
 */
export type IdsAfter<TIds extends string, TId extends string> = string extends TId ? TIds : TIds | TId;
