import * as z from "zod";
import type { Json, JsonObject } from "../../errors/index.ts";
import { forbiddenKeys, namePattern } from "./names.ts";
import { type Condition, condition } from "./pattern.ts";

export type { Condition } from "./pattern.ts";

/*
 * The fields of a node: for each object of the graph JSON its type, and a row for each of its keys. The JSON Schema,
 * the canonical form, the builder, the generated source and the checks for external workers are derived from the rows;
 * core/plan interprets them.
 */

/** What the writers and readers of the graph JSON need to know of one key. */
export interface Field<TValue = unknown> {
  readonly schema: z.ZodType;
  readonly required?: true;
  /** The meaning of an absent key; neither the builder nor the canonical form writes it. */
  readonly default?: TValue;
  /** The builder's option with the same value; absent if the builder has no such option. */
  readonly option?: string;
  /** The builder's option of which `option` is a key. */
  readonly within?: string;
  /** The builder's spelling of values, where it differs. */
  readonly spelling?: Readonly<Record<string, string>>;
  /** It may contain patterns or parameters of the builder. */
  readonly written?: "pattern" | "argument";
  /** The rows of the object that the key holds. */
  readonly fields?: FieldTable;
  /** Not an option of coordinator functions. */
  readonly handlersOnly?: true;
  /** Rejected on nodes of external workers, which do not enforce it. */
  readonly ownWorkersOnly?: true;
}

export type FieldTable = Readonly<Record<string, Field>>;

// One row for each key of `T`, in the order of the canonical form.
type FieldsOf<T> = { readonly [TKey in keyof T]-?: Field<T[TKey]> };

const name = z
  .string()
  .regex(namePattern, { error: "must start with a letter, then at most 127 letters, digits, '_', '.' or '-'" })
  .refine((text) => !forbiddenKeys.has(text), { error: "must not be a key that could change an object's prototype" });
const anyObject = z.record(z.string(), z.unknown());
const positiveInt = z.int().min(1);
const timeoutSec = z.number().gt(0).max(2_147_483, { error: "must be at most 2147483 (24 days)" }); // the limit of a timer

/** How many parents must be satisfied before a node starts. */
export type FanIn = "all" | "any" | `count:${number}`;
/** What satisfies a node: its parents have finished, have stored their first batch, or have ended, whatever the outcome. */
export type StartWhen = "ready" | "first_batch" | "ended";

/** Seconds, or a parameter of the task; a number once the parameters are filled in. */
export type DelaySec = number | { readonly $ref: string };
export const delaySeconds = z.number().min(0).max(315_576_000); // ten years: not a timer, since it survives its process

/**
 * `io.input_inline`: `input_adapter` and `input_args` are the routing, every other key is an argument of the handler.
 */
export interface InputInline {
  readonly input_adapter?: string;
  readonly input_args?: JsonObject;
  readonly [handlerArgument: string]: Json | undefined;
}

/** The `io` of a node: what it reads, when it starts, and which coordinator function it runs. */
export interface NodeIo {
  readonly start_when?: StartWhen;
  readonly input_inline?: InputInline;
  /** Coordinator function and its arguments; only with `type: "coordinator_fn"`. */
  readonly fn?: string;
  readonly fn_args?: JsonObject;
  /** The flow that runs for each batch, of the graph's `flows`; only with `type: "flow"`. */
  readonly flow?: string;
  /** The parameter of that flow that receives the batch; the others are the node's arguments. */
  readonly item?: string;
  /** A task that failed for good is an output too. */
  readonly settled?: boolean;
  readonly max_pending_batches?: number;
}

export const ioFields: FieldsOf<NodeIo> = {
  start_when: {
    schema: z
      .enum(["ready", "first_batch", "ended"])
      .describe('What satisfies this node: a finished parent ("ready", the default), its first batch, or its end.'),
    default: "ready",
    option: "startWhen",
  },
  input_inline: {
    schema: z
      .looseObject({
        input_adapter: z.string().optional().describe("Splits the artifacts of the parents into batches."),
        input_args: anyObject.optional().describe("Arguments of the input adapter."),
      })
      .describe("Input routing (input_adapter, input_args); every other key is an argument of the handler."),
    default: {},
  },
  fn: { schema: z.string().describe('Coordinator function; only with type "coordinator_fn".') },
  fn_args: { schema: anyObject.describe("Arguments of the coordinator function."), default: {} },
  flow: { schema: z.string().describe('Name of the flow that runs for each batch; only with type "flow".') },
  item: { schema: z.string().describe("The parameter of that flow that is the batch.") },
  settled: {
    schema: z
      .boolean()
      .describe("Whether a run that fails is an output too, as { ok: false, failure }; default false."),
    default: false,
  },
  max_pending_batches: {
    schema: positiveInt.describe(
      "How many batches this node may be ahead of a running streaming consumer before it waits.",
    ),
    option: "maxPendingBatches",
    handlersOnly: true,
    ownWorkersOnly: true,
  },
};

