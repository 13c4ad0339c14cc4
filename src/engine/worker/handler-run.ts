import type { Json } from "../../errors/index.ts";
import {
  chosenSources,
  consumerUid,
  gather,
  type InputPlan,
  readSources,
  routeInput,
  type Source,
  StreamInput,
  shardOf,
} from "../input/index.ts";
import { type Artifact, sourceKey } from "../model.ts";
import { AttemptEnded } from "./attempt-end.ts";
import { type AttemptRun, announce, overLog, type Pass, shardsOf, withInputWait } from "./attempt-run.ts";
import { BatchRunner, type IncomingBatch } from "./batch-runner.ts";
import { conform } from "./conform.ts";
import { type Cleanup, RunContext } from "./contexts.ts";
import type { HandlerRuntime } from "./handler-runtime.ts";
import { isPromiseLike } from "./held-attempt.ts";
import { sourceBatches } from "./source-batches.ts";

/** uid of a gather's one batch, and of the one batch of a root that takes its arguments as input. */
const gatherUid = "all";
const singleUid = "0";

/** Runs a handler over all of its input, from wherever an earlier attempt left off. */
export async function runHandler(run: AttemptRun, runtime: HandlerRuntime): Promise<void> {
  const cleanups: Cleanup[] = [];
  try {
    await start(run, runtime, cleanups);
  } finally {
    if (cleanups.length > 0) await cleanUp(run, cleanups);
  }
}

async function start(run: AttemptRun, runtime: HandlerRuntime, cleanups: Cleanup[]): Promise<void> {
  const { node, plan, parts, held } = run;
  const { definition } = runtime;
  const input = routeInput({ node, plan, handler: definition, customAdapters: parts.inputAdapters });
  const context = new RunContext(run, await argsOf(run, runtime, input), cleanups);
  if (runtime.needsInit) await held.run(runtime.init());
  if (definition.loadInput !== undefined) {
    context.loaded = await held.run(Promise.resolve(definition.loadInput(context.args, context)));
  }
  await overLog(run, async (pass) => {
    const { log } = pass;
    if (log.length > 0) {
      // At each look: the log may have been empty at the first, and got an insert that an earlier attempt still had on
      // its way. What can't resume must not go on behind that either.
      if (!definition.resumable) await log.restart(log.sourceGens);
      // An earlier attempt may have ended before it told anybody of its first batch.
      else if (pass.first) await announceFirst(run);
    }
    const batches = new BatchRunner({ run, runtime, context, log, onFirst: () => announceFirst(run) });
    if (!log.closed) await consume({ run, runtime, context, pass, input, batches });
    await finish({ run, runtime, context, pass });
  });
}

/** The handler's arguments, judged before any of its code runs. */
async function argsOf(run: AttemptRun, runtime: HandlerRuntime, input: InputPlan): Promise<unknown> {
  const { node } = run;
  const argsAreInput = input.kind === "single" && runtime.input !== undefined;
  if (runtime.args === undefined || argsAreInput) return node.args;
  return conform(runtime.args.decode.bind(runtime.args), node.args, "bad_input", () => `node '${node.id}': arguments`);
}

async function announceFirst(run: AttemptRun): Promise<void> {
  if (run.plan.streaming.has(run.node.id)) await announce(run, "first_artifact");
}

interface Consuming {
  readonly run: AttemptRun;
  readonly runtime: HandlerRuntime;
  readonly context: RunContext;
  readonly pass: Pass;
  readonly batches: BatchRunner;
}

async function consume(options: Consuming & { readonly input: InputPlan }): Promise<void> {
  const { input, ...consuming } = options;
  switch (input.kind) {
    case "source":
      return consumeSource(consuming);
    case "single":
      return consumeSingle(consuming);
    case "stream":
      return consumeStream(consuming, input);
    case "gather":
      return consumeGather(consuming, input);
  }
}

async function consumeSource({ run, runtime, context, pass, batches }: Consuming): Promise<void> {
  const yielded = runtime.definition.iterBatches?.(context.args, context) ?? [];
  const { partitions } = run.node;
  const fresh = sourceBatches({
    batches: yielded,
    held: run.held,
    log: pass.log,
    partitions,
    pageSize: run.parts.limits.pageSize,
  });
  for await (const { uid, index, payload } of fresh) {
    await batches.process({ uid, origin: { source: "", seq: index, chunk: 0 }, payload, stored: false });
  }
}

async function consumeSingle({ run, pass, batches }: Consuming): Promise<void> {
  if (pass.log.length > 0 || shardOf(singleUid, run.node.partitions) !== run.held.attempt.shard) return;
  const origin = { source: "", seq: 0, chunk: 0 };
  await batches.process({ uid: singleUid, origin, payload: run.node.args, stored: true, misfit: "bad_input" });
}

