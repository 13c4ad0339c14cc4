import type { Graph } from "../../../graph/index.ts";
import { AttemptError } from "../../model/attempt-error.ts";
import { keptLength } from "../../model/records.ts";
import type { Answer } from "../../ports/index.ts";
import { isPending } from "../../resilience/store-retry.ts";
import type { InputPlan } from "../input/index.ts";
import { isPromiseLike } from "./attempt-handle.ts";
import type { AttemptLog } from "./attempt-log.ts";
import { AttemptReports, TryCounts } from "./attempt-reports.ts";
import { type AttemptRun, announce, type BeginNext, completeNode, overLog, type Pass } from "./attempt-run.ts";
import { type Started, type StoredBatch, validateOutput } from "./batch-runner.ts";
import { copyCarried } from "./carried-log.ts";
import { checkMayStartOver, concurrencyOf, consumeInput } from "./consume-input.ts";
import { Cleanups, RunContext } from "./contexts.ts";
import type { HandlerRuntime } from "./handler-code.ts";
import { LeftoverTries } from "./timed-try.ts";

/**
 * Runs a handler over all of its input, from where an earlier attempt stopped.
 *
 * @returns a function that starts the next node
 */
export function runHandler(run: AttemptRun, runtime: HandlerRuntime): Answer<BeginNext> {
  const attempt: HandlerAttempt = { run, runtime, cleanups: new Cleanups(run), reports: new AttemptReports(run) };
  let running: Answer<BeginNext>;
  try {
    running = start(attempt);
  } catch (error) {
    return failed(attempt, error);
  }
  if (!isPending(running)) return ended(attempt, running);
  return running.then(
    (beginNext) => ended(attempt, beginNext),
    (error: unknown) => failed(attempt, error),
  );
}

function ended({ cleanups, reports }: HandlerAttempt, beginNext: BeginNext): Answer<BeginNext> {
  reports.end();
  return cleanups.runAll()?.then(() => beginNext) ?? beginNext;
}

async function failed({ run, cleanups, reports }: HandlerAttempt, error: unknown): Promise<never> {
  run.held.abortLeftover(); // before the cleanups release what the leftover code uses
  reports.end();
  await cleanups.runAll();
  throw error;
}

interface HandlerAttempt {
  readonly run: AttemptRun;
  readonly runtime: HandlerRuntime;
  readonly cleanups: Cleanups;
  readonly reports: AttemptReports;
}

function start(attempt: HandlerAttempt): Answer<BeginNext> {
  const { run, runtime } = attempt;
  const { graph } = run.plan;
  if (!run.parts.plans.isCompiledFrom(graph, runtime.definition)) checkFits(run, runtime, graph);
  const input = runtime.inputOf(run.node, { plan: run.plan, customAdapters: run.parts.inputAdapters });
  const args = argsOf(run, runtime, input);
  return args instanceof Promise ? args.then((value) => setUp(attempt, input, value)) : setUp(attempt, input, args);
}

function setUp(
  { run, runtime, cleanups, reports }: HandlerAttempt,
  input: InputPlan,
  args: unknown,
): Answer<BeginNext> {
  const context = new RunContext(run, { args, cleanups, reports });
  const tries = new TryCounts(run, { reports, concurrency: concurrencyOf(run, runtime) });
  const leftover = run.node.batches.timeoutMs === undefined ? undefined : new LeftoverTries();
  const onFirst = (batch: StoredBatch) => announceFirst(run, batch);
  const started: Started = { run, runtime, context, reports, tries, leftover, input, onFirst };
  if (runtime.services === undefined) return overLog(run, (pass) => runPass(started, pass));
  run.at.method = "setup";
  return run.held.wait(runtime.services()).then((services) => {
    context.services = services;
    run.at.method = undefined;
    return overLog(run, (pass) => runPass(started, pass));
  });
}

