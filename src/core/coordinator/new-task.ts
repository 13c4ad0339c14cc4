import { isDeepStrictEqual } from "node:util";
import { type $ZodError, type $ZodType, safeDecode, safeEncode } from "zod/v4/core";
import { FlowError, type Json, type JsonObject } from "../../errors/index.ts";
import { formatMessage } from "../../graph/format/messages.ts";
import { limitFields } from "../../graph/format/node-fields.ts";
import { paramsValidator } from "../../graph/format/params-validator.ts";
import { excessOf } from "../../graph/format/plain-data.ts";
import {
  defaultGraphLimits,
  type Finding,
  type Graph,
  type GraphNode,
  graphHash,
  resolveParams,
  withoutSchemas,
} from "../../graph/index.ts";
import { copyJson, describeIssues, NotJsonError } from "../codec/index.ts";
import { isTaskTerminal, type RetriedBatches, type TaskRecord } from "../model/records.ts";
import type { NodePlan } from "../plan/index.ts";
import type { NewTask } from "../ports/index.ts";
import { noSuchTask } from "../tasks/task-reader.ts";

export interface CreateTaskOptions {
  /** The result of the coordinator's `checkGraph`. */
  readonly graph: Graph;
  readonly params?: unknown;
  /** The flow's own schema of its parameters. @defaultValue the graph's JSON Schema */
  readonly paramsSchema?: $ZodType | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly priority?: number | undefined;
  /** The task's time limit, in seconds. */
  readonly deadlineSec?: number | undefined;
  readonly traceparent?: string | undefined;
  /** Earliest start; in milliseconds since 1970. */
  readonly notBefore?: number | undefined;
}

export type RetryTaskOptions = Pick<CreateTaskOptions, "idempotencyKey" | "priority" | "deadlineSec" | "traceparent">;

type TaskSettings = Partial<Pick<NewTask, "idempotencyKey" | "priority" | "deadlineMs" | "traceparent">>;

const maxPriority = 100;
const maxDeadlineSec = 31_536_000;
const traceparentForm = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/**
 * The task to store: its parameters are checked and filled into its graph.
 *
 * @throws FlowError `PARAMS_INVALID`, `PARAMS_TOO_LARGE`, `GRAPH_INVALID`, `ENGINE_OPTIONS`
 */
export function newTask(id: string, options: CreateTaskOptions, now: number): NewTask {
  const settings = { ...taskSettings(options), ...laterStart(options.notBefore, now) };
  const params = taskParams({ params: options.params, schema: options.paramsSchema, graph: options.graph });
  return { id, graph: resolveParams(options.graph, params), params, priority: 0, ...settings };
}

const maxStartMs = 315_576_000_000; // ten years, the same limit as for a node's delay

/** @throws FlowError `ENGINE_OPTIONS` */
function laterStart(notBefore: number | undefined, now: number): Pick<NewTask, "startInMs"> {
  if (notBefore === undefined) return {};
  const startInMs = typeof notBefore === "number" ? notBefore - now : Number.NaN;
  if (!(startInMs <= maxStartMs)) {
    throw new FlowError(
      "ENGINE_OPTIONS",
      "notBefore must be a time in milliseconds since 1970, at most ten years ahead",
    );
  }
  return startInMs > 0 ? { startInMs } : {};
}

/** A task that continues a failed one, with its settings unless they are overridden. */
export function retriedTask(
  id: string,
  failed: TaskRecord,
  {
    vars,
    settings,
    retriedBatches,
  }: {
    readonly vars: NewTask["vars"];
    readonly settings: TaskSettings;
    readonly retriedBatches?: RetriedBatches;
  },
): NewTask {
  const { graph, params, priority, traceparent, borrowsFrom = [], signals = {} } = failed;
  const received = Object.entries(signals).filter(([, { payload }]) => payload !== undefined);
  return {
    id,
    graph,
    params,
    priority,
    retryOf: failed.id,
    ...(retriedBatches === undefined ? {} : { retriedBatches }),
    borrowsFrom: [failed.id, ...borrowsFrom],
    ...(received.length === 0 ? {} : { signals: Object.fromEntries(received) }),
    ...(vars === undefined ? {} : { vars }),
    ...(traceparent === undefined ? {} : { traceparent }),
    ...settings,
  };
}