/**
 * When and how often a failed attempt is retried; an absent key has the value of `retryDefaults`. Times are in seconds.
 */
export interface RetryPolicy {
  readonly max?: number;
  readonly backoff_sec?: number;
  readonly permanent_on?: readonly string[];
  readonly backoff_factor?: number;
  readonly backoff_max_sec?: number;
  readonly jitter?: number;
}

/**
 * The defaults of a node's `retry_policy`: two retries, five seconds apart.
 * The delay before retry `n` is `min(backoff_max_sec, backoff_sec * backoff_factor ** (n - 1))`, times a random factor,
 * uniform in `[1 - jitter, 1 + jitter]`.
 *
 * @example
 * const policy = { ...retryDefaults, ...node.retry_policy }
 * policy.max // 2 unless the node sets it
 */
export const retryDefaults = {
  /** Retries of each batch after its first try. */
  max: 2,
  backoff_sec: 5,
  /** Reason codes that are never retried. */
  permanent_on: ["bad_input", "schema_mismatch"],
  /** 1: the same delay before each retry. */
  backoff_factor: 1,
  backoff_max_sec: 3600,
  jitter: 0.1,
} as const;

export const retryFields: FieldsOf<RetryPolicy> = {
  max: {
    schema: z.int().min(0).describe("Retries of each batch after its first try; default 2."),
    default: retryDefaults.max,
    option: "max",
  },
  backoff_sec: {
    schema: z.number().min(0).describe("Seconds before the first retry; default 5."),
    default: retryDefaults.backoff_sec,
    option: "backoffSec",
  },
  permanent_on: {
    schema: z
      .array(z.string().min(1))
      .describe('Reason codes that are never retried; default ["bad_input", "schema_mismatch"].'),
    default: retryDefaults.permanent_on,
    option: "permanentOn",
  },
  backoff_factor: {
    schema: z.number().min(1).describe("Factor between successive delays; default 1, a constant delay."),
    default: retryDefaults.backoff_factor,
    option: "backoffFactor",
  },
  backoff_max_sec: {
    schema: z.number().min(0).describe("Longest delay in seconds; default 3600."),
    default: retryDefaults.backoff_max_sec,
    option: "backoffMaxSec",
  },
  jitter: {
    schema: z.number().min(0).max(1).describe("Random fraction of the delay; default 0.1."),
    default: retryDefaults.jitter,
    option: "jitter",
  },
};

/** What happens to each batch of a node. */
export interface BatchPolicy {
  readonly ordered?: boolean;
  readonly on_failure?: "fail" | "set_aside";
  readonly tolerate_batches?: number;
  readonly tolerate_share?: number;
  readonly timeout_sec?: number;
}

export const batchFields: FieldsOf<BatchPolicy> = {
  ordered: {
    schema: z
      .boolean()
      .describe("Store batches in the order of the input, so that a slow or failing one delays those after it."),
    default: false,
    option: "ordered",
    handlersOnly: true,
    ownWorkersOnly: true,
  },
  on_failure: {
    schema: z
      .enum(["fail", "set_aside"])
      .describe('What a batch that failed for good does: fail the node ("fail", the default), or be set aside.'),
    default: "fail",
    option: "onBatchFailure",
    spelling: { set_aside: "setAside" },
    handlersOnly: true,
    ownWorkersOnly: true,
  },
  tolerate_batches: {
    schema: z
      .int()
      .min(0)
      .describe("How many batches each partition may set aside; one more fails the node. Default any number."),
    option: "batches",
    within: "tolerate",
    handlersOnly: true,
    ownWorkersOnly: true,
  },
  tolerate_share: {
    schema: z
      .number()
      .min(0)
      .max(1)
      .describe("The share of its batches that each partition may have set aside when it ends; default 1, all."),
    default: 1,
    option: "share",
    within: "tolerate",
    handlersOnly: true,
    ownWorkersOnly: true,
  },
  timeout_sec: {
    schema: timeoutSec.describe("Seconds after which a try of a batch fails."),
    option: "batchTimeoutSec",
    handlersOnly: true,
    ownWorkersOnly: true,
  },
};

/** By default, the first failed batch fails the node, so there is nothing to tolerate. */
function toleratesOnlySetAside(
  { on_failure, tolerate_batches, tolerate_share = 1 }: BatchPolicy,
  ctx: z.RefinementCtx,
) {
  if (on_failure === "set_aside") return;
  const message = 'must not be set unless on_failure is "set_aside"';
  if (tolerate_batches !== undefined) ctx.addIssue({ code: "custom", path: ["tolerate_batches"], message });
  if (tolerate_share !== 1) ctx.addIssue({ code: "custom", path: ["tolerate_share"], message });
}

/** The value that a limit applies to; text or a number once the parameters are filled in. */
export const limitKey = z.union([z.string().max(256), z.number()]);
const longestText = "must be text of at most 256 characters, a number or a parameter";

