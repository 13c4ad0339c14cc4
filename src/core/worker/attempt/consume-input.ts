import type { Json } from "../../../errors/index.ts";
import { type Artifact, isClosed, isFeeding, isOutput, sourceKey } from "../../model/records.ts";
import type { SourceShard } from "../../plan/index.ts";
import { isPending } from "../../resilience/store-retry.ts";
import {
  chosenSources,
  consumerUid,
  FailureInput,
  gather,
  type InputPlan,
  type Pulled,
  placeOf,
  readOutcomes,
  readSources,
  type Source,
  StreamInput,
  shardOf,
} from "../input/index.ts";
import { AttemptEnded, AttemptScope } from "./attempt-handle.ts";
import type { AttemptReports } from "./attempt-reports.ts";
import { type AttemptRun, type Pass, shardsOf } from "./attempt-run.ts";
import { ReadPositions } from "./backpressure.ts";
import { BatchPool } from "./batch-pool.ts";
import { BatchRunner, type IncomingBatch, type Started } from "./batch-runner.ts";
import type { RunContext } from "./contexts.ts";
import type { HandlerRuntime } from "./handler-code.ts";
import { withInputWait } from "./input-wait.ts";
import { type NumberedBatch, SourceBatches, SourceCheckpoint, StoredUids } from "./source-batches.ts";

/** uid of the single batch of a gather, and of a root that takes its arguments as input. */
const gatherUid = "all";
const singleUid = "0";

interface Consuming {
  readonly run: AttemptRun;
  readonly runtime: HandlerRuntime;
  readonly context: RunContext;
  readonly reports: AttemptReports;
  readonly pass: Pass;
  readonly batches: BatchPool;
  /** The part of the attempt that a failed batch ends; contains the input. */
  readonly part: AttemptScope;
}

/** Processes the attempt's input to its end, from the position that the log shows. `undefined`: it is done. */
export function consumeInput(started: Started, pass: Pass): Promise<void> | undefined {
  const { run, runtime, context, reports, tries, leftover } = started;
  const { log } = pass;
  const isOwn = run.claimed.carried === undefined; // otherwise, it copies outputs of an earlier task
  if (isOwn && run.plan.streaming.has(run.node.id)) run.logs.encodes(run.held.attempt, runtime.output);
  const concurrency = concurrencyOf(run, runtime);
  const part = new AttemptScope(run.held);
  const runner = new BatchRunner(started, log, part);
  const mayStay = (wouldLoseWork: boolean) => mayWaitForTries(consuming, wouldLoseWork);
  const batches = new BatchPool({ run, runtime, runner, log, tries, leftover, part, concurrency, mayStay });
  const consuming: Consuming = { run, runtime, context, reports, pass, batches, part };
  let consumed: Promise<void> | undefined;
  try {
    consumed = consume(started.input, consuming) ?? batches.drain();
  } catch (error) {
    return batches.leave(error);
  }
  return consumed?.then(() => batches.drain()).then(undefined, (error: unknown) => batches.leave(error));
}

/** How many batches are processed at once; for a node that runs a flow, how many child tasks. */
export const concurrencyOf = ({ node }: AttemptRun, { definition }: HandlerRuntime): number =>
  node.flow?.maxRunning ?? definition.concurrency ?? 1;

function consume(input: InputPlan, consuming: Consuming): Promise<void> | undefined {
  switch (input.kind) {
    case "source":
      return consumeSource(consuming);
    case "single":
      return consumeSingle(consuming);
    case "stream":
      return consumeStream(consuming, input);
    case "gather":
      return consumeGather(consuming, input);
    case "outcomes":
      return consumeOutcomes(consuming, input);
  }
}

