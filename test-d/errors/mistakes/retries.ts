import { clean, count, notify } from "../../handlers.ts";
import { etl } from "./etl.ts";
import type { Mistake } from "./mistake.ts";

/** Codes that are never retried. */
export const retryMistakes: readonly Mistake[] = [
  {
    rule: "unknown permanent code",
    words: "node 'w': 'bad_rw' is not a reason code of handler 'cleaner' or of the engine",
    token: '"bad_rw"',
    make: () =>
      etl.node("w", clean, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" },
        // @ts-expect-error
        retry: { permanentOn: ["timeout", "bad_rw"] },
      }),
    right: () =>
      etl.node("w", clean, {
        after: ["extract"],
        input: { adapter: "pull.from_artifacts.rechunk:size", size: 1, metaListKey: "rows" },
        retry: { permanentOn: ["timeout", "bad_row"] },
      }),
  },
  {
    rule: "permanent code of another handler",
    words: "node 'w': 'bad_row' is not a reason code of handler 'counter' or of the engine",
    token: '"bad_row"',
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], retry: { permanentOn: ["bad_row"] } }),
    right: () => etl.node("w", count, { after: ["extract"], retry: { permanentOn: ["schema_mismatch"] } }),
  },
  {
    rule: "tolerance of a node that sets nothing aside",
    words: "node 'w': 'onBatchFailure' must be 'setAside' if 'tolerate' is set",
    token: "batches",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], tolerate: { batches: 3 } }),
    right: () => etl.node("w", count, { after: ["extract"], onBatchFailure: "setAside", tolerate: { batches: 3 } }),
  },
  {
    rule: "unknown key of tolerate",
    words: "node 'w': unknown option 'tolerate.batch' (did you mean 'batches'?)",
    ownWords: "TypeScript names the key",
    token: "batch",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], onBatchFailure: "setAside", tolerate: { batch: 3 } }),
    right: () => etl.node("w", count, { after: ["extract"], onBatchFailure: "setAside", tolerate: { batches: 3 } }),
  },
  {
    rule: "tolerate that is no object",
    words: "node 'w': 'tolerate' must be an object with 'batches' or 'share'",
    ownWords: "TypeScript names both types, on the key",
    token: "tolerate",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], onBatchFailure: "setAside", tolerate: 3 }),
    right: () => etl.node("w", count, { after: ["extract"], onBatchFailure: "setAside", tolerate: { batches: 3 } }),
  },
  {
    rule: "batch timeout that is no number",
    words: "node 'w': batches.timeout_sec must be a number, got '20 s'",
    ownWords: "TypeScript names both types, on the key",
    token: "batchTimeoutSec",
    make: () =>
      // @ts-expect-error
      etl.node("w", count, { after: ["extract"], batchTimeoutSec: "20 s" }),
    right: () => etl.node("w", count, { after: ["extract"], batchTimeoutSec: 20 }),
  },
  {
    rule: "unknown permanent code of a function",
    words: "node 'w': 'bad_args' is not a reason code of fn 'vars.set' or of the engine",
    token: '"bad_args"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", "vars.set", { args: { kv: {} }, retry: { permanentOn: ["bad_args"] } }),
    right: () => etl.fn("w", "vars.set", { args: { kv: {} }, retry: { permanentOn: ["bad_fn_args"] } }),
  },
  {
    rule: "unknown permanent code of a custom function",
    words: "node 'w': 'rate_limit' is not a reason code of fn 'slack.notify' or of the engine",
    token: '"rate_limit"',
    make: () =>
      // @ts-expect-error
      etl.fn("w", notify, { args: { channel: "#data" }, retry: { permanentOn: ["rate_limit"] } }),
    right: () => etl.fn("w", notify, { args: { channel: "#data" }, retry: { permanentOn: ["rate_limited"] } }),
  },
];
