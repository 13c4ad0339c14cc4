import { type DataType, type Field, objectOf, unionOf } from "../../graph/data/data-type.ts";
import { type MismatchText, mismatchText } from "../../graph/data/mismatch.ts";
import { formatMessage, type MessageText } from "../../graph/format/messages.ts";
import type { Absent, NodeRecords, SourcesOf, StepsOf } from "../node-records.ts";
import { builtIn, type Deliveries } from "./adapter.ts";
import { commonAdapterArgs } from "./args.ts";
import { type CodeOf, codeOf } from "./outcomes.ts";

/** `pull.failures`: one batch for each batch that a source has set aside. */
export const failures = builtIn({
  aliases: [],
  args: commonAdapterArgs,
  readsFailures: true,
  batches: () => "failures",
  faults({ nodeId: to, sources }, wanted, deliveries) {
    const delivered = unionOf(sources.map((source) => failureOf(deliveries.failingOf(source))));
    const why = mismatchText(delivered, wanted, deliveries.fit);
    if (why === undefined) return [];
    const from = sources.map(({ nodeId }) => nodeId);
    return [{ from, to, message: formatMessage("adapterInput", { node: to, why }), at: "adapter" }];
  },
});

function failureOf({ input, codes }: ReturnType<Deliveries["failingOf"]>): DataType {
  const field = (type: DataType): Field => ({ type: () => type, optional: false });
  return objectOf([
    ["uid", field({ kind: "string" })],
    ["reasonCode", field(codeOf(codes))],
    ["message", field({ kind: "string" })],
    ["tries", field({ kind: "number" })],
    ["input", field(input)],
  ]);
}

/** A batch that a node has set aside. A type alias, since an interface is not assignable to JSON. */
export type Failure<TInput, TCode extends string> = {
  /** Its uid in the node that set it aside. */
  readonly uid: string;
  readonly reasonCode: TCode;
  readonly message: string;
  /** The number of its tries. */
  readonly tries: number;
  /** The handler's input, before its schema decoded it. */
  readonly input: TInput;
};

export type Failed<TNodes extends NodeRecords, TParents extends readonly string[], TFrom> = FailureAt<
  StepsOf<TNodes>,
  SourcesOf<TParents, TFrom>
>;

type FailureAt<TSteps, TId> = TId extends unknown ? FailureOfStep<Extract<TSteps, { readonly id: TId }>> : never;

type FailureOfStep<TStep> = [TStep] extends [never]
  ? Failure<Undescribed, string>
  : TStep extends { readonly handler: { readonly $infer: infer TTypes extends HandlerParts } }
    ? Failure<
        TTypes["source"] extends false ? (TTypes["input"] extends Absent ? Undescribed : TTypes["input"]) : Undescribed,
        CodeOf<TTypes["errors"]>
      >
    : never;

/** The input of a failed batch where it is unknown: of a source, or of a node of another flow. */
// biome-ignore lint/suspicious/noExplicitAny: its reader declares what it expects, as with a graph whose schemas are unknown
type Undescribed = any;

interface HandlerParts {
  readonly input: unknown;
  readonly source: boolean;
  readonly errors: string;
}

export type FailedText<
  TNodes extends NodeRecords,
  TParents extends readonly string[],
  TFrom,
  TId extends string,
  TInput,
> = MessageText<"adapterInput", { node: TId; why: MismatchText<Failed<TNodes, TParents, TFrom>, TInput> }>;
