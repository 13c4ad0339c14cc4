import { safeParse } from "zod/v4/core";
import type {
  CoordinatorFunctionContext,
  CoordinatorFunctionDefinition,
  Metrics,
  StoredArtifact,
  VarsAccess,
} from "../../../definitions/index.ts";
import type { Json, JsonObject } from "../../../errors/index.ts";
import { deepFreeze } from "../../../graph/format/plain-data.ts";
import { addMetrics, copyJson, describeIssues, type MetricSums, NotJsonError, WireCodec } from "../../codec/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import type { ShardRecord } from "../../model/records.ts";
import { firstNotUpstream, type WaitPlan } from "../../plan/index.ts";
import { readLog, readSources } from "../input/index.ts";
import { AttemptEnded } from "./attempt-handle.ts";
import { type AttemptRun, type BeginNext, completeNode, overLog, shardsOf } from "./attempt-run.ts";
import { validateOutput } from "./batch-runner.ts";
import { withInputWait } from "./input-wait.ts";

/** uid of the only artifact of a coordinator function. */
const resultUid = "result";

/**
 * Runs a coordinator function: its output is the node's only artifact and its result.
 *
 * @returns a function that starts the next node
 */
export async function runFunction(run: AttemptRun, definition: CoordinatorFunctionDefinition): Promise<BeginNext> {
  const { held, parts } = run;
  const args = argsOf(run, definition);
  return overLog(run, async ({ log }) => {
    if (log.length > 0) {
      // An earlier attempt stored the output but died before the node was finished: use what is stored.
      const [stored] = await run.retry.run(() => parts.store.readArtifacts(held.attempt, log.generation, 0, 1));
      if (stored === undefined) throw new AttemptEnded("reload");
      return completeNode(run, log, { result: stored.meta });
    }
    const { wait } = run.node;
    const call = () => (wait === undefined ? definition.run(contextOf(run, args)) : signalFor(run, wait));
    const output = await held.run(Promise.resolve(run.code.run(call)));
    held.check();
    const codec = new WireCodec(definition.output);
    const says = `the output of '${definition.name}' does not match its schema`;
    const meta = await validateOutput(codec.encode.bind(codec), output, "schema_mismatch", says);
    const origin = { source: "*", seq: 0, chunk: 0 };
    await log.appendLast({ uid: resultUid, origin }, { meta, metrics: {} });
    return completeNode(run, log, { result: meta });
  });
}

/**
 * The payload of the node's signal. Its shard is queued once the signal is there or the time to wait has passed; which of
 * them came first is decided by the task's record.
 */
async function signalFor(run: AttemptRun, { timeoutMs, onTimeout }: WaitPlan): Promise<Json> {
  const { taskId, nodeId, claimId } = run.held.attempt;
  const outcome = await run.retry.run(async () => run.parts.store.signalTask?.(taskId, { nodeId, id: claimId }));
  // The task is ending, but the cancel has not arrived here yet.
  if (outcome?.signal === undefined) throw new AttemptEnded("starving");
  const { payload = onTimeout } = outcome.signal;
  if (payload !== undefined) return copyJson(payload);
  throw new AttemptError("timeout", `no signal came within ${(timeoutMs ?? 0) / 1_000} s`);
}

function argsOf(run: AttemptRun, definition: CoordinatorFunctionDefinition): unknown {
  const parsed = safeParse(definition.args, run.node.fn?.args ?? {});
  if (parsed.success) return parsed.data;
  const issues = describeIssues(parsed.error);
  throw new AttemptError("bad_fn_args", `arguments of '${definition.name}': ${issues}`);
}

function contextOf(run: AttemptRun, args: unknown): CoordinatorFunctionContext {
  const { held, parts } = run;
  const { taskId, nodeId } = held.attempt;
  return {
    taskId,
    nodeId,
    args,
    vars: varsOf(run),
    signal: held.signal,
    logger: parts.logger.child({ taskId, nodeId, epoch: held.attempt.epoch }),
    artifacts: (source) => artifactsOf(run, source),
    finalizeMetrics: async (source) => sumMetrics(await finishedShards(run, source)),
  };
}

async function* artifactsOf(run: AttemptRun, nodeId: string): AsyncGenerator<StoredArtifact> {
  const { store, limits } = run.parts;
  for (const record of await finishedShards(run, nodeId)) {
    for await (const { seq, uid, meta, metrics } of readLog(store, record, limits.pageSize)) {
      run.held.check();
      yield deepFreeze({ nodeId, seq, uid, meta, metrics });
    }
  }
}

/** The records of a node once it has finished, which it usually has: a function starts after its parents. */
async function finishedShards(run: AttemptRun, nodeId: string): Promise<readonly ShardRecord[]> {
  const { store } = run.parts;
  const { plan, held } = run;
  const { taskId } = held.attempt;
  if (!plan.byId.has(nodeId)) {
    throw new AttemptError("bad_fn_args", `it reads from '${nodeId}', which is not a node of this graph`);
  }
  if (firstNotUpstream(plan, run.node, [nodeId]) !== undefined) {
    throw new AttemptError("bad_fn_args", `it reads from '${nodeId}', which is not upstream of it`);
  }
  return withInputWait(run, shardsOf(plan, [nodeId]), async (wait) => {
    for (;;) {
      wait.beforeRead();
      const state = await run.retry.run(() => readSources({ store, plan, taskId, nodeIds: [nodeId] }));
      if (state.complete) return state.records;
      await wait.untilChanged(state.sourceRunning);
    }
  });
}

function sumMetrics(records: readonly ShardRecord[]): Metrics {
  const sums: MetricSums = {};
  for (const { metrics = {} } of records) addMetrics(sums, metrics);
  return sums;
}

/**
 * Variables change by compare-and-set. The same update marks the node as applied, so an attempt that runs again after a
 * crash between this write and the node's finish does not apply it twice.
 */
function varsOf(run: AttemptRun): VarsAccess {
  const { store } = run.parts;
  const { taskId, nodeId } = run.held.attempt;
  const read = async () => {
    const record = await run.retry.run(() => store.readVars(taskId));
    if (record === undefined) throw new AttemptEnded("fenced"); // the task was deleted
    return record;
  };
  let updated = false;
  return {
    get: async () => deepFreeze((await read()).vars),
    async update(change) {
      // There is one mark per node: a second change would count as already stored and be lost silently.
      if (updated) throw new TypeError("a function can update variables only once: combine the updates");
      updated = true;
      for (;;) {
        run.held.check();
        const { vars, version, appliedBy } = await read();
        if (appliedBy.includes(nodeId)) return;
        // A copy for each call: an edit in place may affect only the result, not the next call.
        const changed = changedVars(change(copyJson(vars) as JsonObject));
        const write = { version, vars: changed, appliedBy: nodeId };
        const answer = await run.retry.run(() => store.writeVars(taskId, write));
        if (answer === "ok" || answer === "applied") return;
        // The task is ending, but the cancel has not arrived here yet: release the claim, it will be cancelled.
        if (answer === "closed") throw new AttemptEnded("starving");
      }
    },
  };
}

/** A copy of the returned variables: the function may keep a reference and change it later. */
function changedVars(returned: unknown): JsonObject {
  if (typeof returned !== "object" || returned === null || Array.isArray(returned)) {
    throw new AttemptError(
      "schema_mismatch",
      "the function passed to vars.update must return the variables, an object",
    );
  }
  try {
    return copyJson(returned) as JsonObject;
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
    throw new AttemptError(
      "schema_mismatch",
      `the result of the function passed to vars.update is not JSON: ${error.message}`,
    );
  }
}
