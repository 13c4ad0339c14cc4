import { type Artifact, isOutput, type ShardRecord, sourceKey } from "../../core/model/records.ts";
import { consumerUid } from "../../core/worker/input/index.ts";
import type { Json, JsonObject } from "../../errors/index.ts";
import { adapterName, type GraphNode } from "../../graph/index.ts";
import { inOrder, placeOf } from "../cluster/archive.ts";
import {
  compute,
  isTaken,
  mostGrowth,
  partsAdapter,
  partsOf,
  type SourceArgs,
  sourcePayload,
  unstableUids,
} from "../cluster/computation.ts";
import { changedPaths } from "../cluster/vars-changes.ts";
import type { Workload } from "../cluster/workload.ts";

/*
 * What a finished task must have stored, computed in memory without any engine code. A node is judged by what its
 * sources stored: if it is correct for every node, the whole equals a plain evaluation of the graph, regardless of the
 * order in which the engine processed the batches of several sources.
 */

/** A finished shard with its artifacts. */
export interface FinishedShard {
  readonly record: ShardRecord;
  readonly artifacts: readonly Artifact[];
}

export type Finished = (nodeId: string) => readonly FinishedShard[];

/** @returns one message per mismatch */
export function judgeNode(
  node: GraphNode,
  finished: Finished,
  nodes: readonly GraphNode[],
  outputOf: OutputOf = (payload) => compute(node.node_id, payload),
): string[] {
  return [...judgeOutput(node, { finished, nodes, outputOf }), ...judgePlaces(node, finished)];
}

/** The output that a node makes of a payload. */
export type OutputOf = (payload: Json) => unknown;

function judgeOutput(node: GraphNode, of: Evaluated & { readonly outputOf: OutputOf }): string[] {
  const { finished } = of;
  const shards = finished(node.node_id);
  // A failed node is optional: it has stored only a part of its output.
  if (shards.some(({ record }) => record.status === "failed")) return [];
  if (shards.some(({ record }) => record.status === "skipped")) return same("its batches", metasOf(shards), []);
  if (node.io?.fn !== undefined) return judgeFunction(node, finished);
  const { input_adapter, ...args } = node.io?.input_inline ?? {};
  const isSource = node.type.startsWith("source");
  if (input_adapter === undefined && isSource) return judgeSource(node, args as unknown as SourceArgs, shards);
  if (input_adapter === undefined && node.depends_on.length === 0) {
    return isSetAside(shards) ? [] : same("its only batch", metasOf(shards), [compute(node.node_id, args)]);
  }
  if (input_adapter === "pull.outcomes") return judgeOutcomes(node, finished);
  if (input_adapter !== undefined && adapterName(input_adapter) === "pull.gather") return judgeGather(node, finished);
  return judgeStream(node, of);
}

/** Whether the only batch of a node was set aside. */
const isSetAside = (shards: readonly FinishedShard[]): boolean =>
  shards.some(({ artifacts: [only] }) => only !== undefined && !isOutput(only));

function judgeSource(node: GraphNode, args: SourceArgs, shards: readonly FinishedShard[]): string[] {
  const artifacts = shards.flatMap((shard) => shard.artifacts);
  const wrong = artifacts
    .filter(isOutput)
    .flatMap(({ uid, meta }) =>
      same(`batch ${uid}`, [meta], [compute(node.node_id, sourcePayload(node.node_id, uid))]),
    );
  if (node.type === "source_n") {
    // Each shard is the work of one attempt: all batches of its share that the attempt yielded.
    const epochs = shards.map(({ artifacts: own }) => own[0]?.epoch);
    const mixed = shards.some(({ artifacts: own }, index) => own.some(({ epoch }) => epoch !== epochs[index]));
    if (mixed) return [...wrong, "artifacts of several attempts, but its handler is not resumable"];
    const [epoch] = epochs;
    if (shards.length > 1 || epoch === undefined) return wrong;
    return [...wrong, ...same("uids", uidsOf(artifacts), unstableUids(node.node_id, epoch, args.batches).sort())];
  }
  const stored = new Set(artifacts.map(({ uid }) => uid));
  const least = Array.from({ length: args.batches }, (_, index) => `b${index}`);
  const most = new Set([...least, ...Array.from({ length: mostGrowth }, (_, more) => `b${args.batches + more}`)]);
  const missing = least.filter((uid) => !stored.has(uid));
  const unexpected = [...stored].filter((uid) => !most.has(uid) || (!args.grow && !least.includes(uid)));
  if (missing.length > 0) wrong.push(`is missing ${missing.join()}`);
  if (unexpected.length > 0) wrong.push(`has ${unexpected.join()}, which it never yielded`);
  return wrong;
}

