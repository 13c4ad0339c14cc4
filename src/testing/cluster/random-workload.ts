import { isDeepStrictEqual } from "node:util";
import * as z from "zod";
import { type EpochRef, shardKey } from "../../core/model/records.ts";
import { shardOf } from "../../core/worker/input/index.ts";
import {
  type AttemptContext,
  type BatchContext,
  builtInCoordinatorFns,
  type HandlerDefinition,
  type SourceBatch,
} from "../../definitions/index.ts";
import { type JsonObject, PermanentError, RetryableError } from "../../errors/index.ts";
import type { SeededRandom } from "../scheduler/seeded-random.ts";
import {
  compute,
  isHopeless,
  mostGrowth,
  outputSchema,
  partsAdapter,
  type SourceArgs,
  sourcePayload,
  spoil,
  unstableUids,
} from "./computation.ts";
import type { HandlerRates } from "./fault-rates.ts";
import type { Journal } from "./journal.ts";
import { type DrawnFlow, hopeless, randomGraph, setupFailed, sometimesPermanent, workerTypes } from "./random-graph.ts";
import type { ProcessTools, Workload } from "./workload.ts";

/** The parameters of every task. */
const simParams = { limits: { rows: 10 }, tags: ["a"] } as const;

const summary = z.object({ batches: z.number(), rows: z.number() });

/** The handlers of one process. They use only its clock and the seed. */
function simHandlers(options: ProcessTools): readonly HandlerDefinition[] {
  const map: Omit<HandlerDefinition, "name"> = {
    kind: "handler",
    output: outputSchema,
    result: summary,
    errors: [],
    resumable: true,
    concurrency: options.concurrency,
    loadInput: (_args, ctx) =>
      options.calls.during(ctx, async () => {
        watchCleanup(ctx, options);
        checkCheckpoint(ctx, options.journal, await ctx.checkpoint.get());
        await misbehave(ctx, options);
      }),
    processBatch: (payload, ctx) =>
      options.calls.during(ctx, async () => {
        options.calls.batchBegins(ctx);
        options.journal.processes(refOf(ctx), ctx.uid);
        checkPaused(ctx, options);
        checkTry(ctx, options);
        checkToken(ctx, options.journal);
        options.journal.counts.handlerRuns++;
        if (!(ctx.args as Partial<SourceArgs>).saves) await saveCheckpoint(ctx, options);
        await misbehave(ctx, options, options.rates.batchThrows);
        if (
          (ctx.args as Partial<SourceArgs>).hopeless &&
          isHopeless(ctx.nodeId, batchOf(ctx as BatchContext<Partial<SourceArgs>>))
        ) {
          if (ctx.remainingMs() !== undefined && options.random.chance(0.5)) await hang(ctx, options);
          throw thrown(ctx, options.journal, new RetryableError(hopeless));
        }
        const output = compute(ctx.nodeId, payload);
        checkParams(ctx, options.journal);
        for (const given of [payload, ctx.params]) spoil(given);
        ctx.metrics.add("rows", output.rows.length);
        if (!options.random.chance(options.rates.mismatches)) return output;
        options.journal.threw(ctx, "schema_mismatch");
        return { rows: "none" };
      }),
    async finalize(ctx) {
      await options.calls.during(ctx, () => misbehave(ctx, options));
      if (options.random.chance(options.rates.permanent))
        throw thrown(ctx, options.journal, new PermanentError("broken"));
      const totals = await ctx.metrics.totals();
      if (ctx.batchCount > options.pageSize) options.journal.counts.totalsOverPages++;
      ctx.metrics.add("finalized", 1);
      return { batches: ctx.batchCount, rows: totals.rows ?? 0 };
    },
  };
  const source = { ...map, iterBatches: (args: unknown, ctx: AttemptContext) => sourceBatches(args, ctx, options) };
  const unstable = {
    ...map,
    resumable: false,
    iterBatches: (args: unknown, ctx: AttemptContext) => unstableBatches(args, ctx, options),
  };
  return [
    ...withSetup(
      [
        { ...source, name: "source" },
        { ...unstable, name: "source_n" },
      ],
      options,
    ),
    { ...map, name: "map" },
    { ...map, name: "map_n", resumable: false },
  ];
}

/**
 * Adds a `setup` that takes a while and fails now and then, shared by these handlers. Checks that it runs once, that
 * nothing runs before it has succeeded, and that what it returned is available until it is torn down.
 */
