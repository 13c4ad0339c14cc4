import type { Say } from "../../graph/messages.ts";
import type { Join, Show } from "./show.ts";

/*
 * The words of a mismatch. Nothing in this file is evaluated as long as an edge fits.
 */

/** `edge 'extract' -> 'clean': .rows[].id is string, needs number` */
export type EdgeText<TFrom extends string, TTo extends string, TGiven, TNeeded> = Say<
  "edge",
  { from: TFrom; to: TTo; why: MismatchText<TGiven, TNeeded> }
>;

/** Every place where `TGiven` does not fit `TNeeded`, in one text: a union of texts would print as its alias. */
export type MismatchText<TGiven, TNeeded> = Join<Mismatch<TGiven, TNeeded, "">, ", ">;

type Mismatch<TGiven, TNeeded, TPath extends string> = [TGiven] extends [TNeeded]
  ? never
  : [TGiven] extends [readonly (infer TGivenElement)[]]
    ? [TNeeded] extends [readonly (infer TNeededElement)[]]
      ? Mismatch<TGivenElement, TNeededElement, `${TPath}[]`>
      : Clash<TGiven, TNeeded, TPath>
    : [TNeeded] extends [readonly unknown[]]
      ? Clash<TGiven, TNeeded, TPath>
      : [TGiven] extends [object]
        ? [TNeeded] extends [object]
          ? MismatchInKeys<TGiven, TNeeded, TPath, keyof TNeeded & string>
          : Clash<TGiven, TNeeded, TPath>
        : Clash<TGiven, TNeeded, TPath>;

type MismatchInKeys<TGiven, TNeeded, TPath extends string, TKeys extends string> = {
  [TKey in TKeys & keyof TNeeded]: TKey extends keyof TGiven
    ? {} extends Pick<TGiven, TKey>
      ? {} extends Pick<TNeeded, TKey>
        ? Mismatch<Exclude<TGiven[TKey], undefined>, TNeeded[TKey], `${TPath}.${TKey}`>
        : `${TPath}.${TKey} may be missing (needs ${Show<TNeeded[TKey]>})`
      : Mismatch<
          TGiven[TKey],
          {} extends Pick<TNeeded, TKey> ? Exclude<TNeeded[TKey], undefined> : TNeeded[TKey],
          `${TPath}.${TKey}`
        >
    : {} extends Pick<TNeeded, TKey>
      ? never
      : `${TPath}.${TKey} is missing (needs ${Show<TNeeded[TKey]>})`;
}[TKeys & keyof TNeeded];

type Clash<
  TGiven,
  TNeeded,
  TPath extends string,
> = `${TPath extends "" ? "the whole payload" : TPath} is ${Show<TGiven>}, needs ${Show<TNeeded>}`;
