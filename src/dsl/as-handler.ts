import * as z from "zod";
import type { $ZodType } from "zod/v4/core";
import type { Absent } from "../builtins/node-records.ts";
import type { FlowDefinition, FlowTypes } from "../definitions/flow.ts";
import { FlowError } from "../errors/index.ts";
import type { Join, MessageText } from "../graph/format/messages.ts";
import { formatMessage } from "../graph/format/messages.ts";
import { withHint } from "../graph/format/near-name.ts";
import { flowType } from "../graph/index.ts";
import { isFlow } from "./model/flow-view.ts";
import type { Shown, TypedHandler } from "./model/handler.ts";
import type { Wrong, WrongFlow } from "./model/markers.ts";
import type { Subflow, SubflowHandler } from "./model/step.ts";

/** The output of one batch of a flow with `settled`: the results of its task, or why it has none. */
export type Settled<TResults, TNodeId extends string> =
  | { readonly ok: true; readonly results: TResults }
  | {
      readonly ok: false;
      readonly failure: {
        /** The node that failed; `null` if the task was cancelled, or failed as a whole. */
        readonly nodeId: TNodeId | null;
        readonly reasonCode: string;
        readonly message: string;
        readonly batchUid: string | null;
      };
    };

/** A flow as a handler: its nodes run the flow once per batch, each time as a separate task. */
export interface FlowHandler<TInput, TOutput, TArgs, TInner>
  extends TypedHandler<"flow", TInput, TOutput, Absent, TArgs, never, false, Absent> {
  /** The handlers of its nodes, as a union. Exists in types only. */
  readonly $inner: TInner;
}

/**
 * Turns a flow into a handler: each batch of its node runs the flow as a separate task, whose results are the output of the
 * batch. A failed task is retried according to the node's `retry`, from the point of failure.
 *
 * @example
 * const order = flow("order", { params: z.object({ order: Order, shop: z.string() }) })
 *   .node("pay", pay, { args: { order: param("order"), shop: param("shop") } })
 * flow("shop")
 *   .node("read", readOrders)
 *   .then("each", asHandler(order, { item: "order" }), { args: { shop: "tea" }, limits: { maxRunning: 8 } })
 *
 * @param flow - a flow with a name; its other parameters are the node's `args`
 * @param options.item - the parameter of the flow that receives the batch
 * @param options.settled - whether a task that fails permanently also has an output: `{ ok: false, failure }` instead of
 * `{ ok: true, results }`
 * @throws FlowError `FLOW_INVALID` if the flow has no name, has inputs or errors, or lacks the parameter
 */
export function asHandler<TTypes extends FlowTypes, const TItem extends string, const TSettled extends boolean = false>(
  flow: FlowWithName<TTypes>,
  options: { readonly item: ItemArgument<TTypes, TItem>; readonly settled?: TSettled },
): Shown<
  "flow",
  FlowHandler<
    TTypes["params"][TItem & keyof TTypes["params"]],
    TSettled extends true
      ? Settled<TTypes["results"], Extract<keyof TTypes["outputs"], string>>
      : { readonly [TId in keyof TTypes["results"]]: TTypes["results"][TId] },
    { readonly [TKey in Exclude<keyof TTypes["params"], TItem> as TKey]: TTypes["params"][TKey] },
    TTypes["handlers"][keyof TTypes["handlers"]]
  >
>["handler"];
export function asHandler(flow: unknown, options: { readonly item?: unknown; readonly settled?: unknown }): object {
  if (!isFlow(flow)) throw invalid(formatMessage("asHandlerFlow", {}));
  const { name } = flow.compile(); // throws if the flow cannot run on its own
  if (name === undefined) throw invalid(formatMessage("asHandlerName", {}));
  const { item, settled = false } = options ?? {};
  if (typeof item !== "string") throw invalid(formatMessage("asHandlerOption", { option: "item", needs: "a string" }));
  if (typeof settled !== "boolean") {
    throw invalid(formatMessage("asHandlerOption", { option: "settled", needs: "true or false" }));
  }
  const shape = flow.paramsSchema instanceof z.ZodObject ? flow.paramsSchema.shape : undefined;
  if (shape !== undefined && !Object.hasOwn(shape, item)) {
    const message = formatMessage("flowItem", { flow: name, item, list: Object.keys(shape).join(", ") || "none" });
    throw invalid(withHint(message, item, new Set(Object.keys(shape))));
  }
  return subflowHandler({ name, flow, item, settled }, shape);
}

/** @param shape - the flow's parameters, if they are known individually */
export function subflowHandler(
  subflow: Subflow,
  shape: Readonly<Record<string, $ZodType>> | undefined,
): SubflowHandler {
  const { [subflow.item]: input = z.json(), ...args } = shape ?? {};
  const output = z.any(); // results, whose schemas are known only per node
  const schemas = { input, output, ...(shape === undefined ? { args: z.looseObject({}) } : { args: z.object(args) }) };
  return Object.freeze({ kind: "handler", name: flowType, ...schemas, errors: [], resumable: true, subflow });
}

const invalid = (message: string): FlowError => new FlowError("FLOW_INVALID", message);

type FlowWithName<TTypes extends FlowTypes> = [TTypes["name"]] extends [string]
  ? Pick<FlowDefinition<TTypes>, "$infer" | "compile">
  : WrongFlow<MessageText<"asHandlerName", {}>>;

type ItemArgument<TTypes extends FlowTypes, TItem extends string> = TItem extends keyof TTypes["params"]
  ? TItem
  : Wrong<
      MessageText<
        "flowItem",
        { flow: TTypes["name"] & string; item: TItem; list: Join<keyof TTypes["params"] & string, ", "> }
      >,
      keyof TTypes["params"] & string
    >;