async function consumeSource({ run, runtime, context, pass, batches, reports, part }: Consuming): Promise<void> {
  const { log } = pass;
  const uids = new StoredUids(log, run.parts.limits.pageSize);
  let inHand: Promise<unknown> | undefined;
  const checkpoint = new SourceCheckpoint({
    reports,
    generation: log.generation,
    stored: async () => {
      await inHand;
      return batches.stored();
    },
    afterLast: Math.max(log.length, ...log.origins.map(({ seq }) => seq + 1)),
  });
  const process = ({ uid, index, payload }: NumberedBatch): Promise<void> | undefined =>
    batches.process({ uid, origin: { source: "", seq: index, chunk: 0 }, payload, stored: false });
  const processUnlessStored = async (batch: NumberedBatch, isStored: Promise<boolean>): Promise<void> => {
    if (!(await isStored)) await process(batch);
  };
  const sourceContext = context.forSource(checkpoint, part);
  run.at.method = "iterBatches";
  const yielded = await run.code.run(() => runtime.definition.iterBatches?.(context.args, sourceContext) ?? []);
  const { partitions } = run.node;
  const fresh = new SourceBatches({ batches: run.code.iterate(yielded), held: part, partitions, checkpoint });
  try {
    for (;;) {
      const next = fresh.next();
      const batch = isPending(next) ? await next : next;
      if (batch === undefined) break;
      run.at.method = undefined;
      run.at.lastBatchUid = batch.uid;
      const isStored = uids.has(batch.uid);
      if (isStored !== true) {
        inHand = isStored === false ? process(batch) : processUnlessStored(batch, isStored);
        if (inHand !== undefined) await inHand;
      }
      run.at.method = "iterBatches";
    }
  } catch (error) {
    return fresh.leave(error);
  }
  run.at.method = undefined;
}

async function consumeSingle({ run, pass, batches }: Consuming): Promise<void> {
  if (pass.log.length > 0 || shardOf(singleUid, run.node.partitions) !== run.held.attempt.shard) return;
  const origin = { source: "", seq: 0, chunk: 0 };
  const payload = run.node.args;
  await batches.process({ uid: singleUid, origin, payload, stored: true, misfit: "bad_input", isOnly: true });
}

type StreamPlan = InputPlan & { readonly kind: "stream" };

function consumeStream(consuming: Consuming, input: StreamPlan): Promise<void> | undefined {
  const { run, pass, reports } = consuming;
  const { store, limits } = run.parts;
  const { taskId } = run.held.attempt;
  const sources = shardsOf(run.plan, input.fromNodes);
  const stream = new StreamInput({
    store,
    taskId,
    sources,
    sourceGens: pass.log.sourceGens,
    origins: pass.log.origins,
    pageSize: limits.pageSize,
    // It may also read other ancestors, or only these.
    known: sources.length === 1 && sources[0]?.nodeId === run.node.dependsOn[0] ? run.handedOver : undefined,
  });
  const { failuresOf } = input;
  const { plan } = run;
  const { pageSize } = limits;
  const reader =
    failuresOf === undefined ? stream : new FailureInput(stream, { store, taskId, plan, pageSize, failuresOf });
  const positions = ReadPositions.of(run, { reports, stream, fromNodes: input.fromNodes });
  const reading = { consuming, input, sources, reader, positions };
  // All of the input is already here: nothing has to be read or awaited.
  const here = positions === undefined && reader === stream ? stream.takeKnown() : undefined;
  return here === undefined ? readStream(reading) : processPage(here, reading);
}

interface StreamReading {
  readonly consuming: Consuming;
  readonly input: StreamPlan;
  readonly sources: readonly SourceShard[];
  readonly reader: Pick<StreamInput, "pull">;
  readonly positions: ReadPositions | undefined;
}

type Page = Extract<Pulled, { kind: "page" }>;

/** `undefined`: all of it is processed. */
function processPage(page: Page, reading: StreamReading): Promise<void> | undefined {
  const { source, artifacts, isAll, skipChunks } = page;
  const [artifact] = artifacts;
  if (artifact === undefined) return undefined;
  const payloads = payloadsOf(artifact, source, reading.input);
  if (isAll && artifacts.length === 1 && payloads.length === 1 && skipChunks === 0 && reading.positions === undefined)
    return processOwn({ ...batchesOf(source, reading)(artifact, 0, payloads[0]), isOnly: true }, reading);
  return new PageSteps(page, payloads, reading).run();
}

function processOwn(batch: IncomingBatch, { consuming: { run, batches } }: StreamReading): Promise<void> | undefined {
  return shardOf(batch.uid, run.node.partitions) === run.held.attempt.shard ? batches.process(batch) : undefined;
}

