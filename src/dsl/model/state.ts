import type { NodeRecords, Recorded } from "../../builtins/node-records.ts";
import type { AnyInputAdapter } from "./adapter.ts";
import type { AnyHandler } from "./handler.ts";

/*
 * What the type of a flow accumulates, one node at a time.
 *
 * The nodes so far are an intersection of one-key records in two generations: `old` keeps its identity for 16 steps, so
 * the compiler can reuse what it has computed about it; `young` grows and is merged into `old` at every 16th step. The
 * compiler would examine a single flat intersection again at every step, which is quadratic, and flattening it inside
 * the chain overflows the compiler at about 50 nodes.
 */

/*
 * The keys of a flow's accumulated types: the ids of its nodes, its parameters as the caller of `run` writes them, and
 * the rest. A symbol that users cannot import is not offered as a completion after `flow.`.
 */
export declare const ids: unique symbol;
export declare const params: unique symbol;
export declare const state: unique symbol;

/** The parameters of a flow, as the caller of `run` writes them. */
export type ParamsOf<TFlow extends { readonly [params]: unknown }> = TFlow[typeof params];

/**
 * A node that a handler runs. These are a separate union because the checks of the chain only read outputs: larger
 * records for all nodes would raise the cost of the chain by a tenth.
 */
export interface HandlerStep<TId, THandler> {
  readonly id: TId;
  readonly handler: THandler;
}

export type AnyStep = HandlerStep<string, AnyHandler>;

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
 * What the methods of the chain read from their receiver. Behind one property, because readers of a type do not need
 * it.
 */
export interface FlowState<TOld, TYoung, TFresh, TTick, TSteps, TUsed, TLast, THead> {
  readonly old: TOld;
  readonly young: TYoung;
  /** Ids in `young`. */
  readonly fresh: TFresh;
  readonly tick: TTick;
  readonly steps: TSteps;
  /** Ids that some node depends on; the others are leaves. */
  readonly used: TUsed;
  /** `[]`, or the id that `.then` continues from. */
  readonly last: TLast;
  readonly head: THead;
}

export interface AnyState extends NodeRecords {
  readonly tick: Tick;
  // biome-ignore lint/suspicious/noExplicitAny: a type would be compared with all steps so far at each step, which is quadratic
  readonly steps: any;
  readonly used: string;
  readonly last: readonly string[];
  readonly head: FlowHead<unknown, unknown, AnyInputAdapter, unknown>;
}

interface NextTick {
  0: 1;
  1: 2;
  2: 3;
  3: 4;
  4: 5;
  5: 6;
  6: 7;
  7: 8;
  8: 9;
  9: 10;
  10: 11;
  11: 12;
  12: 13;
  13: 14;
  14: 15;
  15: 0;
}
export type Tick = keyof NextTick;
export type TickAfter<TState extends AnyState> = NextTick[TState["tick"]];

export type OldAfter<TState extends AnyState> = TState["tick"] extends 15
  ? TState["old"] & TState["young"]
  : TState["old"];

export type YoungAfter<TState extends AnyState, TId extends string, TOutput> = TState["tick"] extends 15
  ? Recorded<TId, TOutput>
  : TState["young"] & Recorded<TId, TOutput>;

export type FreshAfter<TState extends AnyState, TId> = TState["tick"] extends 15 ? TId : TState["fresh"] | TId;

/**
 * An id that is not a literal was rejected where it is written; left out of the ids, it does not affect later checks.
 */
export type IdsAfter<TIds extends string, TId extends string> = string extends TId ? TIds : TIds | TId;
