import * as z from "zod";
import { nodeFields, shapeOf } from "./node-fields.ts";

/*
 * The shape of a graph, as far as JSON Schema can express it. Rules that involve several values, such as existing ids,
 * arguments of an adapter and cycles, are in checks/.
 */

const object = z.record(z.string(), z.unknown());

export const nodeShape = z.strictObject({
  ...shapeOf(nodeFields),
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
  schema_version: z
    .enum(["1.0", "1.1"])
    .optional()
    .describe('Version of this format: "1.1" for a graph that uses what 1.0 does not have. Set by FlowKit.'),
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
  flows: z
    .record(z.string(), object)
    .optional()
    .describe('By name: the graphs that nodes of type "flow" run, of the same form as this one.'),
});
