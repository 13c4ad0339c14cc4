import { isDeepStrictEqual } from "node:util";
import type { MemoryStoreEvent } from "../../adapters/memory/index.ts";
import type { TaskEntry } from "../../adapters/memory/memory-state.ts";
import {
  type Artifact,
  isOutput,
  isTaskTerminal,
  keptLength,
  logOf,
  type ShardRecord,
  type ShardRef,
  shardKey,
  sourceKey,
} from "../../core/model/records.ts";
import { shardOf } from "../../core/worker/input/index.ts";
import type { GraphNode } from "../../graph/index.ts";
import { placeOf } from "../cluster/archive.ts";
import type { SourceArgs } from "../cluster/computation.ts";
import type { CheckParts } from "./log-checks.ts";
import { asideOf } from "./reference.ts";

type Violated = (ref: ShardRef, what: string) => void;

/** A shard of a retry, with the shard that it continues. */
interface Continued {
  readonly record: ShardRecord;
  readonly node: GraphNode;
  readonly lender: TaskEntry;
  readonly lent: ShardRecord;
}

/**
 * A shard of a retry continues what the earlier task had stored, unless anything upstream of it starts over. Its log
 * starts with exactly these artifacts, and no handler processes their batches again.
 */
export class CarriedChecks {
  readonly #parts: CheckParts;
  readonly #violated: Violated;
  /** Shards whose records were created with an output to continue, even if they started over later. */
  readonly #continuing = new Map<string, ShardRecord>();
  /** Shards that leave out retried batches: their other artifacts have moved up. */
  readonly #moved = new Set<string>();

  constructor(parts: CheckParts, violated: Violated) {
    this.#parts = parts;
    this.#violated = violated;
  }

  transition({ from, record }: MemoryStoreEvent & { readonly kind: "shard" }): void {
    if (from !== "absent" || record.artifactsOf !== undefined) return;
    const continued = this.#continued(record);
    if (record.carried === undefined) {
      if (continued !== undefined && this.#couldContinue(continued)) {
        this.#violated(record, "begins anew although it could continue what the task before had stored");
      }
      return;
    }
    if (continued === undefined) {
      this.#violated(record, "continues a shard that is not there");
      return;
    }
    this.#begins(continued);
    if (record.carried.without === undefined) this.#continuing.set(shardKey(record), record);
    else this.#moved.add(shardKey(record));
  }

  restarted(record: ShardRecord): void {
    if (record.carried !== undefined) this.#violated(record, "a restart kept what the log began with");
    this.#parts.journal.carried.restarted(record);
  }

  artifact({ ref, generation, artifact }: MemoryStoreEvent & { readonly kind: "artifact" }): void {
    const { journal, workload } = this.#parts;
    const wanted = journal.carried.of(ref, generation)[artifact.seq];
    if (wanted !== undefined) {
      journal.counts.copied++;
      const isMoved = this.#moved.has(shardKey(ref));
      const [got, expected] = [artifact, wanted].map((each) => (isMoved ? withoutPosition(each) : withoutAuthor(each)));
      if (!isDeepStrictEqual(got, expected)) {
        this.#violated(ref, `begins with ${JSON.stringify(got)}, which was ${JSON.stringify(expected)}`);
      }
      return;
    }
    const node = this.#nodeOf(ref); // an insert may arrive after its task was deleted
    if (!workload.isKnown || node === undefined || node.io?.fn !== undefined || node.type === "flow") return;
    if (!journal.hasProcessed(ref, artifact.uid)) {
      this.#violated(ref, `stores ${artifact.uid} at ${artifact.seq}, which no handler of its task has processed`);
    }
  }