function runPass(started: Started, pass: Pass): Answer<BeginNext> {
  const { run, runtime, reports } = started;
  run.at.method = undefined;
  reports.resumeFrom(pass.record);
  const isFresh = pass.log.length === 0 && pass.record.carried === undefined;
  const needsMore = pass.first && runtime.definition.loadInput !== undefined;
  if (!isFresh || needsMore) return prepare(started, pass).then(() => consume(started, pass));
  return consume(started, pass);
}

/** Prepares the attempt for its input: continues or restarts what an earlier attempt stored, and calls `loadInput`. */
async function prepare({ run, runtime, context, reports, input, onFirst }: Started, pass: Pass): Promise<void> {
  const { log, record } = pass;
  const { definition } = runtime;
  const { carried } = record;
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
    context.loaded = await run.held.run(Promise.resolve(loading));
    run.at.method = undefined;
  }
}

function consume(started: Started, pass: Pass): Answer<BeginNext> {
  const { log } = pass;
  started.tries.resumeFrom(log.generation);
  const consuming = log.closed ? undefined : consumeInput(started, pass);
  return consuming === undefined ? finish(started, pass) : consuming.then(() => finish(started, pass));
}

/** The handler's arguments, validated before any of its code runs. */
function argsOf(run: AttemptRun, runtime: HandlerRuntime, input: InputPlan): unknown {
  const { node } = run;
  const argsAreInput = input.kind === "single" && runtime.input !== undefined;
  if (runtime.args === undefined || argsAreInput) return node.args;
  const decode = runtime.args.decode.bind(runtime.args);
  // Arguments from external coordinators come with a command, and these have a code for bad ones.
  if (run.parts.store.retriesAttempts === true)
    return validateOutput(decode, node.args, "bad_input", "arguments do not match their schema");
  const says = `the arguments of the node do not match the schema of this worker's handler '${node.type}'`;
  return validateOutput(decode, node.args, "handler_mismatch", says);
}

/** Called before any of its code sees data that it was not written for. */
function checkFits({ parts, node }: AttemptRun, runtime: HandlerRuntime, graph: Graph): void {
  const why = runtime.misfit(graph, node.id, parts);
  if (why === undefined) return;
  const text = `${why}; worker ${parts.workerId} has another version of handler '${node.type}' than the task was created with`;
  throw new AttemptError("handler_mismatch", text);
}

function announceFirst(run: AttemptRun, batch: StoredBatch): Promise<void> | undefined {
  if (!run.plan.streaming.has(run.node.id)) return undefined;
  const { uid: batchUid, metrics, failure } = batch;
  if (failure === undefined) return announce(run, { kind: "BATCH_OK", batchUid, metrics });
  const { reasonCode, message: error } = failure;
  return announce(run, { kind: "BATCH_FAILED", batchUid, reasonCode, permanent: true, error });
}

async function announceResumed(run: AttemptRun): Promise<void> {
  const { lease } = run.claimed;
  if (lease === undefined || !run.plan.streaming.has(run.node.id)) return;
  await announce(run, { kind: "TASK_RESUMED", leaseId: lease.claimId, leaseDeadline: lease.deadline });
}

function finish(started: Started, pass: Pass): Answer<BeginNext> {
  const { run, runtime, reports } = started;
  const { log } = pass;
  run.held.check();
  run.at.batchUid = log.last?.uid;
  checkShare(run, log);
  if (runtime.definition.finalize !== undefined) return finalize(started, pass);
  return reports.hasNews ? reports.flush().then(() => completeNode(run, log, {})) : completeNode(run, log, {});
}

async function finalize({ run, runtime, context, reports }: Started, pass: Pass): Promise<BeginNext> {
  const { definition } = runtime;
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

/** Checked only at the end: earlier, the share would depend on the order in which batches end. */
function checkShare({ node }: AttemptRun, { newlyAside, length }: AttemptLog): void {
  const { maxAsideShare } = node.batches;
  if (newlyAside <= maxAsideShare * length) return;
  throw new AttemptError(
    "too_many_failed_batches",
    `${newlyAside} of ${length} batches were set aside, more than a share of ${maxAsideShare}`,
  );
}
