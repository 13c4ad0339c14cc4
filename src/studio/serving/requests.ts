import type { Context } from "hono";
import * as z from "zod";
import { FlowError, type FlowErrorCode, type JsonObject, thrownMessage } from "../../errors/index.ts";
import type { ArtifactPlace } from "../views/artifacts.ts";
import type { TaskFilter } from "../views/task-list.ts";

/* The schemas of requests. Everything is bounded and free of control characters, which some databases refuse. */

const text = (most: number) =>
  z
    .string()
    .min(1)
    .max(most)
    .refine((given) => !/\p{Cc}/u.test(given) && given.isWellFormed(), {
      error: "must not contain control characters or half characters",
    });
const id = text(300);
const count = (most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, { error: "must be a number" })
    .transform(Number)
    .refine((given) => given <= most, { error: `must be at most ${most}` });
const time = count(8_640_000_000_000_000);
const states = z.enum(["running", "cancelling", "finished", "failed", "cancelled", "paused"]);

const limit = z
  .string()
  .regex(/^\d{1,3}$/, { error: "must be 1 to 200" })
  .transform(Number)
  .refine((given) => given >= 1 && given <= 200, { error: "must be 1 to 200" })
  .default(50);
/** Stores use numbers or times as cursors of tasks. */
const taskCursor = z.string().regex(/^(?:\d{1,16}|[\w:.-]{17,100})$/, { error: "is not a cursor of this list" });
const placeCursor = z.string().regex(/^\d{1,5}\.\d{1,15}$/, { error: "is not a cursor of this list" });
/** The number of the last line; -1 before the first. */
const lineCursor = z.string().regex(/^(?:-1|\d{1,15})$/, { error: "is not a cursor of this list" });
/** The number of failed batches to skip: their list is always read from its beginning. */
const skipCursor = z.string().regex(/^\d{1,5}$/, { error: "is not a cursor of this list" });

const filterShape = {
  flow: id.optional(),
  state: z.array(states).max(6).default([]),
  text: text(200).optional(),
  since: time.optional(),
  until: time.optional(),
  children: id.optional(),
};
const filter = z.strictObject(filterShape);

/** The schemas of the queries. */
export const queries = {
  none: z.strictObject({}),
  filter,
  tasks: z.strictObject({ ...filterShape, cursor: taskCursor.optional(), limit }),
  waiting: z.strictObject({ task: z.array(id).min(1).max(100) }),
  events: z.strictObject({ cursor: text(400).optional(), limit }),
  artifacts: z.strictObject({ cursor: placeCursor.optional(), limit }),
  failedBatches: z.strictObject({ cursor: skipCursor.optional(), limit }),
  logs: z.strictObject({ cursor: lineCursor.optional(), limit }),
  lineage: z.strictObject({ shard: count(9_999), seq: count(9_007_199_254_740_991) }),
} as const;

const jsonObject = z.record(z.string(), z.json());
/** The schemas of the bodies. */
export const bodies = {
  session: z.strictObject({ token: z.string().min(1).max(1_000) }),
  nothing: z.strictObject({}),
  start: z.strictObject({
    flow: id,
    params: jsonObject.optional(),
    idempotencyKey: text(500).optional(),
    priority: z.int().min(-100).max(100).optional(),
    notBefore: z.int().min(0).max(8_640_000_000_000_000).optional(),
  }),
  cancel: z.strictObject({ reason: text(1_000).optional() }),
  retryBatches: z.strictObject({ uids: z.array(text(300)).min(1).max(1_000).optional() }),
  signal: z.strictObject({ payload: z.json() }),
} as const;

/**
 * The query of a request.
 *
 * @throws FlowError `STUDIO_REQUEST_INVALID`
 */
export function queryOf<TSchema extends z.ZodType>(context: Context, schema: TSchema): z.output<TSchema> {
  const given: Record<string, string | readonly string[]> = {};
  for (const [key, values] of Object.entries(context.req.queries())) {
    const [first = ""] = values;
    const isList = key === "state" || key === "task";
    if (!isList && values.length > 1) throw invalid(`${key} is given ${values.length} times`);
    Object.defineProperty(given, key, { value: isList ? values : first, enumerable: true });
  }
  return parsed(schema, given);
}