async function consumeStream(consuming: Consuming, input: InputPlan & { readonly kind: "stream" }): Promise<void> {
  const { run, pass, batches } = consuming;
  const { store, limits } = run.parts;
  const { taskId } = run.held.attempt;
  const sources = shardsOf(run.plan, input.fromNodes);
  const onlySource = input.fromNodes.length === 1;
  const stream = new StreamInput({
    store,
    taskId,
    sources,
    sourceGens: pass.log.sourceGens,
    origins: pass.log.origins,
    pageSize: limits.pageSize,
  });
  await withInputWait(
    run,
    sources,
    async (wait) => {
      for (;;) {
        wait.beforeLooking();
        const pulled = await run.retry.ask(() => stream.pull());
        if (pulled.kind === "end") return;
        if (pulled.kind === "restarted") {
          await pass.log.restart(pulled.sourceGens);
          throw new AttemptEnded("reload");
        }
        if (pulled.kind === "nothing") {
          await wait.forNews(pulled.sourceRunning);
          continue;
        }
        wait.fed();
        let { skipChunks } = pulled;
        for (const artifact of pulled.artifacts) {
          for (const batch of batchesOf({ artifact, source: pulled.source, skipChunks, input, onlySource })) {
            if (shardOf(batch.uid, run.node.partitions) === run.held.attempt.shard) await batches.process(batch);
          }
          skipChunks = 0;
        }
      }
    },
    input,
  );
}

/** The batches that a consumer gets from one artifact, less those that an earlier attempt has stored. */
function* batchesOf(options: {
  readonly artifact: Artifact;
  readonly source: Source;
  readonly skipChunks: number;
  readonly input: InputPlan & { readonly kind: "stream" };
  readonly onlySource: boolean;
}): Generator<IncomingBatch> {
  const { artifact, source, skipChunks, input, onlySource } = options;
  const payloads = input.adapter.expand(artifact.meta, source.nodeId);
  for (let chunk = skipChunks; chunk < payloads.length; chunk++) {
    yield {
      uid: consumerUid({
        nodeId: source.nodeId,
        uid: artifact.uid,
        onlySource,
        ...(input.adapter.whole ? {} : { chunk }),
      }),
      origin: { source: sourceKey(source.nodeId, source.shard), seq: artifact.seq, chunk },
      payload: payloads[chunk],
      stored: true,
    };
  }
}

async function consumeGather(consuming: Consuming, input: InputPlan & { readonly kind: "gather" }): Promise<void> {
  const { run, pass, batches } = consuming;
  if (pass.log.length > 0 || shardOf(gatherUid, run.node.partitions) !== run.held.attempt.shard) return;
  const { store, limits } = run.parts;
  const { taskId } = run.held.attempt;
  const sources = chosenSources(run.node, input.sources, pass.record.chosen);
  const nodeIds = [...new Set(sources.map((source) => source.nodeId))];
  const records = await withInputWait(
    run,
    shardsOf(run.plan, nodeIds),
    async (wait) => {
      for (;;) {
        wait.beforeLooking();
        const state = await run.retry.ask(() => readSources({ store, plan: run.plan, taskId, nodeIds }));
        if (state.complete) return state.records;
        await wait.forNews(state.sourceRunning);
      }
    },
    input,
  );
  const payload: Record<string, Json[]> = await run.retry.ask(() =>
    gather({ store, records, sources, pageSize: limits.pageSize }),
  );
  const origin = { source: "*", seq: 0, chunk: 0 };
  await batches.process({ uid: gatherUid, origin, payload, stored: true });
}

async function finish(options: {
  readonly run: AttemptRun;
  readonly runtime: HandlerRuntime;
  readonly context: RunContext;
  readonly pass: Pass;
}): Promise<void> {
  const { run, runtime, context, pass } = options;
  const { definition } = runtime;
  run.held.check();
  run.at.batchUid = undefined;
  if (definition.finalize === undefined) return pass.log.complete({});
  const { pageSize } = run.parts.limits;
  const finalizeContext = context.forFinalize({
    count: pass.log.length,
    totals: () => pass.log.totals(pageSize),
    outputs: async function* () {
      for await (const { meta } of pass.log.artifacts(pageSize)) yield await runtime.output.decode(meta);
    },
  });
  const returned = definition.finalize(finalizeContext);
  const value = isPromiseLike(returned) ? await run.held.run(returned) : returned;
  run.held.check();
  const metrics = finalizeContext.metrics.values;
  if (runtime.result === undefined) return pass.log.complete({ metrics });
  const encode = runtime.result.encode.bind(runtime.result);
  const result = await conform(encode, value, "schema_mismatch", () => `node '${run.node.id}': what finalize returned`);
  await pass.log.complete({ result, metrics });
}

/** Last registered, first run. One that fails keeps none of the others from running. */
async function cleanUp(run: AttemptRun, cleanups: Cleanup[]): Promise<void> {
  for (let cleanup = cleanups.pop(); cleanup !== undefined; cleanup = cleanups.pop()) {
    try {
      const cleaning = cleanup();
      if (cleaning !== undefined) await run.held.run(cleaning);
    } catch (error) {
      if (error instanceof AttemptEnded) continue; // abandoned: called, but not waited for
      run.parts.logger.error({ ...run.held.attempt, err: error }, "a cleanup of the handler failed");
    }
  }
}
