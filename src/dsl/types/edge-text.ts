import type { Say } from "../../graph/messages.ts";

/*
 * The words of a mismatch. Nothing in this file is evaluated as long as an edge fits.
 */

/** `edge 'extract' -> 'clean': .rows[].id is string, needs number` */
export type EdgeText<TFrom extends string, TTo extends string, TGiven, TNeeded> = Say<
  "edge",
  { from: TFrom; to: TTo; why: Mismatch<TGiven, TNeeded, ""> }
>;

/** Each place where `TGiven` does not fit `TNeeded`, with its path; `never` where it fits. */
export type Mismatch<TGiven, TNeeded, TPath extends string> = [TGiven] extends [TNeeded]
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

/** A type in a few words. */
export type Show<T> = [T] extends [never]
  ? "never"
  : unknown extends T
    ? "unknown"
    : [T] extends [string | number | boolean | null | undefined]
      ? Ordered<ShowScalar<T>>
      : undefined extends T
        ? `${Show<Exclude<T, undefined>>} | undefined`
        : null extends T
          ? `${Show<Exclude<T, null>>} | null`
          : [T] extends [readonly (infer TElement)[]]
            ? ListOf<Show<TElement>>
            : [T] extends [object]
              ? ShowObject<keyof T & string>
              : "a union";

type ListOf<TText extends string> = TText extends `${string} ${string}` ? `a list of (${TText})` : `${TText}[]`;

/** One member at a time; `boolean` is one member here, not two. */
type ShowScalar<T> = T extends boolean
  ? "boolean"
  : T extends string
    ? string extends T
      ? "string"
      : `"${T}"`
    : T extends number
      ? number extends T
        ? "number"
        : `${T}`
      : T extends null
        ? "null"
        : "undefined";

/** `undefined` and `null` last, by probing: turning a union into a tuple has no defined order. */
type Ordered<TText extends string> = "undefined" extends TText
  ? Last<Exclude<TText, "undefined">, "undefined">
  : "null" extends TText
    ? Last<Exclude<TText, "null">, "null">
    : TText;

type Last<TRest extends string, TLast extends string> = [TRest] extends [never]
  ? TLast
  : `${Ordered<TRest>} | ${TLast}`;

type ShowObject<TKeys extends string> = [TKeys] extends [never] ? "an object" : `an object with ${TKeys}`;
