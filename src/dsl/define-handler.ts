import type { Absent } from "../builtins/node-records.ts";
import type { HandlerDefinition } from "../definitions/index.ts";
import { FlowError } from "../errors/index.ts";
import type { Suggested } from "./model/adapter.ts";
import type { Shown, TypedHandler } from "./model/handler.ts";
import {
  type AnySchema,
  type EncodableSchema,
  type InputWire,
  type NoArgs,
  type NoInput,
  type NoResult,
  type ReturnSchema,
  type Stored,
  type Wire,
  withZodSchemas,
} from "./model/schema.ts";
import type { OptionsOf } from "./model/unprinted.ts";
import { handlerProblems } from "./rules/definition/check.ts";
import { adapterChoice, isSuggested } from "./rules/suggestion/check.ts";
import type { HandlerOptions, WrittenMembers, WrittenMethods } from "./types/handler.ts";

/**
 * Defines what nodes of one type do. All types are inferred from its schemas: those of the arguments and payloads that its
 * methods receive, of the values that they return, and of the edges of every flow that uses it.
 *
 * @example
 * const extract = defineHandler("extractor", {
 *   args: z.object({ count: z.int().positive() }),
 *   output: z.object({ rows: z.array(z.object({ id: z.int() })) }),
 *   *iterBatches({ count }) {
 *     for (let id = 0; id < count; id++) yield { payload: { rows: [{ id }] } }
 *   },
 * })
 * extract.name // "extractor"
 *
 * @example
 * const clean = defineHandler("cleaner", {
 *   input: z.object({ rows: z.array(z.object({ id: z.int() })) }),
 *   output: z.object({ kept: z.int() }),
 *   errors: ["bad_row"],
 *   processBatch(payload, ctx) {
 *     ctx.metrics.add("rows", payload.rows.length)
 *     return { kept: payload.rows.length }
 *   },
 * })
 * clean.errors // ["bad_row"]
 *
 * @param name - the node type it serves, which is also the role of the workers that run it
 * @param options - its schemas and methods, in any order
 * @returns the handler, frozen
 * @throws FlowError `HANDLER_INVALID` with every problem; `details.problems` has them as a list
 */
export function defineHandler<
  const TName extends string,
  TOutput extends EncodableSchema,
  TInput extends AnySchema = NoInput,
  TArgs extends AnySchema = NoArgs,
  TResult extends ReturnSchema | NoResult = NoResult,
  const TErrors extends string = never,
  TLoaded = unknown,
  TGiven extends PropertyKey = never,
  const TSuggested extends Suggested | Absent = Absent,
  TServices = undefined,
>(
  name: TName,
  options: OptionsOf<
    TName,
    HandlerOptions<TName, TInput, TOutput, TResult, TArgs, TErrors, TLoaded, TGiven, TSuggested, TServices>,
    WrittenMembers<TGiven, TName> &
      WrittenMethods<
        HandlerOptions<TName, TInput, TOutput, TResult, TArgs, TErrors, TLoaded, TGiven, TSuggested, TServices>,
        TGiven & "processBatch",
        TGiven & "finalize"
      >
  >["required"],
): Shown<
  TName,
  TypedHandler<
    TName,
    InputWire<TInput>,
    Stored<TOutput>,
    TResult extends NoResult ? Absent : Stored<TResult>,
    Wire<TArgs>,
    TErrors,
    "iterBatches" extends TGiven ? true : false,
    TSuggested,
    TServices
  >
>["handler"];
export function defineHandler(name: string, given: object): HandlerDefinition {
  const options = typeof given === "object" && given !== null ? withZodSchemas(given) : given;
  const problems = handlerProblems(name, options);
  if (problems.length > 0) {
    throw new FlowError("HANDLER_INVALID", problems.join("\n"), { details: { handler: String(name), problems } });
  }
  // Every member was checked above, except the types of methods, which only the compiler can check.
  return Object.freeze({
    errors: [],
    resumable: true,
    ...options,
    ...("inputAdapter" in options && isSuggested(options.inputAdapter)
      ? { inputAdapter: adapterChoice(options.inputAdapter) }
      : {}),
    kind: "handler",
    name,
  }) as unknown as HandlerDefinition;
}
