import * as z from "zod";
import { builtInCoordinatorFns } from "../../../../src/definitions/built-in-functions.ts";
import {
  type CoordinatorFunctionContext,
  type CoordinatorFunctionDefinition,
  type Logger,
  type Metrics,
  type StoredArtifact,
  silentLogger,
  type VarsAccess,
} from "../../../../src/definitions/index.ts";
import type { Json, JsonObject } from "../../../../src/errors/index.ts";

/** Variables of a busy store: other writers interfere, so that each change is retried. */
export class ContendedVars implements VarsAccess {
  current: JsonObject;
  /** The results of all calls of a change for the same variables. */
  readonly results: JsonObject[] = [];
  readonly #interlopers: ((vars: JsonObject) => JsonObject)[];
  readonly #applied: boolean;

  constructor(
    vars: JsonObject,
    options: { readonly interlopers?: ((vars: JsonObject) => JsonObject)[]; readonly applied?: boolean } = {},
  ) {
    this.current = deepFreeze(structuredClone(vars));
    this.#interlopers = options.interlopers ?? [];
    this.#applied = options.applied ?? false;
  }

  async get(): Promise<JsonObject> {
    return this.current;
  }

  async update(change: (current: JsonObject) => JsonObject): Promise<void> {
    if (this.#applied) return;
    for (const interloper of this.#interlopers) {
      change(this.current);
      this.current = deepFreeze(interloper(this.current));
    }
    this.results.push(change(this.current), change(this.current));
    this.current = change(this.current);
  }
}

export interface LoggedLine {
  readonly fields: object;
  readonly message: string | undefined;
}

export function recordingLogger(lines: LoggedLine[]): Logger {
  const write = (fields: object, message?: string) => void lines.push({ fields, message });
  return { ...silentLogger, debug: write, info: write, warn: write, error: write };
}

export interface CallOptions {
  readonly nodeId?: string;
  readonly vars?: VarsAccess;
  readonly artifacts?: Readonly<Record<string, readonly StoredArtifact[]>>;
  readonly finalize?: Metrics;
  readonly logger?: Logger;
  readonly signal?: AbortSignal;
  readonly fns?: readonly CoordinatorFunctionDefinition[];
}

/** Runs a function as the engine does: decodes its arguments and encodes its output by their schemas. */
export async function call(name: string, args: unknown, options: CallOptions = {}): Promise<unknown> {
  const fn = (options.fns ?? builtInCoordinatorFns).find((candidate) => candidate.name === name);
  if (fn === undefined) throw new Error(`no function ${name}`);
  const ctx: CoordinatorFunctionContext = {
    taskId: "t1",
    nodeId: options.nodeId ?? "fn",
    args: deepFreeze(z.decode(fn.args, args)),
    vars: options.vars ?? new ContendedVars({}),
    async *artifacts(nodeId) {
      yield* options.artifacts?.[nodeId] ?? [];
    },
    finalizeMetrics: async () => options.finalize ?? {},
    signal: options.signal ?? new AbortController().signal,
    logger: options.logger ?? silentLogger,
  };
  return z.encode(fn.output, await fn.run(ctx));
}

/** Runs a function of variables and returns the variables afterwards. */
export async function changed(name: string, args: unknown, vars: JsonObject = {}): Promise<JsonObject> {
  const access = new ContendedVars(vars);
  await call(name, args, { vars: access });
  return access.current;
}

export function artifact(nodeId: string, seq: number, meta: Json, metrics: Metrics = {}): StoredArtifact {
  return deepFreeze({ nodeId, seq, uid: `${seq}`, meta, metrics });
}

/** Iterative instead of recursive: values may nest deeper than the call stack. */
export function deepFreeze<TValue>(value: TValue): TValue {
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (typeof next !== "object" || next === null || Object.isFrozen(next)) continue;
    Object.freeze(next);
    for (const inner of Object.values(next)) left.push(inner);
  }
  return value;
}