  #begins(continued: Continued): void {
    const { record, node, lender, lent } = continued;
    const { journal, workload, state } = this.#parts;
    const { carried, generation, sourceGens, checkpoint, checkpointIndex } = record;
    if (carried === undefined) return;
    const wrong = (what: string) => this.#violated(record, `is carried ${what}`);
    if (!isTaskTerminal(lender.record.status)) wrong(`from a task that is ${lender.record.status}`);
    if (node.io?.fn !== undefined) wrong("although it is a function");
    if ((node.fan_in ?? "all") !== "all") wrong("although it needs only some of its parents");
    const again = this.#newParents(continued);
    if (again.length > 0) wrong(`although ${again.join()} is made anew`);
    const output = { generation, sourceGens, checkpoint, checkpointIndex };
    const lentOutput = { ...lent, ...{ checkpoint: lent.checkpoint, checkpointIndex: lent.checkpointIndex } };
    const log = journal.archive.log(carried, carried.generation);
    const whole = log.slice(0, carried.length);
    const mayStartOver = carried.without !== undefined && log.some(({ origin }) => origin.source === "");
    for (const name of ["generation", "sourceGens", "checkpoint", "checkpointIndex"] as const) {
      if (mayStartOver && output[name] === undefined) continue;
      if (!isDeepStrictEqual(output[name], lentOutput[name])) wrong(`without its ${name}`);
    }
    if (carried.generation !== generation) wrong(`from generation ${carried.generation} into ${generation}`);
    if (record.tries !== undefined || record.cursors !== undefined) wrong("with its tries or cursors");
    const logs = [logOf(lent), ...(lent.carried === undefined ? [] : [lent.carried])];
    if (!logs.some((log) => shardKey(log) === shardKey(carried))) wrong(`from ${shardKey(carried)}`);
    const { without } = carried;
    const before = lent.carried === undefined ? 0 : keptLength(lent.carried);
    if (without === undefined && carried.length < before) wrong("shorter than it was to begin with before");
    if (whole.length < carried.length) wrong(`with ${carried.length} artifacts of ${whole.length}`);
    const artifacts = without === undefined ? whole : this.#kept(continued, whole);
    if ((carried.aside ?? 0) !== asideOf(artifacts)) wrong(`with ${carried.aside} of ${asideOf(artifacts)} set aside`);
    const dropped = state.shard(carried)?.logs[carried.generation]?.dropped ?? 0;
    if (dropped > 0 && carried.length > 0) wrong(`although ${dropped} of its artifacts are dropped`);
    const gathered = artifacts.some(({ origin }) => origin.source === "*");
    if (gathered && !this.#areParentsAdopted(record, node)) wrong("although what it gathered may change");
    this.#readOnlyWhatIsThere(record, artifacts);
    if (workload.isKnown) this.#checkpointIsCovered(continued, artifacts);
    journal.carried.begun(record, artifacts);
    if (checkpoint !== undefined && workload.isKnown) journal.checkpoints.stored(record, Number(checkpoint));
    if (carried.length === 0) return;
    const { counts } = journal;
    counts.carried++;
    if (checkpoint !== undefined) counts.carriedCheckpoints++;
    if (carried.length > journal.archive.log(logOf(lent), generation).length) counts.carriedAgain++;
    if (hasHole(node, artifacts)) counts.carriedOpen++;
  }