/** @throws FlowError `ENGINE_OPTIONS` */
export function taskSettings({ idempotencyKey, priority, deadlineSec, traceparent }: RetryTaskOptions): TaskSettings {
  if (idempotencyKey !== undefined && (typeof idempotencyKey !== "string" || idempotencyKey === "")) {
    throw new FlowError("ENGINE_OPTIONS", "idempotencyKey must be a non-empty string; omit it to run without one");
  }
  if (priority !== undefined && !(Number.isInteger(priority) && Math.abs(priority) <= maxPriority)) {
    throw new FlowError("ENGINE_OPTIONS", `priority must be an integer from -${maxPriority} to ${maxPriority}`);
  }
  if (deadlineSec !== undefined && !(deadlineSec > 0 && deadlineSec <= maxDeadlineSec)) {
    throw new FlowError("ENGINE_OPTIONS", `deadlineSec must be more than 0 and at most ${maxDeadlineSec}`);
  }
  if (traceparent !== undefined && !traceparentForm.test(traceparent)) {
    throw new FlowError(
      "ENGINE_OPTIONS",
      "traceparent must be a W3C trace context, such as 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
  }
  // Databases replace a lone surrogate, so two different keys could become equal.
  if (idempotencyKey?.isWellFormed() === false) {
    throw new FlowError("ENGINE_OPTIONS", "idempotencyKey must be well-formed Unicode: it has a lone surrogate");
  }
  return {
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(priority === undefined ? {} : { priority }),
    ...(deadlineSec === undefined ? {} : { deadlineMs: deadlineSec * 1_000 }),
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}

/** @throws FlowError `TASK_UNKNOWN`, `TASK_HAS_PARENT`, `TASK_OPEN`, `TASK_FINISHED` */
export function checkRetryable(taskId: string, task: TaskRecord | undefined): TaskRecord {
  const ended = checkEnded(taskId, task);
  if (ended.status !== "finished") return ended;
  throw new FlowError("TASK_FINISHED", `task ${taskId} finished: there is nothing to retry`, { details: { taskId } });
}

/** @throws FlowError `TASK_UNKNOWN`, `TASK_HAS_PARENT`, `TASK_OPEN` */
export function checkEnded(taskId: string, task: TaskRecord | undefined): TaskRecord {
  if (task === undefined) throw noSuchTask(taskId);
  checkOwn(task, "retry that one, which continues it");
  if (isTaskTerminal(task.status)) return task;
  throw new FlowError("TASK_OPEN", `task ${taskId} has not ended: only tasks that have ended can be retried`, {
    details: { taskId },
  });
}

/** @throws FlowError `TASK_HAS_PARENT` if a node of another task runs it */
function checkOwn({ id: taskId, parent: ref }: TaskRecord, advice: string): void {
  if (ref === undefined) return;
  const { taskId: parent, nodeId } = ref;
  const text = `task ${taskId} is run by node '${nodeId}' of task ${parent}: ${advice}`;
  throw new FlowError("TASK_HAS_PARENT", text, { details: { taskId, parent, nodeId } });
}

/**
 * @param external - the types of external workers, which cannot be paused; `undefined` to resume it
 * @throws FlowError `PAUSE_UNSUPPORTED`, `TASK_HAS_PARENT`
 */
export function checkPausable(task: TaskRecord, external: ReadonlySet<string> | undefined): void {
  const { id: taskId, graph } = task;
  checkOwn(task, "pause or resume that one, whose tasks follow it");
  const node = graph.nodes.find(({ type }) => external?.has(type));
  if (node === undefined) return;
  const { node_id: nodeId, type } = node;
  const text = `task ${taskId} cannot be paused: node '${nodeId}' is run by external workers of '${type}', which continue until they have ended`;
  throw new FlowError("PAUSE_UNSUPPORTED", text, { details: { taskId, nodeId } });
}

const maxSignalBytes = 65_536;

/**
 * The payload of a signal in its wire form, checked against the schema of the node that waits for it.
 *
 * @throws FlowError `SIGNAL_INVALID`, `SIGNAL_TOO_LARGE`
 */
export function signalPayload(taskId: string, { id: nodeId, wait }: NodePlan, payload: unknown): Json {
  const details = { taskId, nodeId };
  const refused = (why: string) =>
    new FlowError("SIGNAL_INVALID", `the signal for node '${nodeId}' of task ${taskId} ${why}`, { details });
  if (wait === undefined) throw refused("has no receiver: the node does not wait for one");
  let json: Json;
  try {
    json = copyJson(payload);
  } catch (error) {
    if (error instanceof NotJsonError) throw refused(`is not JSON: ${error.message}`);
    throw error;
  }
  const text = JSON.stringify(json);
  if (Buffer.byteLength(text) > maxSignalBytes) {
    const says = `the signal for node '${nodeId}' of task ${taskId} exceeds ${maxSignalBytes} bytes: store the data elsewhere, and send a reference`;
    throw new FlowError("SIGNAL_TOO_LARGE", says, { details });
  }
  const decoded = safeDecode(paramsValidator(wait.payload), json);
  if (!decoded.success) throw refused(`does not match its schema: ${describeIssues(decoded.error)}`);
  return JSON.parse(text) as Json; // as every store returns it
}

/** A task to create, with its graph before the parameters are filled in. */
export interface RequestedTask {
  readonly task: NewTask;
  readonly graph: Graph;
}

/**
 * An idempotency key returns an existing task only for the same input: the same graph and parameters with their
 * defaults, or a retry of the same task. Compares fields that all records have, so it works for records of older
 * versions.
 *
 * @throws FlowError `TASK_EXISTS` naming what differs; names of parameters, never their values
 */
export function checkSameInput({ task, graph }: RequestedTask, found: TaskRecord): void {
  const isRetry = task.retryOf !== undefined || found.retryOf !== undefined;
  const isSameRetry = task.retryOf === found.retryOf && isSameBatches(task.retriedBatches, found.retriedBatches);
  if (isRetry && isSameRetry) return;
  const params = isRetry ? [] : differingKeys(task.params, found.params);
  const isOtherGraph = !isRetry && !isSameGraph(graph, found);
  const faults = [
    ...(isRetry ? [{ part: "retryOf", text: "they do not retry the same task or batches" }] : []),
    ...(isOtherGraph ? [{ part: "graph", text: "graph differs" }] : []),
    ...(params.length === 0 ? [] : [{ part: "params", text: `params differ (${params.join(", ")})` }]),
  ];
  if (faults.length === 0) return;
  const ofFlow = found.graph.name === undefined ? "" : ` of '${found.graph.name}'`;
  const advice = isOtherGraph ? "a new version of a flow needs a new key" : "use a new key";
  throw new FlowError(
    "TASK_EXISTS",
    `idempotency key '${task.idempotencyKey}' belongs to task ${found.id}${ofFlow}, which has different input: ${faults.map(({ text }) => text).join(", ")}; ${advice}, or read the existing task by its id`,
    {
      details: {
        taskId: found.id,
        differs: faults.map(({ part }) => part),
        ...(params.length === 0 ? {} : { params }),
      },
    },
  );
}

/** The lengths of the logs may differ: an insert may have arrived late. */
function isSameBatches(requested: RetriedBatches | undefined, found: RetriedBatches | undefined): boolean {
  const named = (batches: RetriedBatches | undefined) => batches?.shards.map(({ kept }) => kept.without?.seqs);
  return requested?.nodeId === found?.nodeId && isDeepStrictEqual(named(requested), named(found));
}

/**
 * The record's graph has its parameters filled in, so the same parameters are filled in here. Schemas are ignored: they
 * change with the handlers, and the workers check whether these still fit.
 */
function isSameGraph(graph: Graph, found: TaskRecord): boolean {
  try {
    const hashOf = (each: Graph) => graphHash(withoutSchemas(each));
    return hashOf(resolveParams(graph, found.params)) === hashOf(found.graph);
  } catch (error) {
    if (FlowError.is(error, "PARAMS_INVALID") || FlowError.is(error, "PARAMS_TOO_LARGE")) return false;
    throw error;
  }
}

function differingKeys(requested: JsonObject, found: JsonObject): string[] {
  const keys = [...new Set([...Object.keys(requested), ...Object.keys(found)])].sort();
  return keys.filter((key) => !isDeepStrictEqual(jsonAt(requested, key), jsonAt(found, key)));
}

/** As a store returns it: JSON has no -0. */
const jsonAt = (params: JsonObject, key: string): unknown =>
  Object.hasOwn(params, key) ? JSON.parse(JSON.stringify(params[key])) : undefined;

/**
 * The parameters of a task in their wire form, checked and with defaults filled in, by the flow's zod schema or else by
 * the graph's JSON Schema.
 *
 * @throws FlowError `PARAMS_INVALID` with the path of each value that does not match
 * @throws FlowError `PARAMS_TOO_LARGE`
 * @throws FlowError `GRAPH_INVALID` if the graph's JSON Schema has features that cannot be checked
 */
export function taskParams(options: {
  readonly params: unknown;
  readonly schema: $ZodType | undefined;
  readonly graph: Graph;
}): JsonObject {
  const { graph, params = {} } = options;
  checkSize(params); // before the graph's schema validates them
  const schema = options.schema ?? fromGraph(graph);
  const wire = schema === undefined ? params : throughSchema(schema, { params, flowName: graph.name });
  if (wire !== params) checkSize(wire);
  try {
    const copy = copyJson(wire);
    if (typeof copy === "object" && copy !== null && !Array.isArray(copy)) return copy as JsonObject;
  } catch (error) {
    if (error instanceof NotJsonError) throw invalid(error.message);
    throw error;
  }
  throw invalid("must be an object");
}

function fromGraph(graph: Graph): $ZodType | undefined {
  if (graph.params_schema === undefined) return undefined;
  try {
    return paramsValidator(graph.params_schema);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new FlowError("GRAPH_INVALID", `params_schema cannot be checked: ${why}`, { cause: error });
  }
}

function checkSize(params: unknown): void {
  const excess = excessOf(params, defaultGraphLimits);
  if (excess === undefined) return;
  const key = excess === "maxBytes" ? "paramsTooLarge" : "paramsTooDeep";
  throw new FlowError("PARAMS_TOO_LARGE", formatMessage(key, { limit: defaultGraphLimits[excess] }));
}

function throughSchema(
  schema: $ZodType,
  { params, flowName }: { readonly params: unknown; readonly flowName: string | undefined },
): unknown {
  const decoded = safeDecode(schema, params);
  if (!decoded.success) throw refused(decoded.error, { params, flowName });
  // Encoded again, so that omitted parameters have their defaults.
  const encoded = safeEncode(schema, decoded.data);
  if (!encoded.success) throw invalid(describeIssues(encoded.error));
  return encoded.data;
}

/** Names the missing parameters first, in the compiler's words. */
function refused(
  error: $ZodError,
  { params, flowName }: { readonly params: unknown; readonly flowName: string | undefined },
): FlowError {
  const missing = error.issues.flatMap(({ path: [key, ...rest] }) =>
    typeof key === "string" && rest.length === 0 && isObject(params) && params[key] === undefined ? [key] : [],
  );
  if (missing.length === 0) return invalid(describeIssues(error));
  const flow = flowName === undefined ? "this flow" : `flow '${flowName}'`;
  const sentence = formatMessage("paramsMissing", { flow, keys: missing.join(", ") });
  const isAll = missing.length === error.issues.length;
  return new FlowError("PARAMS_INVALID", isAll ? sentence : `${sentence}; ${describeIssues(error)}`);
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

function invalid(what: string): FlowError {
  return new FlowError("PARAMS_INVALID", `invalid task parameters: ${what}`);
}

/**
 * Refuses fields of a graph that this engine would ignore: an unenforced limit is worse than none.
 *
 * @param more - further findings on the graph
 * @throws FlowError `GRAPH_INVALID` with all findings
 */
export function refuseUnenforced(graph: Graph, more: readonly Finding[] = []): void {
  const limits = graph.nodes.flatMap((node, index) =>
    unknownLimits(node).map((key) => unenforced(node.node_id, `/nodes/${index}/limits/${key}`, `limits.${key}`)),
  );
  const findings = [...limits, ...more];
  if (findings.length === 0) return;
  const text = findings.map((finding) => `${finding.path}: ${finding.message}`).join("\n");
  throw new FlowError("GRAPH_INVALID", text, { details: { findings } });
}

const unknownLimits = ({ limits = {} }: GraphNode): readonly string[] =>
  Object.keys(limits).filter((key) => !Object.hasOwn(limitFields, key));

function unenforced(nodeId: string, path: string, key: string) {
  return {
    code: "GRAPH_UNSUPPORTED",
    path,
    message: `node '${nodeId}': this engine does not enforce '${key}' yet: remove it`,
  };
}