function withSetup(handlers: readonly HandlerDefinition[], options: ProcessTools): readonly HandlerDefinition[] {
  const { random, rates, clock, journal, life, scheduler, calls } = options;
  const services = {};
  let state: "none" | "begun" | "ready" = "none";
  const setup = async () => {
    if (state !== "none") journal.violated(`${life.name}: setup runs ${state === "ready" ? "again" : "concurrently"}`);
    state = "begun";
    await clock.sleep(random.int(20));
    if (random.chance(rates.setupFails)) {
      state = "none";
      journal.setupFailed(life.name, scheduler.steps);
      throw new RetryableError(setupFailed);
    }
    state = "ready";
    calls.setUp(services);
    return services;
  };
  const teardown = async (given: unknown) => {
    calls.tornDown(given);
    await clock.sleep(random.int(20));
  };
  return handlers.map((handler) => ({
    ...handler,
    setup,
    teardown,
    loadInput(args, ctx) {
      if (state !== "ready")
        journal.violated(`${life.name}: ${ctx.nodeId} runs before its handler's setup has finished`);
      if (ctx.services !== services)
        journal.violated(`${life.name}: ${ctx.nodeId} has other services than were set up`);
      return handler.loadInput?.(args, ctx);
    },
  }));
}

/** Stable uids, in any order, and sometimes more of them than in the previous attempt. */
async function* sourceBatches(
  args: unknown,
  ctx: AttemptContext,
  options: ProcessTools,
): AsyncGenerator<SourceBatch<unknown>> {
  const { batches, shuffle, grow, saves } = args as SourceArgs;
  const count = batches + (grow ? options.random.int(mostGrowth + 1) : 0);
  const uids = Array.from({ length: count }, (_, index) => `b${index}`);
  const from = saves ? Number((await ctx.checkpoint.get()) ?? 0) : 0;
  const order = (shuffle ? options.random.shuffled(uids) : uids).slice(from);
  for (const [index, uid] of order.entries()) {
    if (options.random.chance(0.2)) await misbehave(ctx, options);
    yield yielded(ctx, options, { uid, index: from + index });
    await untilStored(uid, ctx, options);
    if (saves) await saveIndex(from + index + 1, ctx, options);
  }
}

async function* unstableBatches(args: unknown, ctx: AttemptContext, options: ProcessTools) {
  const uids = unstableUids(ctx.nodeId, ctx.epoch, (args as SourceArgs).batches);
  for (const [index, uid] of options.random.shuffled(uids).entries()) {
    yield yielded(ctx, options, { uid, index });
    await untilStored(uid, ctx, options);
  }
  if (options.random.chance(options.rates.breaks)) throw thrown(ctx, options.journal, new RetryableError("boom"));
}

function yielded(
  ctx: AttemptContext,
  { journal }: ProcessTools,
  { uid, index }: { readonly uid: string; readonly index: number },
): SourceBatch<unknown> {
  journal.places.yielded(refOf(ctx), uid, index);
  return { uid, payload: sourcePayload(ctx.nodeId, uid) };
}

/** When a source is asked for its next batch, the last one is stored or has failed; with concurrency, eventually. */
async function untilStored(uid: string, ctx: AttemptContext, options: ProcessTools): Promise<void> {
  const { journal, clock, concurrency } = options;
  const { waits, partitions } = ctx.args as SourceArgs;
  if (shardOf(uid, partitions) !== ctx.shard) return;
  const isStored = () => journal.archive.has(refOf(ctx), uid);
  const { tries } = journal;
  const hasFailed = tries.of(refOf(ctx), uid) !== undefined || tries.isOvertaken(refOf(ctx));
  if (concurrency === 1 && !isStored() && !hasFailed) {
    journal.violated(`${shardKey(refOf(ctx))}: is asked for the next batch, but ${uid} is not stored`);
  }
  while (waits && !isStored() && !ctx.signal.aborted) await clock.sleep(20, ctx.signal);
}

/** Waits for the write or not, as sources do. */
async function saveIndex(place: number, ctx: AttemptContext, { random, journal }: ProcessTools): Promise<void> {
  if (random.chance(0.3)) return;
  const saved = ctx.checkpoint.set(place);
  if (random.chance(0.3)) return;
  await saved;
  if (!ctx.signal.aborted) journal.checkpoints.stored(refOf(ctx), place);
}