  /** Only failed batches of the node that the task was to retry are left out. */
  #kept({ record, lent }: Continued, whole: readonly Artifact[]): readonly Artifact[] {
    const { journal, state } = this.#parts;
    const { count = 0, seqs } = record.carried?.without ?? {};
    const retried = state.tasks.get(record.taskId)?.record.retriedBatches;
    const isInherited = isDeepStrictEqual(record.carried, lent.carried); // from a retry that ended before it copied the log
    if (retried?.nodeId !== record.nodeId && !isInherited)
      this.#violated(record, "leaves batches out that are not retried");
    const isLeftOut = (artifact: Artifact) =>
      count > 0 && !isOutput(artifact) && (seqs === undefined || seqs.includes(artifact.seq));
    const kept = whole.filter((artifact) => !isLeftOut(artifact));
    if (whole.length - kept.length !== count)
      this.#violated(record, `leaves ${count} batches out, but ${kept.length} stay`);
    journal.counts.retriedBatches += count;
    return kept.map((artifact, seq) => ({
      ...artifact,
      seq,
      origin: { ...artifact.origin, place: placeOf(artifact) },
    }));
  }

  /** What consumers have read from a source stays in its log. */
  #readOnlyWhatIsThere(record: ShardRecord, artifacts: readonly Artifact[]): void {
    for (const { uid, origin } of artifacts) {
      const [nodeId = "", shard] = origin.source.split("/");
      const ref = { taskId: record.taskId, nodeId, shard: Number(shard) };
      const source = this.#continuing.get(shardKey(ref)) ?? this.#parts.state.shard(ref)?.record;
      if (source === undefined || source.generation !== (record.sourceGens[origin.source] ?? 0)) continue;
      const length = source.carried?.length ?? source.count ?? 0;
      if (origin.seq >= length) {
        this.#violated(
          record,
          `is carried with ${uid}, made of ${origin.seq} of ${origin.source}, which has ${length}`,
        );
      }
    }
  }

  /** A source that continues from its checkpoint does not yield what came before. */
  #checkpointIsCovered({ record, node }: Continued, artifacts: readonly Artifact[]): void {
    const { saves, partitions } = (node.io?.input_inline ?? {}) as Partial<SourceArgs>;
    if (saves !== true) return;
    const uids = new Set(artifacts.map(({ uid }) => uid));
    for (let index = 0; index < Number(record.checkpoint ?? 0); index++) {
      const uid = `b${index}`;
      if (shardOf(uid, partitions ?? 1) === record.shard && !uids.has(uid)) {
        this.#violated(record, `is carried with checkpoint ${record.checkpoint}, but without ${uid}`);
      }
    }
  }

  /** Parents' shards that had a record in the earlier task and are neither adopted nor continued. */
  #newParents({ record, node, lender }: Continued): readonly string[] {
    return node.depends_on.flatMap((nodeId) =>
      (lender.nodes.get(nodeId)?.shards ?? []).flatMap((entry) => {
        if (entry === undefined) return [];
        const ref = { taskId: record.taskId, nodeId, shard: entry.record.shard };
        const isAdopted = this.#parts.state.shard(ref)?.record.artifactsOf !== undefined;
        return isAdopted || this.#continuing.has(shardKey(ref)) ? [] : [sourceKey(nodeId, ref.shard)];
      }),
    );
  }

  #couldContinue(continued: Continued): boolean {
    const { record, node, lent, lender } = continued;
    const { state, journal } = this.#parts;
    if (node.io?.fn !== undefined || (node.fan_in ?? "all") !== "all") return false;
    if (node.io?.start_when === "ended" || record.status === "skipped") return false;
    // The dispatch may have been decided when only some of a parent's shards had a record.
    const parents = lender.record.graph.nodes.filter(({ node_id }) => node.depends_on.includes(node_id));
    if (node.io?.start_when === "first_batch" && parents.some(({ partitions = 1 }) => partitions > 1)) return false;
    if (this.#newParents(continued).length > 0) return false;
    const hasStartedOver = ({ nodeId, shard }: ShardRef) =>
      this.#continuing.has(shardKey({ taskId: record.taskId, nodeId, shard })) &&
      state.shard({ taskId: record.taskId, nodeId, shard })?.record.carried === undefined;
    const shards = node.depends_on.flatMap((id) => lender.nodes.get(id)?.shards ?? []).flatMap((entry) => entry ?? []);
    if (shards.some((entry) => hasStartedOver(entry.record))) return false;
    const logs = [logOf(lent), ...(lent.carried === undefined ? [] : [lent.carried])];
    if (logs.some((log) => (state.shard(log)?.logs[lent.generation]?.dropped ?? 0) > 0)) return false;
    return logs.every((log) => journal.archive.log(log, lent.generation).every(({ origin }) => origin.source !== "*"));
  }

  #areParentsAdopted(record: ShardRecord, node: GraphNode): boolean {
    const task = this.#parts.state.tasks.get(record.taskId);
    const shards = node.depends_on.flatMap((id) => task?.nodes.get(id)?.shards ?? []);
    return shards.every((entry) => entry?.record.artifactsOf !== undefined);
  }

  /** `undefined` in a task that is not a retry, or whose lender is deleted. */
  #continued(record: ShardRecord): Continued | undefined {
    const { state } = this.#parts;
    const node = this.#nodeOf(record);
    const lender = state.tasks.get(state.tasks.get(record.taskId)?.record.retryOf ?? "");
    const lent = lender?.nodes.get(record.nodeId)?.shards[record.shard]?.record;
    return node === undefined || lender === undefined || lent === undefined
      ? undefined
      : { record, node, lender, lent };
  }

  #nodeOf({ taskId, nodeId }: ShardRef): GraphNode | undefined {
    const graph = this.#parts.state.tasks.get(taskId)?.record.graph;
    return graph?.nodes.find(({ node_id }) => node_id === nodeId);
  }
}

const withoutAuthor = ({ epoch: _, claimId: __, ...rest }: Artifact) => rest;

/** Without the open batches and the number of those set aside, which depend on the earlier entries. */
function withoutPosition(artifact: Artifact) {
  const { to: _, open: __, aside: ___, ...origin } = artifact.origin;
  return { ...withoutAuthor(artifact), origin: { ...origin, place: placeOf(artifact) } };
}

/** Whether a batch is not stored although a later one is. With several shards, the indexes of each have gaps anyway. */
const hasHole = ({ partitions = 1 }: GraphNode, artifacts: readonly Artifact[]): boolean =>
  [...Map.groupBy(artifacts, ({ origin }) => origin.source)].some(([source, from]) =>
    source === ""
      ? partitions === 1 && Math.max(...from.map(({ origin }) => origin.seq)) >= from.length
      : from.at(-1)?.origin.open !== undefined,
  );
