import * as z from "zod";
import { anyData, type DataType, type Field, listOf, type ObjectType, objectOf } from "../../graph/data/data-type.ts";
import type { Assignability, IsAssignable } from "../../graph/data/fit.ts";
import { type KeysOf, type MismatchText, mismatchText } from "../../graph/data/mismatch.ts";
import { formatMessage, type JoinList, type MessageText } from "../../graph/format/messages.ts";
import { safeKey } from "../../graph/format/names.ts";
import type { Absent, AllOf, ListedSources, NodeRecords, OutputOf, Recorded, SourcesOf } from "../node-records.ts";
import { builtIn, type Deliveries, type Reading } from "./adapter.ts";
import { commonAdapterArgs } from "./args.ts";

/** `pull.gather`: one batch with the artifacts of every source, once all of them are complete. */
export const gather = builtIn({
  aliases: [],
  args: commonAdapterArgs
    .extend({
      /** The nodes whose artifacts to read, each under a name other than its node id. */
      from: z
        .record(safeKey, z.string())
        .refine((sources) => Object.keys(sources).length > 0, { error: "must not be empty" })
        .optional(),
    })
    .refine((args) => args.from === undefined || args.from_nodes === undefined, {
      path: ["from"],
      error: "cannot be combined with from_nodes",
    }),
  takesAliases: true,
  batches: () => "gather",
  /**
   * The culprit is the alias, if there is one, before fields that no source delivers; otherwise the adapter, in one
   * message for all.
   */
  faults(reading, wanted, deliveries) {
    const { nodeId: to, sources, hasAliases } = reading;
    const mismatches = gatherMismatches(gathered(reading, deliveries), { wanted, fit: deliveries.fit });
    const all = mismatches.map(({ key, why }) => ({ key, message: formatMessage("adapterInput", { node: to, why }) }));
    const ofAliases = hasAliases ? all.filter(({ key }) => key !== undefined) : [];
    const from = sources.map(({ nodeId }) => nodeId);
    if (ofAliases.length > 0) {
      return ofAliases.map(({ key: alias = "", message }) => ({
        from: sources.flatMap((source) => (source.alias === alias ? [source.nodeId] : [])),
        to,
        message,
        at: { alias },
      }));
    }
    return all.length === 0 ? [] : [{ from, to, message: all.map(({ message }) => message).join("; "), at: "adapter" }];
  },
});

/** By the source's name, the list of its outputs. */
function gathered({ sources, isPartial }: Reading, deliveries: Deliveries): ReadonlyMap<string, Field> {
  return new Map(
    sources.map((source): [string, Field] => {
      const output = deliveries.outputOf(source);
      const all = deliveries.once(output, undefined, () => (output.kind === "any" ? anyData : listOf(output)));
      return [source.alias, { type: () => all ?? anyData, optional: isPartial }];
    }),
  );
}

interface GatherMismatch {
  /** The key of the source that does not match; `undefined` if no single source is the culprit. */
  readonly key: string | undefined;
  readonly why: string;
}

/** The mismatches of a gathered payload: source by source, then fields that no source delivers. Empty if it matches. */
function gatherMismatches(
  sources: ReadonlyMap<string, Field>,
  { wanted, fit }: { readonly wanted: DataType; readonly fit: Assignability },
): readonly GatherMismatch[] {
  const whole = mismatchText(objectOf([...sources]), wanted, fit);
  if (whole === undefined) return [];
  if (wanted.kind !== "object") return [{ key: undefined, why: whole }];
  const found = [...sources].flatMap(([key, field]): GatherMismatch[] => {
    const why = mismatchText(
      objectOf([[key, field]]),
      withKeys(wanted, (one) => one === key),
      fit,
    );
    return why === undefined ? [] : [{ key, why }];
  });
  const missing = mismatchText(
    objectOf([]),
    withKeys(wanted, (one) => !sources.has(one)),
    fit,
  );
  return missing === undefined ? found : [...found, { key: undefined, why: missing }];
}

const withKeys = (type: ObjectType, isKept: (key: string) => boolean): ObjectType => ({
  ...type,
  fields: new Map([...type.fields].filter(([key]) => isKept(key))),
});

/*
 * One record per source, by distribution, with its list under an alias. A mapped type over the sources, like
 * `OutputOf<TNodes, TId>[]` (an array of an alias is resolved late), would keep all nodes in its mapper, which every
 * comparison walks: a flow of 200 gathering nodes would cost five times as much.
 */