const longestBody = 1_048_576;

/** @throws FlowError `STUDIO_REQUEST_TOO_LARGE` as soon as that is known */
async function textOf({ req }: Context): Promise<string> {
  assertShort(Number(req.header("content-length") ?? 0));
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of req.raw.body ?? []) {
    length += part.length;
    assertShort(length);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function assertShort(bytes: number): void {
  if (bytes <= longestBody) return;
  throw new FlowError("STUDIO_REQUEST_TOO_LARGE", `the body of a request has at most ${longestBody} bytes`);
}

/**
 * The body of a request as JSON.
 *
 * @throws FlowError `STUDIO_REQUEST_INVALID`, `STUDIO_REQUEST_TOO_LARGE`
 */
export async function bodyOf<TSchema extends z.ZodType>(context: Context, schema: TSchema): Promise<z.output<TSchema>> {
  let body: unknown;
  try {
    body = JSON.parse(await textOf(context));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid(`the body is not JSON: ${thrownMessage(error)}`);
  }
  return parsed(schema, body);
}

/**
 * An id in the path of a request.
 *
 * @throws FlowError `STUDIO_REQUEST_INVALID`
 */
export const idOf = (context: Context, name: "task" | "node" | "flow"): string =>
  parsed(z.strictObject({ [name]: id }), { [name]: context.req.param(name) })[name] as string;

function parsed<TSchema extends z.ZodType>(schema: TSchema, given: unknown): z.output<TSchema> {
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const texts = result.error.issues.slice(0, 5).map(({ path, message }) => {
    const place = path.map(String).join(".");
    return place === "" ? message : `${place}: ${message}`;
  });
  throw invalid(texts.join("; ").slice(0, 1_000).toWellFormed());
}

const invalid = (message: string): FlowError => new FlowError("STUDIO_REQUEST_INVALID", `invalid request: ${message}`);

export function filterOf({ state, children, ...rest }: z.output<typeof filter>): TaskFilter {
  const of = children === undefined ? false : children === "all" ? true : { of: children };
  return { ...rest, states: state, children: of };
}

export function artifactPlace(cursor: string | undefined): ArtifactPlace {
  const [shard = 0, seq = 0] = (cursor ?? "0.0").split(".").map(Number);
  return { shard, seq };
}

/** The HTTP status of each error code; 500 for all others. */
const statuses: Readonly<Partial<Record<FlowErrorCode, number>>> = {
  STUDIO_REQUEST_INVALID: 400,
  STUDIO_UNAUTHORIZED: 401,
  STUDIO_FORBIDDEN: 403,
  STUDIO_READ_ONLY: 403,
  STUDIO_NOT_FOUND: 404,
  STUDIO_REQUEST_TOO_LARGE: 413,
  STUDIO_BUSY: 503,
  TASK_UNKNOWN: 404,
  NODE_UNKNOWN: 404,
  BATCH_UNKNOWN: 404,
  ARTIFACTS_DROPPED: 410,
  TASK_EXISTS: 409,
  TASK_OPEN: 409,
  TASK_FINISHED: 409,
  TASK_HAS_PARENT: 409,
  PAUSE_UNSUPPORTED: 409,
  GRAPH_INVALID: 422,
  PARAMS_INVALID: 422,
  PARAMS_TOO_LARGE: 413,
  SIGNAL_INVALID: 422,
  SIGNAL_TOO_LARGE: 413,
  ENGINE_OPTIONS: 400,
  STORE_UNAVAILABLE: 503,
  BUS_UNAVAILABLE: 503,
  ENGINE_STOPPED: 503,
  ENGINE_NOT_STARTED: 503,
};

/** The response to an error: never its stack, and no details of an unexpected one. */
export function answerTo(error: unknown): {
  readonly status: number;
  readonly body: JsonObject & { readonly code: string; readonly message: string };
  readonly isExpected: boolean;
} {
  const status = FlowError.is(error) ? Number(error.details.status) || statuses[error.code] : undefined;
  if (!FlowError.is(error) || status === undefined) {
    const message = "the studio failed to answer: see its log";
    return { status: 500, body: { code: "STUDIO_FAILED", message }, isExpected: false };
  }
  return { status, body: { code: error.code, message: error.message }, isExpected: true };
}
