import type { Graph } from "../../../graph/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import { keptLength } from "../../model/records.ts";
import { type InputPlan, routeInput } from "../input/index.ts";
import { isPromiseLike } from "./attempt-handle.ts";
import type { AttemptLog } from "./attempt-log.ts";
import { AttemptReports, TryCounts } from "./attempt-reports.ts";
import { type AttemptRun, announce, type Continued, completeNode, overLog, type Pass } from "./attempt-run.ts";
import { type StoredBatch, validateOutput } from "./batch-runner.ts";
import { copyCarried } from "./carried-log.ts";
import { checkMayStartOver, concurrencyOf, consumeInput } from "./consume-input.ts";
import { Cleanups, RunContext } from "./contexts.ts";
import type { HandlerRuntime } from "./handler-code.ts";
import { LeftoverTries } from "./timed-try.ts";

/**
 * Runs a handler over all of its input, from where an earlier attempt stopped.
 *
 * @returns what begins the next node
 */
export async function runHandler(run: AttemptRun, runtime: HandlerRuntime): Promise<() => Continued | undefined> {
  const cleanups = new Cleanups(run);
  const reports = new AttemptReports(run);
  try {
    return await start({ run, runtime, cleanups, reports });
  } catch (error) {
    run.held.abortLeftover(); // before the cleanups release what it uses
    throw error;
  } finally {
    reports.end();
    await cleanups.runAll();
  }
}

async function start(attempt: {
  readonly run: AttemptRun;
  readonly runtime: HandlerRuntime;
  readonly cleanups: Cleanups;
  readonly reports: AttemptReports;
}): Promise<() => Continued | undefined> {
  const { run, runtime, cleanups, reports } = attempt;
  const { node, plan, parts, held } = run;
  const { definition } = runtime;
  if (plan.graph.schemas !== undefined) checkFits(run, runtime, plan.graph);
  const input = routeInput({ node, plan, handler: definition, customAdapters: parts.inputAdapters });
  const context = new RunContext(run, { args: await argsOf(run, runtime, input), cleanups, reports });
  const tries = new TryCounts(run, { reports, concurrency: concurrencyOf(run, runtime) });
  const leftover = node.batches.timeoutMs === undefined ? undefined : new LeftoverTries();
  if (runtime.services !== undefined) {
    run.at.method = "setup";
    context.services = await held.wait(runtime.services());
    run.at.method = undefined;
  }
  return overLog(run, async (pass) => {
    const { log, record } = pass;
    run.at.method = undefined;
    const { carried } = record;
    reports.resumeFrom(record);
    const onFirst = (batch: StoredBatch) => announceFirst(run, batch);
    const isWhole =
      carried === undefined ||
      log.length >= keptLength(carried) ||
      (definition.resumable && (await copyCarried(run, { log, carried, onFirst })));
    if (log.length > 0 || !isWhole) {
      // Checked in every pass: the log may have been empty in the first and received an insert that an earlier attempt
      // had in flight. A handler that cannot resume must not continue after that either.
      if (!definition.resumable || !isWhole) {
        if (pass.first && !definition.resumable && log.length > 0) await checkMayStartOver(run, input);
        await log.restart(log.sourceGens);
        reports.resumeFrom({ generation: log.generation });
      }
      // An earlier attempt may have died before it announced its first batch.
      else if (pass.first) await announceResumed(run);
    }
    // After the restart: the checkpoint that it reads must belong to the output that it will produce.
    if (pass.first && definition.loadInput !== undefined) {
      run.at.method = "loadInput";
      const loading = run.code.run(() => definition.loadInput?.(context.args, context));
      context.loaded = await held.run(Promise.resolve(loading));
      run.at.method = undefined;
    }
    tries.resumeFrom(log.generation);
    if (!log.closed)
      await consumeInput({
        run,
        runtime,
        context,
        pass,
        reports,
        tries,
        leftover,
        input,
        onFirst,
      });
    return finish({ run, runtime, context, pass, reports });
  });
}

