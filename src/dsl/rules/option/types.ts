import type { MessageText } from "../../../graph/format/messages.ts";
import type { WithHint } from "../../../graph/format/near-name.ts";
import type { WrongOption } from "../../model/markers.ts";
import type { optionSynonyms } from "./check.ts";

/* The options of a coordinator function's node. */
export type FnOption =
  | "after"
  | "fanIn"
  | "startWhen"
  | "when"
  | "optional"
  | "delaySec"
  | "args"
  | "retry"
  | "timeoutSec";

/* The options of a node that waits for a signal. */
export type WaitOption = "after" | "payload" | "timeoutSec" | "onTimeout" | "when" | "optional";

/* The options of a handler's node. */
export type NodeOption =
  | FnOption
  | "input"
  | "where"
  | "partitions"
  | "maxPendingBatches"
  | "limits"
  | "ordered"
  | "onBatchFailure"
  | "tolerate"
  | "batchTimeoutSec";

/*
 * Infers which options were written, and has a message at each unknown one, `TUnknown`. That makes it known, so the
 * compiler does not report it in its own words, which would show the types of all options. The caller excludes the known
 * ones: with them as a parameter, the compiler would substitute them for each node.
 *
 * Mapped types and no conditional ones: with one among the types of the options, the compiler would instantiate all of them
 * for each option that it reads.
 */
export type WrittenOptions<TKeys extends PropertyKey, TUnknown extends TKeys, TKnown extends string, TId> = {
  readonly [TKey in TKeys]?: unknown;
} & {
  readonly [TKey in TUnknown]?: WrongOption<
    WithHint<MessageText<"unknownOption", { node: TId; option: TKey }>, TKey & string, TKnown, typeof optionSynonyms>
  >;
};