async function misbehave(ctx: AttemptContext, options: ProcessTools, throws = options.rates.throws): Promise<void> {
  const { random, rates, clock, leaseMs, journal } = options;
  if (random.chance(rates.slow)) {
    const heedsSignal = random.chance(0.5);
    await clock.sleep(random.int(leaseMs * 2), heedsSignal ? ctx.signal : undefined);
    if (heedsSignal && random.chance(0.5)) ctx.signal.throwIfAborted();
  }
  if (ctx.remainingMs() !== undefined && random.chance(rates.hangs)) await hang(ctx, options);
  if (!random.chance(throws)) return;
  throw thrown(ctx, journal, drawError(random, rates));
}

type Thrown = (Error & { readonly code: string }) | string;

function thrown(ctx: AttemptContext, journal: Journal, error: Thrown): Thrown {
  journal.threw(ctx, typeof error === "string" ? "unexpected_error" : error.code);
  return error;
}

/** Sometimes saves a checkpoint, and reports progress and a heartbeat. */
async function saveCheckpoint(ctx: AttemptContext, { random, rates, journal }: ProcessTools): Promise<void> {
  if (!random.chance(rates.checkpoints)) return;
  const { checkpoints } = journal;
  ctx.progress(random.int(100));
  await ctx.heartbeat();
  const checkpoint = checkpoints.draw(); // just before it is set, because batches of an attempt do this concurrently
  await ctx.checkpoint.set(checkpoint);
  if (ctx.signal.aborted) return; // it may have been fenced
  checkpoints.stored(refOf(ctx), checkpoint);
  checkCheckpoint(ctx, journal, await ctx.checkpoint.get());
}

/** Mutations by other handlers are not visible here. */
function checkParams(ctx: AttemptContext, { violated }: Journal): void {
  if (ctx.params.item !== undefined) return; // a child task, whose output depends on its parameters
  if (!isDeepStrictEqual(ctx.params, simParams)) {
    violated(`${shardKey(refOf(ctx))}: the parameters of its task are ${JSON.stringify(ctx.params)}`);
  }
}

/** Soon after a pause, no batch begins, including those of child tasks, whose ids start with that of the parent. */
function checkPaused(ctx: BatchContext, { journal, scheduler, mode }: ProcessTools): void {
  const [root = ""] = ctx.taskId.split(".");
  const since = journal.asked.pausedSince(root) ?? Number.POSITIVE_INFINITY;
  if (mode === "calm" && scheduler.now - since > mostPauseMs)
    journal.violated(`${shardKey(refOf(ctx))}: ${ctx.uid} begins ${scheduler.now - since} ms after a pause`);
}

/** Each failed try that is stored counts, in each attempt, and the next one waits for its backoff. */
function checkTry(ctx: BatchContext, { journal, scheduler, storeNow }: ProcessTools): void {
  if (journal.tries.isOvertaken(refOf(ctx))) return;
  const { failed = 0, leastWaitMs = 0 } = journal.tries.of(refOf(ctx), ctx.uid) ?? {};
  const batch = `${shardKey(refOf(ctx))}: batch ${ctx.uid}`;
  if (ctx.tries !== failed + 1) journal.violated(`${batch} is try ${ctx.tries} after ${failed} failed ones`);
  const now = { trueAt: scheduler.now, storeAt: storeNow() };
  journal.tries.begun(refOf(ctx), ctx.uid, { ...now, tries: ctx.tries });
  const before = journal.tries.begun(refOf(ctx), ctx.uid, { ...now, tries: ctx.tries - 1 });
  const waitedMs = Math.max(now.trueAt - before.trueAt, now.storeAt - before.storeAt);
  if (failed > 0 && waitedMs < leastWaitMs * leastDrift - 1) {
    journal.violated(`${batch} is tried again after ${waitedMs} ms of ${leastWaitMs}`);
  }
}

/** No try begins without a token of each rate of its node. */
function checkToken(ctx: BatchContext, { rates, violated }: Journal): void {
  const wrong = rates.begins(ctx);
  if (wrong !== undefined) violated(`${shardKey(refOf(ctx))}: ${wrong}`);
}

/** A stored checkpoint is visible to this attempt and the next. */
function checkCheckpoint(ctx: AttemptContext, { checkpoints, violated }: Journal, found: unknown): void {
  if (found !== undefined && checkpoints.isWithdrawn(refOf(ctx), Number(found))) {
    violated(`${shardKey(refOf(ctx))}: reads checkpoint ${found} of a withdrawn log`);
  }
  const stored = checkpoints.storedOf(refOf(ctx));
  if (stored > Number(found ?? 0))
    violated(`${shardKey(refOf(ctx))}: checkpoint ${stored} is stored, but it reads ${found}`);
}