/** The limits for which the builder has options. */
export const limitFields: FieldTable = {
  max_running: { schema: positiveInt.describe("Attempts that run at once."), option: "maxRunning" },
  per_sec: {
    schema: z.number().gt(0).max(100_000).describe("Tries of a batch that begin per second, in all tasks of the flow."),
    option: "perSec",
  },
  burst: {
    schema: positiveInt.describe("How many of these may begin at once after a pause; default 1."),
    option: "burst",
  },
  key: {
    schema: z
      .union([limitKey, z.strictObject({ $ref: z.string() })], { error: longestText })
      .describe("Applies the limits per value of a parameter, such as a tenant, across all tasks of the flow."),
    option: "key",
    written: "argument",
  },
};

/** A burst without a rate, and a key without a limit, would be ignored. */
function limitsSomething({ max_running: max, per_sec: perSec, burst, key }: JsonObject, ctx: z.RefinementCtx) {
  const refuse = (path: string, message: string) => ctx.addIssue({ code: "custom", path: [path], message });
  if (burst !== undefined && perSec === undefined) refuse("burst", "must not be set without per_sec");
  if (key !== undefined && max === undefined && perSec === undefined)
    refuse("key", "must not be set without max_running or per_sec");
}

/** A node of the graph JSON. */
export interface GraphNode {
  readonly node_id: string;
  /** The handler type (worker role), `coordinator_fn` or `flow`. */
  readonly type: string;
  readonly depends_on: readonly string[];
  readonly fan_in?: FanIn;
  readonly when?: Condition | readonly Condition[];
  readonly optional?: boolean;
  readonly delay_sec?: DelaySec;
  readonly io?: NodeIo;
  readonly retry_policy?: RetryPolicy;
  readonly batches?: BatchPolicy;
  readonly partitions?: number;
  readonly timeout_sec?: number;
  readonly limits?: JsonObject;
}

export const nodeFields: FieldsOf<GraphNode> = {
  node_id: { schema: name.describe("Unique in the graph."), required: true },
  type: { schema: name.describe('The handler type (worker role), "coordinator_fn" or "flow".'), required: true },
  depends_on: { schema: z.array(z.string()).describe("Parents, in order; default none.") },
  fan_in: {
    schema: z
      .string()
      .regex(/^(all|any|count:[1-9]\d{0,8})$/, { error: "must be 'all', 'any' or 'count:N' with N of 1 or more" })
      .describe('How many parents must be satisfied: "all" (default), "any" or "count:N".'),
    default: "all",
    option: "fanIn",
  },
  when: {
    schema: z
      .union([condition, z.array(condition).min(1)], { error: "must be a condition or a list of conditions" })
      .describe(
        "Whether the node runs, evaluated once when it is dispatched; with a list, one of its conditions must hold.",
      ),
    option: "when",
    written: "pattern",
  },
  optional: {
    schema: z.boolean().describe("Whether the task continues without this node's output if it fails; default false."),
    default: false,
    option: "optional",
  },
  delay_sec: {
    schema: z
      .union([delaySeconds, z.strictObject({ $ref: z.string() })], { error: "must be seconds or a parameter" })
      .describe("Seconds between the dispatch of the node and its start, or a parameter; default 0."),
    default: 0,
    option: "delaySec",
    written: "argument",
  },
  io: {
    schema: z.strictObject(shapeOf(ioFields)).describe("Where the node's input comes from."),
    default: {},
    fields: ioFields,
  },
  retry_policy: {
    schema: z.strictObject(shapeOf(retryFields)).describe("When a failed batch or attempt is retried."),
    default: {},
    option: "retry",
    fields: retryFields,
  },
  batches: {
    schema: z
      .strictObject(shapeOf(batchFields))
      .superRefine(toleratesOnlySetAside)
      .describe("What happens to each batch."),
    default: {},
    fields: batchFields,
  },
  partitions: {
    schema: positiveInt.max(10_000).describe("Shards that run in parallel; default 1."),
    default: 1,
    option: "partitions",
    handlersOnly: true,
    ownWorkersOnly: true,
  },
  timeout_sec: {
    schema: timeoutSec.describe("Seconds after which an attempt times out."),
    option: "timeoutSec",
    ownWorkersOnly: true,
  },
  limits: {
    schema: z
      .object(shapeOf(limitFields))
      .catchall(positiveInt)
      .superRefine((limits, ctx) => limitsSomething(limits as JsonObject, ctx))
      .describe("How much runs at once, and how much begins per second."),
    default: {},
    option: "limits",
    fields: limitFields,
    handlersOnly: true,
    ownWorkersOnly: true,
  },
};

/** The shape of an object schema with these keys. */
export function shapeOf(fields: FieldTable): Record<string, z.ZodType> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, { schema, required }]) => [key, required ? schema : schema.optional()]),
  );
}