function judgeGather(node: GraphNode, finished: Finished): string[] {
  const payload = gatheredBy(node, finished);
  const shards = finished(node.node_id);
  return isSetAside(shards) ? [] : same("what it gathered", metasOf(shards), [compute(node.node_id, payload)]);
}

/** One batch per source that it takes, named like the source. */
export function judgeOutcomes(node: GraphNode, ended: Finished): string[] {
  const shards = ended(node.node_id);
  const chosen = shards[0]?.record.chosen;
  const sources = sourceIdsOf(node).filter((id) => chosen === undefined || chosen.includes(id));
  const outcomes = sources.map((id) => outcomeOf(id, ended(id))).filter((outcome) => isTaken(whereOf(node), outcome));
  const artifacts = shards.flatMap((shard) => shard.artifacts);
  return sources.length === 0 && artifacts.length === 0
    ? []
    : same(
        "its outcomes",
        artifacts.map(({ uid, meta, failure }) => [uid, failure === undefined ? meta : "set aside"]).sort(),
        outcomes
          .map((outcome) => {
            const uid = String(outcome.nodeId);
            const isAside = artifacts.some((artifact) => artifact.uid === uid && !isOutput(artifact));
            return [uid, isAside ? "set aside" : compute(node.node_id, outcome)];
          })
          .sort(),
      );
}

function outcomeOf(nodeId: string, shards: readonly FinishedShard[]): JsonObject {
  const statuses = shards.map(({ record }) => record.status);
  const failed = shards.find(({ record }) => record.status === "failed")?.record;
  if (failed === undefined) {
    const status = (["cancelled", "skipped"] as const).find((each) => statuses.includes(each)) ?? "finished";
    return { nodeId, status };
  }
  const { reasonCode = "", message = "", batchUid = null } = failed.failure ?? {};
  return { nodeId, status: "failed", reasonCode, message, batchUid };
}

function gatheredBy(node: GraphNode, finished: Finished): JsonObject {
  const { from, from_nodes } = (node.io?.input_inline?.input_args ?? {}) as {
    readonly from?: { readonly [alias: string]: string };
    readonly from_nodes?: readonly string[];
  };
  const named = from ?? Object.fromEntries((from_nodes ?? node.depends_on).map((id) => [id, id]));
  const chosen = finished(node.node_id)[0]?.record.chosen;
  const payload: { [alias: string]: Json[] } = {};
  for (const [alias, id] of Object.entries(named)) {
    const isExcluded = chosen !== undefined && node.depends_on.includes(id) && !chosen.includes(id);
    if (!isExcluded) payload[alias] = metasOf(finished(id)).filter((meta) => isTaken(whereOf(node), meta));
  }
  return payload;
}

/** The place of each batch follows from the place of what it was made from, and ultimately from the order of a source. */
function judgePlaces(node: GraphNode, finished: Finished): string[] {
  const sources = sourceIdsOf(node).flatMap((id) => finished(id).map((shard) => ({ id, ...shard })));
  const placeIn = (artifact: Artifact, own: ShardRecord): readonly number[] => {
    const { seq, origin } = artifact;
    if (origin.source === "" || origin.source === "*") return [origin.seq];
    const at = sources.findIndex(({ id, record }) => sourceKey(id, record.shard) === origin.source);
    const source = sources[at];
    const from = source?.artifacts[origin.seq];
    // The node failed before its source started over, and keeps what it had made of the earlier output.
    const isOld = own.status === "failed" && source?.record.generation !== (own.sourceGens[origin.source] ?? 0);
    if (isOld) return placeOf(artifact);
    if (from === undefined) return [seq];
    const place = sources.length === 1 ? placeOf(from) : [at, ...placeOf(from)];
    return isWhole(node) ? place : [...place, origin.chunk];
  };
  return finished(node.node_id).flatMap(({ record, artifacts }) =>
    artifacts.flatMap((artifact) => same(`the place of ${artifact.uid}`, placeOf(artifact), placeIn(artifact, record))),
  );
}

