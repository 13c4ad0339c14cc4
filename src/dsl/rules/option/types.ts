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
 * Infers which options were written, and has a message at each unknown one. That makes it known, so the compiler does not
 * report it in its own words, which would show the types of all options. If none is unknown, nothing of it is left: in an
 * intersection, the compiler would look up each option in each member.
 */
export type WrittenOptions<TKeys extends PropertyKey, TKnown extends string, TId> = [TKeys] extends [TKnown]
  ? unknown
  : { readonly [TKey in TKeys]?: unknown } & {
      readonly [TKey in Exclude<TKeys, TKnown>]?: WrongOption<
        WithHint<
          MessageText<"unknownOption", { node: TId; option: TKey }>,
          TKey & string,
          TKnown,
          typeof optionSynonyms
        >
      >;
    };