/** Processes the batches of a page in order. Not a generator, which would cost more than most steps. */
class PageSteps {
  readonly #page: Page;
  readonly #reading: StreamReading;
  readonly #batchOf: ReturnType<typeof batchesOf>;
  /** The next batch is from this artifact. */
  #at = 0;
  #chunk: number;
  #payloads: readonly unknown[] | undefined;

  constructor(page: Page, firstPayloads: readonly unknown[], reading: StreamReading) {
    this.#page = page;
    this.#reading = reading;
    this.#batchOf = batchesOf(page.source, reading);
    this.#chunk = page.skipChunks;
    this.#payloads = firstPayloads;
  }

  /** `undefined`: it is done. */
  run(): Promise<void> | undefined {
    while (this.#at < this.#page.artifacts.length) {
      const step = this.#step();
      if (step !== undefined) return this.#rest(step);
    }
    return undefined;
  }

  async #rest(first: Promise<void>): Promise<void> {
    await first;
    while (this.#at < this.#page.artifacts.length) {
      const step = this.#step();
      if (step !== undefined) await step;
    }
  }

  #step(): Promise<void> | undefined {
    const { source, artifacts, only } = this.#page;
    const artifact = artifacts[this.#at] as Artifact;
    const { input, positions } = this.#reading;
    this.#payloads ??= payloadsOf(artifact, source, input);
    while (this.#chunk < this.#payloads.length) {
      const chunk = this.#chunk++;
      if (only?.includes(chunk) === false) continue;
      return processOwn(this.#batchOf(artifact, chunk, this.#payloads[chunk]), this.#reading);
    }
    this.#at++;
    this.#chunk = 0;
    this.#payloads = undefined;
    return only === undefined ? positions?.passed(source, artifact.seq) : undefined;
  }
}

async function readStream(reading: StreamReading): Promise<void> {
  const { consuming, input, sources, reader, positions } = reading;
  const { run, runtime, pass, batches, part } = consuming;
  if (positions !== undefined) await positions.begin();
  const readsFlow = input.fromNodes.some((id) => run.plan.byId.get(id)?.flow !== undefined);
  await withInputWait(
    run,
    sources,
    async (wait) => {
      for (;;) {
        wait.beforeRead();
        const pulled = await run.retry.run(() => reader.pull());
        if (pulled.kind === "end") return;
        if (pulled.kind === "restarted") {
          await batches.finishTries(); // of the old output
          await pass.log.restart(pulled.sourceGens);
          throw new AttemptEnded("reload");
        }
        if (pulled.kind === "nothing") {
          await wait.untilChanged(pulled.sourceRunning);
          continue;
        }
        wait.reset();
        const processing = processPage(pulled, reading);
        if (processing !== undefined) await processing;
      }
    },
    {
      pollMs: input.pollMs,
      pollMaxMs: input.pollMaxMs,
      held: part,
      mayStay: async () =>
        (readsFlow || (!runtime.definition.resumable && pass.log.length > 0)) && (await isQueueEmpty(run)),
    },
  );
}

/**
 * An attempt that cannot resume stays: starting over, with all tries, might never end, while the wait does. Any other
 * that would lose outputs stays while nothing else could use its slot.
 */
async function mayWaitForTries({ run, runtime, pass }: Consuming, wouldLoseWork: boolean): Promise<boolean> {
  if (!runtime.definition.resumable && pass.log.length > 0) return true;
  return wouldLoseWork && isQueueEmpty(run);
}

/**
 * An attempt that starts over after it was released needs all of its sources to run or to have ended: otherwise it
 * would soon be released again, after processing everything again in the slot that its source may wait for.
 * @throws AttemptEnded `starving`
 */
export async function checkMayStartOver(run: AttemptRun, input: InputPlan): Promise<void> {
  if (input.kind !== "stream" || run.claimed.yields === 0) return;
  const { fromNodes } = input;
  const records = await run.retry.run(() => run.parts.store.readShards(run.held.attempt.taskId, fromNodes));
  const feeding = records.filter((record) => isFeeding(record) || isClosed(record));
  const keys = new Set(feeding.map(({ nodeId, shard }) => sourceKey(nodeId, shard)));
  const all = shardsOf(run.plan, fromNodes).every(({ key }) => keys.has(key));
  if (!all) throw new AttemptEnded("starving");
}