/** The nodes that a node reads batch by batch, in order. */
const sourceIdsOf = (node: GraphNode): readonly string[] =>
  (node.io?.input_inline?.input_args as { readonly from_nodes?: readonly string[] } | undefined)?.from_nodes ??
  node.depends_on;

const whereOf = (node: GraphNode): Json | undefined => node.io?.input_inline?.input_args?.where;

/** For a node with `where`: how many artifacts of its sources it took, and how many it left. */
export function choiceOf(node: GraphNode, finished: Finished): { readonly taken: number; readonly left: number } {
  const where = whereOf(node);
  const isData = node.io?.input_inline?.input_adapter !== "pull.outcomes";
  const all = where === undefined || !isData ? [] : sourceIdsOf(node).flatMap((id) => metasOf(finished(id)));
  const taken = all.filter((meta) => isTaken(where, meta)).length;
  return { taken, left: all.length - taken };
}

/** Whether its adapter delivers whole artifacts. */
function isWhole(node: GraphNode): boolean {
  const { input_adapter: name } = node.io?.input_inline ?? {};
  return name === undefined || readsFailures(node) || adapterName(name) === "pull.from_artifacts";
}

export const readsFailures = (node: GraphNode): boolean => node.io?.input_inline?.input_adapter === "pull.failures";

/** How many batches of a log are set aside. */
export const asideOf = (artifacts: readonly Artifact[]): number =>
  artifacts.filter((artifact) => !isOutput(artifact)).length;

/** The batches that a consumer makes from an artifact. */
export function batchesOf(node: GraphNode, nodeId: string, artifact: Artifact) {
  if (isOutput(artifact) === readsFailures(node)) return [];
  if (!readsFailures(node) && !isTaken(whereOf(node), artifact.meta)) return [];
  const { uid, meta } = artifact;
  const onlySource = sourceIdsOf(node).length === 1;
  const payloads = readsFailures(node) ? [meta] : cutUp(node, meta);
  return payloads.map((_, chunk) => ({
    uid: consumerUid({ nodeId, uid, onlySource, ...(isWhole(node) ? {} : { chunk }) }),
    chunk,
  }));
}

/** The payload of a batch that was set aside, rebuilt from the outputs of the nodes before. */
function inputOf(node: GraphNode, { uid, origin, meta }: Artifact, of: Evaluated): Json {
  if (origin.source === "") return node.type.startsWith("source") ? sourcePayload(node.node_id, uid) : meta;
  if (origin.source === "*") return gatheredBy(node, of.finished);
  const [id = "", shard] = origin.source.split("/");
  const from = of.finished(id).find(({ record }) => record.shard === Number(shard))?.artifacts[origin.seq];
  if (from === undefined) return null;
  return payloadsOf(node, id, from, of)[origin.chunk] ?? null;
}

interface Evaluated {
  readonly finished: Finished;
  readonly nodes: readonly GraphNode[];
}

/** The payloads that a node makes of an artifact of its source `id`. */
function payloadsOf(node: GraphNode, id: string, artifact: Artifact, of: Evaluated): readonly Json[] {
  const { uid, meta, failure } = artifact;
  if (isOutput(artifact) === readsFailures(node)) return [];
  if (failure === undefined) return isTaken(whereOf(node), meta) ? cutUp(node, meta) : [];
  const source = of.nodes.find(({ node_id }) => node_id === id);
  if (source === undefined) return [];
  const { reasonCode, message, tries } = failure;
  return [{ uid, reasonCode, message, tries, input: inputOf(source, artifact, of) }];
}

