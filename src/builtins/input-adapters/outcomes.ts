import { type CoreReasonCode, coreReasonCodes } from "../../errors/index.ts";
import { anyData, type DataType, type Field, objectOf, unionOf } from "../../graph/data/data-type.ts";
import { type MismatchText, mismatchText } from "../../graph/data/mismatch.ts";
import { formatMessage, type MessageText } from "../../graph/format/messages.ts";
import type { NodeRecords } from "../node-records.ts";
import { builtIn } from "./adapter.ts";
import { gather } from "./gather.ts";
import type { Pulled } from "./pull.ts";

/**
 * `pull.outcomes`: one batch for each source, once it has ended, whatever the outcome. Its uid is the id of the source. The
 * `nodeId` of an outcome is the alias of its source, if it has one: that of a subflow's node is the id in the subflow.
 */
export const outcomes = builtIn({
  aliases: [],
  args: gather.args,
  takesAliases: true,
  readsOutcomes: true,
  batches: () => "outcomes",
  faults({ nodeId: to, sources }, wanted, deliveries) {
    const why = mismatchText(unionOf(sources.map((source) => deliveries.outputOf(source))), wanted, deliveries.fit);
    if (why === undefined) return [];
    const from = sources.map(({ nodeId }) => nodeId);
    return [{ from, to, message: formatMessage("adapterInput", { node: to, why }), at: "adapter" }];
  },
});

/** The outcomes of a node that did not fail. */
export const unfailedStatuses = ["finished", "skipped", "cancelled"] as const;

/** The type of an outcome, as data. @param codes - the reason codes that its handler declares, as far as they are known */
export function outcomeData(nodeId: string, codes: readonly string[] | undefined): DataType {
  const field = (type: DataType): Field => ({ type: () => type, optional: false });
  const value = (...values: readonly (string | null)[]): Field => field({ kind: "values", values });
  const batchUid = unionOf([{ kind: "string" }, { kind: "values", values: [null] }]);
  return unionOf([
    objectOf([
      ["nodeId", value(nodeId)],
      ["status", value(...unfailedStatuses)],
    ]),
    objectOf([
      ["nodeId", value(nodeId)],
      ["status", value("failed")],
      ["reasonCode", field(codeOf(codes))],
      ["message", field({ kind: "string" })],
      ["batchUid", field(batchUid)],
    ]),
  ]);
}

/** A handler that declares no codes may throw any. */
export function codeOf(codes: readonly string[] | undefined): DataType {
  if (codes === undefined) return anyData;
  return codes.length === 0 ? { kind: "string" } : { kind: "values", values: [...codes, ...coreReasonCodes] };
}

/** The outcome of a node. A type alias, since an interface is not assignable to JSON. */
export type Outcome<TId extends string, TCode extends string> = Unfailed<TId> | FailedOutcome<TId, TCode>;

type Unfailed<TId extends string> = { readonly nodeId: TId; readonly status: (typeof unfailedStatuses)[number] };

type FailedOutcome<TId extends string, TCode extends string> = {
  readonly nodeId: TId;
  readonly status: "failed";
  readonly reasonCode: TCode;
  readonly message: string;
  /** The batch that failed; `null` if the failure is not of one batch. */
  readonly batchUid: string | null;
};

export type OutcomesAdapter = "pull.outcomes";

/** The union of the outcomes of all sources. */
export type OutcomeAt<TSteps, TId> = TId extends string
  ? Outcome<TId, CodeOfStep<Extract<TSteps, { readonly id: TId }>>>
  : never;

/** The codes of a coordinator function are not declared. */
type CodeOfStep<TStep> = [TStep] extends [never]
  ? string
  : TStep extends { readonly handler: { readonly $infer: { readonly errors: infer TErrors extends string } } }
    ? CodeOf<TErrors>
    : string;

/** A handler that declares no codes may throw any. */
export type CodeOf<TErrors extends string> = [TErrors] extends [never] ? string : TErrors | CoreReasonCode;

/** The rules replace the outputs of sources by their outcomes; see the rule `where`. */
export type EndedText<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TFrom,
  TId extends string,
  TInput,
> = MessageText<"adapterInput", { node: TId; why: MismatchText<Pulled<TNodes, TParents, TFrom>, TInput> }>;