export type Gathered<TNodes extends NodeRecords, TParents extends readonly string[], TFrom, TFanIn> = MaybePartial<
  AllOf<
    TFrom extends readonly string[] | Absent
      ? ListBySource<TNodes, SourcesOf<TParents, TFrom>>
      : ListByAlias<TNodes, TFrom, keyof TFrom>
  >,
  TFanIn
>;

/**
 * Whether a handler accepts the payload. Compares each list separately, which avoids merging one record per
 * source; the merged record decides only if that fails, for a union input whose members need different lists. If the
 * list of parents is a union, each of its members must fit, since any of them may be gathered.
 */
export type GatherFits<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TFrom,
  TFanIn,
  TInput,
> = TParents extends unknown
  ? true extends (
      TFrom extends readonly string[] | Absent
        ? SourcesFit<TNodes, SourcesOf<TParents, TFrom>, TFanIn, TInput>
        : AliasesFit<TNodes, TFrom, keyof TFrom, TFanIn, TInput>
    )
    ? true
    : IsAssignable<Gathered<TNodes, TParents, TFrom, TFanIn>, TInput>
  : never;

type SourcesFit<TNodes extends NodeRecords, TId extends string, TFanIn, TInput> = TInput extends unknown
  ? IsAssignable<MaybePartial<Recorded<TId, never>, TFanIn>, TInput> extends true
    ? false extends SourceFits<TNodes, TId, TInput>
      ? false
      : true
    : false
  : false;

type SourceFits<TNodes extends NodeRecords, TId, TInput> = TId extends keyof TInput
  ? List<OutputOf<TNodes, TId>> extends TInput[TId]
    ? true
    : IsAssignable<List<OutputOf<TNodes, TId>>, TInput[TId]>
  : true;

type AliasesFit<TNodes extends NodeRecords, TFrom, TAlias, TFanIn, TInput> = TInput extends unknown
  ? IsAssignable<MaybePartial<Recorded<TAlias & string, never>, TFanIn>, TInput> extends true
    ? false extends AliasFits<TNodes, TFrom, TAlias, TInput>
      ? false
      : true
    : false
  : false;

type AliasFits<TNodes extends NodeRecords, TFrom, TAlias, TInput> = TAlias extends keyof TInput & keyof TFrom
  ? List<OutputOf<TNodes, TFrom[TAlias]>> extends TInput[TAlias]
    ? true
    : IsAssignable<List<OutputOf<TNodes, TFrom[TAlias]>>, TInput[TAlias]>
  : true;

type ListBySource<TNodes extends NodeRecords, TId> = TId extends string
  ? Recorded<TId, List<OutputOf<TNodes, TId>>>
  : never;

type ListByAlias<TNodes extends NodeRecords, TFrom, TAlias extends keyof TFrom> = TAlias extends string
  ? Recorded<TAlias, List<OutputOf<TNodes, TFrom[TAlias]>>>
  : never;

/** The part of a gathered payload that one alias refers to. */
export type AliasPayload<TNodes extends NodeRecords, TFrom, TFanIn, TAlias extends keyof TFrom> = MaybePartial<
  Recorded<TAlias & string, List<OutputOf<TNodes, TFrom[TAlias]>>>,
  TFanIn
>;

type List<TItem> = TItem[];

/** Under `any` and `count:N`, only the parents that satisfied the start condition are present. */
type MaybePartial<T, TFanIn> = [TFanIn] extends ["all"] ? T : { [TKey in keyof T]?: T[TKey] };

// One sentence per source of a gathered payload, in order, then one for fields that no source delivers.
type GatherText<TNode extends string, TGiven, TNeeded, TSources extends readonly unknown[]> =
  GatherTexts<TNode, TGiven, TNeeded, TSources> extends readonly [infer TFirst, ...infer TMore]
    ? JoinList<[TFirst, ...TMore], "; ">
    : MessageText<"adapterInput", { node: TNode; why: MismatchText<TGiven, TNeeded> }>;

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
  : [MessageText<"adapterInput", { node: TNode; why: MismatchText<TGiven, TNeeded> }>];

export type GatheredText<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TFrom,
  TFanIn,
  TId extends string,
  TInput,
> = TParents extends unknown
  ? GatherFits<TNodes, TParents, TFrom, TFanIn, TInput> extends true
    ? never
    : GatherText<TId, Gathered<TNodes, TParents, TFrom, TFanIn>, TInput, ListedSources<TParents, TFrom>>
  : never;
