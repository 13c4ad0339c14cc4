import * as z from "zod";
import { forbiddenKeys, namePattern } from "./names.ts";

/*
 * The shape of a graph: what JSON Schema can say about it. What needs more than one place in view (ids that must
 * exist, arguments of the adapter at hand, cycles) is in checks/.
 */

const name = z
  .string()
  .regex(namePattern, { error: "must start with a letter, then at most 127 letters, digits, '_', '.' or '-'" })
  .refine((text) => !forbiddenKeys.has(text), { error: "must not be a key that could change an object's prototype" });

const object = z.record(z.string(), z.unknown());
const positiveInt = z.int().min(1);

export const retryPolicyShape = z
  .strictObject({
    max: z.int().min(0).optional().describe("Retries after the first attempt; default 2."),
    backoff_sec: z.number().min(0).optional().describe("Seconds before the first retry; default 5."),
    permanent_on: z
      .array(z.string().min(1))
      .optional()
      .describe('Reason codes that are never retried; default ["bad_input", "schema_mismatch"].'),
    backoff_factor: z
      .number()
      .min(1)
      .optional()
      .describe("Factor between successive delays; default 1, a constant delay."),
    backoff_max_sec: z.number().min(0).optional().describe("Longest delay in seconds; default 3600."),
    jitter: z.number().min(0).max(1).optional().describe("Random fraction of the delay; default 0.1."),
  })
  .describe("When a failed attempt is retried.");

export const ioShape = z
  .strictObject({
    start_when: z
      .enum(["ready", "first_batch"])
      .optional()
      .describe('What satisfies this node: a finished parent ("ready", the default) or its first batch.'),
    input_inline: z
      .looseObject({
        input_adapter: z.string().optional().describe("Splits the artifacts of the parents into batches."),
        input_args: object.optional().describe("Arguments of the input adapter."),
      })
      .optional()
      .describe("Input routing (input_adapter, input_args); every other key is an argument of the handler."),
    fn: z.string().optional().describe('Coordinator function; only with type "coordinator_fn".'),
    fn_args: object.optional().describe("Arguments of the coordinator function."),
    max_pending_batches: positiveInt
      .optional()
      .describe("How many batches this node may be ahead of a running streaming consumer before it waits."),
  })
  .describe("Where the node's input comes from.");

export const nodeShape = z.strictObject({
  node_id: name.describe("Unique in the graph."),
  type: name.describe('The handler type (worker role), or "coordinator_fn".'),
  depends_on: z.array(z.string()).optional().describe("Parents, in order; default none."),
  fan_in: z
    .string()
    .regex(/^(all|any|count:[1-9]\d{0,8})$/, { error: "must be 'all', 'any' or 'count:N' with N of 1 or more" })
    .optional()
    .describe('How many parents must be satisfied: "all" (default), "any" or "count:N".'),
  io: ioShape.optional(),
  retry_policy: retryPolicyShape.optional(),
  partitions: positiveInt.max(10_000).optional().describe("Shards that run in parallel; default 1."),
  timeout_sec: z
    .number()
    .gt(0)
    .max(2_147_483, { error: "must be at most 2147483 (24 days)" })
    .optional()
    .describe("Seconds after which an attempt times out."),
  limits: z.record(z.string(), positiveInt).optional().describe("Concurrency limits."),
  status: z.literal("queued").optional().describe("Run-time key of a primed graph; ignored."),
  attempt_epoch: z.literal(0).optional().describe("Run-time key of a primed graph; ignored."),
  stats: z.strictObject({}).optional().describe("Run-time key of a primed graph; ignored."),
  lease: z.strictObject({}).optional().describe("Run-time key of a primed graph; ignored."),
});

export const typeSchemasShape = z.strictObject({
  args: object.optional(),
  input: object.optional(),
  output: object.optional(),
});

export const graphShape = z.strictObject({
  $schema: z.string().optional().describe("URL of this schema, for editors; ignored."),
  schema_version: z.literal("1.0").optional().describe("Version of this format; default 1.0."),
  name: z.string().optional().describe("Label in logs, metrics and pages."),
  nodes: z.array(nodeShape).min(1).describe("The nodes."),
  edges: z
    .array(z.tuple([z.string(), z.string()]))
    .optional()
    .describe("[from, to] pairs, equal to depends_on. Either may be omitted."),
  params_schema: object.optional().describe("JSON Schema of the task's params."),
  schemas: z
    .record(z.string(), typeSchemasShape)
    .optional()
    .describe("By node type: JSON Schemas of its arguments, of a batch's input and of a batch's output."),
});