/** Each batch of each source is stored once, possibly as set aside; under `ordered`, those of a source shard keep their order. */
function judgeStream(
  node: GraphNode,
  { finished, nodes, outputOf }: Evaluated & { readonly outputOf: OutputOf },
): string[] {
  const shards = finished(node.node_id);
  const wrong: string[] = [];
  let expectedCount = 0;
  for (const id of sourceIdsOf(node)) {
    for (const source of finished(id)) {
      const key = sourceKey(id, source.record.shard);
      const expected = source.artifacts
        .flatMap((artifact) => payloadsOf(node, id, artifact, { finished, nodes }))
        .map(outputOf);
      expectedCount += expected.length;
      const logs = shards.map(({ artifacts }) => artifacts.filter(({ origin }) => origin.source === key));
      if (node.batches?.ordered) wrong.push(...logs.flatMap((log) => outOfOrder(key, log)));
      const bySource = logs.flat().sort((a, b) => a.origin.seq - b.origin.seq || a.origin.chunk - b.origin.chunk);
      wrong.push(
        ...same(
          `batches from ${key}`,
          bySource.map(({ meta, failure }) => (failure === undefined ? meta : "set aside")),
          expected.map((output, at) => {
            const { meta, failure } = bySource[at] ?? {};
            if (failure !== undefined) return "set aside";
            return isSettledFailure(node, meta) ? meta : output; // checked elsewhere
          }),
        ),
      );
      for (const shard of shards) {
        const built = shard.record.sourceGens[key] ?? 0;
        if (built !== source.record.generation) {
          wrong.push(`built from generation ${built} of ${key}, which finished with ${source.record.generation}`);
        }
      }
    }
  }
  const count = shards.flatMap(({ artifacts }) => artifacts).length;
  if (count !== expectedCount) wrong.push(`${count} artifacts, ${expectedCount} expected`);
  return wrong;
}

/** Whether it is the output for a child task that failed. */
export const isSettledFailure = ({ io }: GraphNode, meta: Json | undefined): boolean =>
  io?.settled === true && (meta as JsonObject | undefined)?.ok === false;

function cutUp(node: GraphNode, meta: Json): Json[] {
  const { input_adapter: name, input_args } = node.io?.input_inline ?? {};
  const args = (input_args ?? {}) as JsonObject;
  if (name === partsAdapter.name) return partsOf(meta, args as { readonly key: string; readonly parts: number });
  const adapter = adapterName(name ?? "pull.from_artifacts");
  if (adapter === "pull.from_artifacts") return [meta];
  const list = typeof args.meta_list_key === "string" ? (meta as JsonObject)[args.meta_list_key] : undefined;
  const items = Array.isArray(list) ? list : [meta];
  if (adapter === "pull.from_artifacts.each") return items;
  const size = Number(args.size);
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}

function outOfOrder(key: string, log: readonly Artifact[]): string[] {
  const isLater = (a: Artifact, b: Artifact) =>
    b.origin.seq > a.origin.seq || (b.origin.seq === a.origin.seq && b.origin.chunk > a.origin.chunk);
  const wrong = log.findIndex((artifact, index) => index > 0 && !isLater(log[index - 1] as Artifact, artifact));
  return wrong === -1 ? [] : [`processed ${key} out of order at seq ${log[wrong]?.seq}`];
}

function judgeFunction(node: GraphNode, finished: Finished): string[] {
  const { fn, fn_args: args = {} } = node.io ?? {};
  const metas = metasOf(finished(node.node_id));
  const sources = (ids: readonly string[]) => ids.flatMap((id) => metasOf(finished(id)));
  if (fn === "noop") return same("its output", metas, [{}]);
  if (fn === "wait.signal") return []; // judged by the signals that its task was sent
  const keys = changedPaths(node);
  if (keys !== undefined) return same("its output", metas, [{ keys }]);
  if (fn === "merge.generic") {
    return same("what it merged", metas, [
      { merged: sources(args.from_nodes as readonly string[]).reduce(merge, null) },
    ]);
  }
  const nodeId = String(args.node_id);
  const shards = finished(nodeId);
  const artifacts = shards.flatMap((shard) => shard.artifacts.filter(isOutput));
  const values = artifacts.flatMap(({ metrics }) => (metrics.rows === undefined ? [] : [metrics.rows]));
  const sum = values.reduce((total, value) => total + value, 0);
  const number = { sum, max: Math.max(...values), mean: sum / values.length }[String(args.mode)];
  const finalized = shards.reduce((total, { record }) => total + (record.metrics?.finalized ?? 0), 0);
  const expected = {
    node_id: nodeId,
    mode: String(args.mode),
    batches: artifacts.length,
    metrics: values.length === 0 ? {} : { rows: number },
    finalize: finalized === 0 ? {} : { finalized },
  };
  return same("what it aggregated", metas, [expected]);
}