/** Nodes blocked by a limit over all workers are not visible here, so with such limits the queue never counts as empty. */
async function isQueueEmpty(run: AttemptRun): Promise<boolean> {
  const { store, handlers, limits } = run.parts;
  if (Object.keys(limits.running).length > 0) return false;
  return (await run.retry.run(() => store.peekQueue([...handlers.keys()], 1))).length === 0;
}

/** The payloads of the batches that a consumer makes from one artifact. */
function payloadsOf(
  artifact: Artifact,
  { nodeId }: Source,
  { failuresOf, takes, adapter }: InputPlan & { readonly kind: "stream" },
): readonly unknown[] {
  if (isOutput(artifact) !== (failuresOf === undefined)) return [];
  if (takes?.(artifact.meta) === false) return [];
  return adapter.expand(artifact.meta, nodeId);
}

/** Makes and names the batches of a consumer from the artifacts of one source. */
function batchesOf(
  { nodeId, key, at }: Source,
  { input: { fromNodes, adapter }, sources, consuming: { run, runtime } }: StreamReading,
): (artifact: Artifact, chunk: number, payload: unknown) => IncomingBatch {
  const onlySource = fromNodes.length === 1;
  const { whole } = adapter;
  const sourceAt = sources.length === 1 ? [] : [at];
  const isDecoded = run.logs.decodedBy(runtime.input);
  return (artifact, chunk, payload) => {
    const uid = consumerUid({ nodeId, uid: artifact.uid, onlySource, chunk: whole ? undefined : chunk });
    const origin = { source: key, seq: artifact.seq, chunk };
    const place =
      whole && sources.length === 1 && artifact.origin.place === undefined
        ? undefined
        : [...sourceAt, ...placeOf(artifact), ...(whole ? [] : [chunk])];
    const { traceparent: producer } = artifact.origin;
    const batch = { uid, origin, payload, stored: true, isDecoded: isDecoded(payload, artifact) };
    if (place === undefined && producer === undefined) return batch;
    return { ...batch, ...(producer === undefined ? {} : { producer }), ...(place === undefined ? {} : { place }) };
  };
}

/** One batch per source, named like it, once all of them have ended: their outcomes cannot change any more. */
async function consumeOutcomes(consuming: Consuming, input: InputPlan & { readonly kind: "outcomes" }): Promise<void> {
  const { run, pass, batches } = consuming;
  const { store, limits } = run.parts;
  const { taskId, shard } = run.held.attempt;
  const chosen = chosenSources(run.node, input.sources, pass.record.chosen);
  const nodeIds = [...new Set(chosen.map(({ nodeId }) => nodeId))];
  const outcomes = await withInputWait(
    run,
    shardsOf(run.plan, nodeIds),
    async (wait) => {
      for (;;) {
        wait.beforeRead();
        const state = await run.retry.run(() => readOutcomes({ store, plan: run.plan, taskId, nodeIds }));
        if (state.complete) return state.outcomes;
        await wait.untilChanged(state.sourceRunning);
      }
    },
    input,
  );
  const uids = new StoredUids(pass.log, limits.pageSize);
  const aliases = new Map(chosen.map(({ nodeId, alias }) => [nodeId, alias]));
  for (const [at, ended] of outcomes.entries()) {
    const { nodeId: uid } = ended;
    const outcome = { ...ended, nodeId: aliases.get(uid) ?? uid };
    if (input.takes?.(outcome) === false || shardOf(uid, run.node.partitions) !== shard) continue;
    if (await uids.has(uid)) continue;
    const origin = { source: "", seq: at, chunk: 0 };
    await batches.process({ uid, origin, place: [at], payload: outcome, stored: false });
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
        wait.beforeRead();
        const state = await run.retry.run(() => readSources({ store, plan: run.plan, taskId, nodeIds }));
        if (state.complete) return state.records;
        await wait.untilChanged(state.sourceRunning);
      }
    },
    input,
  );
  const payload: Record<string, Json[]> = await run.retry.run(() =>
    gather({ store, records, sources, takes: input.takes, pageSize: limits.pageSize }),
  );
  const origin = { source: "*", seq: 0, chunk: 0 };
  await batches.process({ uid: gatherUid, origin, payload, stored: true, isOnly: true });
}