const refOf = ({ taskId, nodeId, shard, epoch }: AttemptContext): EpochRef => ({ taskId, nodeId, shard, epoch });

/** Distinguishes a batch from others of its node: in a child task, the uid of each first batch is the same. */
const batchOf = ({ args, uid }: BatchContext<Partial<SourceArgs>>): string =>
  args.item === undefined ? uid : JSON.stringify(args.item);

/** Hangs until it is aborted, or long after that; it occupies its slot until it returns. */
async function hang(ctx: AttemptContext, { random, clock, leaseMs }: ProcessTools): Promise<void> {
  if (random.chance(0.5)) return clock.sleep(leaseMs * (2 + random.int(6)));
  await new Promise((_, reject) => {
    if (ctx.signal.aborted) reject(ctx.signal.reason);
    ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason), { once: true });
  });
}

function drawError(random: SeededRandom, rates: HandlerRates): Thrown {
  if (random.chance(rates.permanent)) {
    return random.chance(0.5) ? new PermanentError("broken") : new RetryableError(sometimesPermanent);
  }
  const kind = random.int(4);
  if (kind === 0) return "not an error object";
  return new RetryableError("boom", "boom", kind === 1 ? { afterSec: random.next() } : {});
}

function watchCleanup(ctx: AttemptContext, options: ProcessTools): void {
  const { journal, life, random, rates } = options;
  const counts = journal.cleanups.get(life.name) ?? { registered: 0, ran: 0 };
  journal.cleanups.set(life.name, counts);
  counts.registered++;
  const takesTime = random.chance(rates.slowCleanup);
  ctx.onCleanup(async () => {
    counts.ran++; // counted when called: an abandoned attempt does not wait for it
    if (takesTime) await options.clock.sleep(random.int(50));
  });
}

const leanOf = ({ finalize: _, result: __, ...rest }: HandlerDefinition): HandlerDefinition => rest;
const maxNodes = 6;
/** A worker receives the message at once. */
const mostPauseMs = 20;
/** The clocks of processes drift. */
const leastDrift = 0.97;
const mostDeadlineSec = 12;

/**
 * One or two random graphs, with handlers whose outputs can be recomputed.
 *
 * @param drops - whether the store drops artifacts once they are read. `finalize` would keep a node's artifacts, so
 * resumable sources have none then, nor do the other resumable handlers in half of these runs
 */
export function randomWorkload(random: SeededRandom, drops = false): Workload {
  const withoutFinalize: readonly string[] = drops ? random.pick([["source"], ["source", "map"]]) : [];
  const hasFinalize = (type: string): boolean => type !== "flow" && !withoutFinalize.includes(type);
  const sinks = withoutFinalize.filter((type) => type === "map");
  const graphs: DrawnFlow[] = [];
  for (let left = 1 + random.int(2); left > 0; left--) {
    const [first] = graphs;
    graphs.push(
      first !== undefined && random.chance(0.5)
        ? again(first, random)
        : randomGraph(random, maxNodes, { runsFlows: !drops }),
    );
  }
  return {
    tasks: graphs.map((graph) => ({
      graph,
      params: simParams,
      deadlineSec: random.chance(0.1) ? 1 + random.int(mostDeadlineSec) : undefined,
    })),
    types: workerTypes,
    fewTypes: ["map", "source"],
    inputAdapters: [partsAdapter],
    isResumable: (type) => !type.endsWith("_n"),
    hasFinalize,
    handlersFor: (tools) =>
      simHandlers(tools).map((handler) => (hasFinalize(handler.name) ? handler : leanOf(handler))),
    ...(drops ? { store: { dropConsumed: "streaming", sinks } } : {}),
    functionsFor: () => builtInCoordinatorFns,
    isKnown: true,
  };
}

/** Another task of the flow, whose limits may have other keys. */
const again = (graph: DrawnFlow, random: SeededRandom): DrawnFlow => ({
  ...graph,
  nodes: graph.nodes.map((node) => {
    const limits = node.limits as JsonObject | undefined;
    return limits?.key === undefined ? node : { ...node, limits: { ...limits, key: random.pick(["a", "a", 1]) } };
  }),
});