function merge(earlier: Json, later: Json): Json {
  if (Array.isArray(earlier) && Array.isArray(later)) return [...earlier, ...later];
  if (!isObject(earlier) || !isObject(later)) return later;
  const merged: { [key: string]: Json } = { ...earlier };
  for (const [key, value] of Object.entries(later)) {
    const there = merged[key];
    merged[key] = there === undefined ? value : merge(there, value);
  }
  return merged;
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const metasOf = (shards: readonly FinishedShard[]): Json[] =>
  shards.flatMap(({ artifacts }) =>
    inOrder(artifacts)
      .filter(isOutput)
      .map(({ meta }) => meta),
  );
const uidsOf = (artifacts: readonly Artifact[]): string[] => artifacts.map(({ uid }) => uid).sort();

function same(what: string, got: readonly unknown[], wanted: readonly unknown[]): string[] {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  return a === b ? [] : [`${what}: got ${got.length}: ${a.slice(0, 200)}, wanted ${wanted.length}: ${b.slice(0, 200)}`];
}

/** The nodes whose logs this shard of a simulated graph reads to the end. */
export function sourcesOf(node: GraphNode, { chosen, count }: ShardRecord): readonly string[] {
  const { fn, fn_args, input_inline } = node.io ?? {};
  if (fn === "merge.generic") return fn_args?.from_nodes as readonly string[];
  if (fn === "metrics.aggregate") return [String(fn_args?.node_id)];
  if (fn !== undefined) return [];
  const { input_adapter, input_args } = input_inline ?? {};
  if (input_adapter === "pull.outcomes") return []; // it reads no logs
  if (input_adapter === undefined) return node.type.startsWith("source") ? [] : node.depends_on;
  const { from, from_nodes } = (input_args ?? {}) as {
    readonly from?: { readonly [alias: string]: string };
    readonly from_nodes?: readonly string[];
  };
  const named = from === undefined ? (from_nodes ?? node.depends_on) : Object.values(from);
  const isExcluded = (id: string) => chosen !== undefined && node.depends_on.includes(id) && !chosen.includes(id);
  if (input_adapter !== "pull.gather") return named;
  return count === 0 ? [] : named.filter((id) => !isExcluded(id)); // its only batch belongs to one of its shards
}

/**
 * Permanent regardless of `permanent_on`: a `PermanentError` of the handler, and a value that does not match a schema.
 */
const alwaysPermanent: readonly string[] = ["broken", "schema_mismatch"];

export interface JudgedPolicy {
  readonly max: number;
  isPermanent(code: string): boolean;
  /** The shortest backoff after this many failures, in ms. */
  leastWaitMs(failures: number): number;
}

/** A node's retry policy as specified. */
export function retryPolicyOf(workload: Workload, node: GraphNode | undefined): JudgedPolicy {
  const { max = 2, permanent_on = ["bad_input", "schema_mismatch"], ...waits } = node?.retry_policy ?? {};
  const { backoff_sec = 0, backoff_factor = 1, backoff_max_sec = 0, jitter = 1 } = waits;
  const always = workload.isKnown ? alwaysPermanent : [];
  return {
    max,
    isPermanent: (code) => permanent_on.includes(code) || always.includes(code),
    leastWaitMs: (failures) =>
      1_000 * Math.min(backoff_max_sec, backoff_sec * backoff_factor ** (failures - 1)) * (1 - jitter),
  };
}
