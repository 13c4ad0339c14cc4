import type { Join, JoinList, Say } from "../../graph/format/messages.ts";
import type { Show } from "./show.ts";

/*
 * The words of a mismatch. Nothing in this file is evaluated as long as an edge fits.
 */

/** `edge 'extract' -> 'clean': .rows[].id is string, needs number` */
export type EdgeText<TFrom extends string, TTo extends string, TGiven, TNeeded> = Say<
  "edge",
  { from: TFrom; to: TTo; why: MismatchText<TGiven, TNeeded> }
>;

/** Of a gathered payload one sentence a source, in their order, then one with what no source gives. */
export type GatherText<TNode extends string, TGiven, TNeeded, TSources extends readonly unknown[]> =
  GatherTexts<TNode, TGiven, TNeeded, TSources> extends readonly [infer TFirst, ...infer TMore]
    ? JoinList<[TFirst, ...TMore], "; ">
    : Say<"adapterInput", { node: TNode; why: MismatchText<TGiven, TNeeded> }>;

type GatherTexts<
  TNode extends string,
  TGiven,
  TNeeded,
  TSources extends readonly unknown[],
> = TSources extends readonly [infer TSource, ...infer TRest]
  ? [
      ...KeyText<TNode, Pick<TGiven, TSource & keyof TGiven>, KeysOf<TNeeded, TSource>>,
      ...GatherTexts<TNode, TGiven, TNeeded, TRest>,
    ]
  : KeyText<TNode, {}, Omit<TNeeded, keyof TGiven>>;

type KeyText<TNode extends string, TGiven, TNeeded> = [TGiven] extends [TNeeded]
  ? []
  : [Say<"adapterInput", { node: TNode; why: MismatchText<TGiven, TNeeded> }>];

/** Some keys of a type. Where it takes any key, none of them must be there. */
export type KeysOf<T, TKeys> = string extends keyof T
  ? { [TKey in TKeys & keyof T]?: T[TKey] }
  : Pick<T, TKeys & keyof T>;

/** Whether what each alias gives is what the handler takes under its name, whatever else it needs. */
export type FitsByAlias<TGiven, TNeeded, TAliases> = [TGiven] extends [KeysOf<TNeeded, TAliases>] ? true : false;

/** Every place where `TGiven` does not fit `TNeeded`, in one text: a union of texts would print as its alias. */
export type MismatchText<TGiven, TNeeded> = Join<Mismatch<TGiven, TNeeded, "">, ", ">;

/**
 * At the sixth level the types are shown as they are: a type that contains itself has no last level. So they are where
 * no part of them is to blame, as with lists of another length.
 */
type Mismatch<TGiven, TNeeded, TPath extends string, TDepth extends 0[] = []> = [TGiven] extends [TNeeded]
  ? never
  : TDepth["length"] extends 6
    ? Clash<TGiven, TNeeded, TPath>
    : [TGiven] extends [readonly (infer TGivenElement)[]]
      ? [TNeeded] extends [readonly (infer TNeededElement)[]]
        ? OrClash<Mismatch<TGivenElement, TNeededElement, `${TPath}[]`, [...TDepth, 0]>, Clash<TGiven, TNeeded, TPath>>
        : Clash<TGiven, TNeeded, TPath>
      : [TNeeded] extends [readonly unknown[]]
        ? Clash<TGiven, TNeeded, TPath>
        : [TGiven, TNeeded] extends [object, object]
          ? string extends keyof TNeeded
            ? Clash<TGiven, TNeeded, TPath>
            : OrClash<
                MismatchInKeys<TGiven, TNeeded, TPath, TDepth, keyof TNeeded & string>,
                Clash<TGiven, TNeeded, TPath>
              >
          : Clash<TGiven, TNeeded, TPath>;

type OrClash<TInside, TClash> = [TInside] extends [never] ? TClash : TInside;

type MismatchInKeys<TGiven, TNeeded, TPath extends string, TDepth extends 0[], TKeys extends string> = {
  [TKey in TKeys & keyof TNeeded]: TKey extends keyof TGiven
    ? {} extends Pick<TGiven, string extends keyof TGiven ? string : TKey>
      ? {} extends Pick<TNeeded, TKey>
        ? Mismatch<
            Exclude<TGiven[TKey], undefined>,
            Exclude<TNeeded[TKey], undefined>,
            `${TPath}.${TKey}`,
            [...TDepth, 0]
          >
        : Say<"keyMayBeMissing", { path: `${TPath}.${TKey}`; needed: Show<TNeeded[TKey]> }>
      : Mismatch<
          TGiven[TKey],
          {} extends Pick<TNeeded, TKey> ? Exclude<TNeeded[TKey], undefined> : TNeeded[TKey],
          `${TPath}.${TKey}`,
          [...TDepth, 0]
        >
    : {} extends Pick<TNeeded, TKey>
      ? never
      : Say<"keyMissing", { path: `${TPath}.${TKey}`; needed: Show<TNeeded[TKey]> }>;
}[TKeys & keyof TNeeded];

export type Clash<TGiven, TNeeded, TPath extends string> = Say<
  "clash",
  { path: TPath extends "" ? "the whole payload" : TPath; given: Show<TGiven>; needed: Show<TNeeded> }
>;
