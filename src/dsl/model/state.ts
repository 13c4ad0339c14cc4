import type { NodeRecords, Recorded } from "../../builtins/node-records.ts";
import type { AnyInputAdapter } from "./adapter.ts";
import type { AnyHandler } from "./handler.ts";

/*
 * What the type of a flow accumulates, one node at a time.
 *
 * The nodes so far are an intersection of one-key records in two generations: `old` keeps its identity for 16 steps,
 * so what the compiler remembers about it stays valid; `young` grows and is merged into `old` at every 16th step.
 * A single flat intersection is looked at anew at every step (quadratic), and flattening it inside the chain overflows
 * the compiler at about 50 nodes.
 */

/*
 * The keys of what a flow carries on: the ids of its nodes, its parameters as the caller of a run gives them, and the
 * rest. A symbol that no one can import is no completion after `flow.`.
 */
export declare const ids: unique symbol;
export declare const params: unique symbol;
export declare const state: unique symbol;

/**
 * A node that a handler runs. These stand in a union of their own: the checks of the chain read outputs only, and a
 * record of more than that for every node would cost a tenth of the whole chain.
 */
export interface HandlerStep<TId, THandler> {
  readonly id: TId;
  readonly handler: THandler;
}

export type AnyStep = HandlerStep<string, AnyHandler>;

/** What `flow()` was given: the same at every step of the chain. */
export interface FlowHead<TName, TParams, TAdapters, TInputs> {
  readonly name: TName;
  /** Parameters as argument values see them. */
  readonly params: TParams;
  readonly adapters: TAdapters;
  /** By the name of an input: what one batch of the node stores that feeds it. */
  readonly inputs: TInputs;
}

/** What the methods of the chain read of their receiver and no reader of a type needs, behind one property. */
export interface FlowState<TOld, TYoung, TFresh, TTick, TSteps, TUsed, TLast, THead> {
  readonly old: TOld;
  readonly young: TYoung;
  /** Ids in `young`. */
  readonly fresh: TFresh;
  readonly tick: TTick;
  readonly steps: TSteps;
  /** Ids that some node depends on: the others are leaves. */
  readonly used: TUsed;
  /** `[]`, or the id that `.then` goes on from. */
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

/** An id that is no literal was refused where it stands; kept out of the ids, it spoils none of the later checks. */
export type IdsAfter<TIds extends string, TId extends string> = string extends TId ? TIds : TIds | TId;