/** The handler's arguments, validated before any of its code runs. */
async function argsOf(run: AttemptRun, runtime: HandlerRuntime, input: InputPlan): Promise<unknown> {
  const { node } = run;
  const argsAreInput = input.kind === "single" && runtime.input !== undefined;
  if (runtime.args === undefined || argsAreInput) return node.args;
  return validateOutput(
    runtime.args.decode.bind(runtime.args),
    node.args,
    "handler_mismatch",
    `the arguments of the node do not match the schema of this worker's handler '${node.type}'`,
  );
}

/** Before its code sees data that it was not written for. The answer is kept with the handler: it costs nothing twice. */
function checkFits({ parts }: AttemptRun, runtime: HandlerRuntime, graph: Graph): void {
  const why = runtime.misfit(graph);
  if (why === undefined) return;
  throw new AttemptError("handler_mismatch", `${why}; worker ${parts.workerId} has another version of it`);
}

async function announceFirst(run: AttemptRun, batch: StoredBatch): Promise<void> {
  if (!run.plan.streaming.has(run.node.id)) return;
  const { uid: batchUid, metrics, failure } = batch;
  if (failure === undefined) return announce(run, { kind: "BATCH_OK", batchUid, metrics });
  const { reasonCode, message: error } = failure;
  await announce(run, { kind: "BATCH_FAILED", batchUid, reasonCode, permanent: true, error });
}

async function announceResumed(run: AttemptRun): Promise<void> {
  const { lease } = run.claimed;
  if (lease === undefined || !run.plan.streaming.has(run.node.id)) return;
  await announce(run, { kind: "TASK_RESUMED", leaseId: lease.claimId, leaseDeadline: lease.deadline });
}

async function finish(options: {
  readonly run: AttemptRun;
  readonly runtime: HandlerRuntime;
  readonly context: RunContext;
  readonly pass: Pass;
  readonly reports: AttemptReports;
}): Promise<() => Continued | undefined> {
  const { run, runtime, context, pass, reports } = options;
  const { definition } = runtime;
  run.held.check();
  run.at.batchUid = pass.log.last?.uid;
  checkShare(run, pass.log);
  if (definition.finalize === undefined) {
    if (reports.hasNews) await reports.flush();
    return completeNode(run, pass.log, {});
  }
  const { pageSize } = run.parts.limits;
  const finalizeContext = context.forFinalize({
    count: pass.log.length - pass.log.aside,
    failedBatches: pass.log.aside,
    totals: () => pass.log.totals(pageSize),
    outputs: async function* () {
      for await (const { meta } of pass.log.artifacts(pageSize)) yield await runtime.output.decode(meta);
    },
  });
  run.at.method = "finalize";
  const returned = run.code.run(() => definition.finalize?.(finalizeContext));
  const value = isPromiseLike(returned) ? await run.held.run(returned) : returned;
  run.at.method = undefined;
  run.held.check();
  if (reports.hasNews) await reports.flush();
  const metrics = finalizeContext.metrics.values;
  if (runtime.result === undefined) return completeNode(run, pass.log, { metrics });
  const encode = runtime.result.encode.bind(runtime.result);
  const result = await validateOutput(
    encode,
    value,
    "schema_mismatch",
    "the result of finalize does not match its schema",
  );
  return completeNode(run, pass.log, { result, metrics });
}

/** Judged at the end only: before it, the share would depend on the order in which batches get done. */
function checkShare({ node }: AttemptRun, { newlyAside, length }: AttemptLog): void {
  const { maxAsideShare } = node.batches;
  if (newlyAside <= maxAsideShare * length) return;
  throw new AttemptError(
    "too_many_failed_batches",
    `${newlyAside} of ${length} batches were set aside, more than a share of ${maxAsideShare}`,
  );
}
