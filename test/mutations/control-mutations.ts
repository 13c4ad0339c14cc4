import { edit, type Mutation, mutation } from "./mutation.ts";

const scheduler = "core/coordinator/scheduler.ts";
const looks = "core/coordinator/start-looks.ts";
const adoption = "core/coordinator/adoption.ts";
const readiness = "core/plan/readiness.ts";
const consume = "core/worker/attempt/consume-input.ts";
const recordStore = "core/store/record-store.ts";
const transition = "core/model/shard-transition.ts";

export const controlMutations: readonly Mutation[] = [
  mutation(
    "skipping spreads to the children",
    edit(
      scheduler,
      "    let skips = node.holds !== undefined",
      `    const parents = await this.#store.readShards(taskId, node.dependsOn);
    let skips = parents.some(({ status }) => status === "skipped") || node.holds !== undefined`,
    ),
  ),
  mutation(
    "count:N is not reduced by skipped parents",
    edit(readiness, "Math.min(node.needed, satisfied.length + waitingOn.length)", "node.needed"),
  ),
  mutation(
    "a skipped parent counts for any and count:N",
    edit(readiness, "(closed && (node.needsAll || !omitted))", "closed"),
    edit(
      looks,
      "(cached.closed.has(parentId) && (node.needsAll || !cached.omitted.has(parentId)))",
      "cached.closed.has(parentId)",
    ),
  ),
  mutation(
    "a condition is judged before the parents have ended",
    edit(
      scheduler,
      "    if (!verdict?.ready) return;\n    let { chosen } = verdict;\n",
      `    const isSkipped = node.holds !== undefined && !(await this.#holds(taskId, cached, node));
    if (!verdict?.ready && !isSkipped) return;
    let { chosen } = verdict ?? {};
`,
    ),
  ),
  mutation(
    "a condition of several cases needs all of them",
    edit("core/plan/plan.ts", "cases.some((matches) => matches(facts))", "cases.every((matches) => matches(facts))"),
  ),
  {
    elsewhere: {
      file: "test/unit/core/coordinator/conditions.test.ts",
      title: "the first shard decides for all",
      why: "the conditions of drawn graphs ask about parents only where these have ended",
    },
    ...mutation(
      "each shard of a node judges its condition",
      edit(scheduler, '[skips, chosen] = [first.status === "skipped", first.chosen];', "chosen = first.chosen;"),
    ),
  },
  {
    elsewhere: {
      file: "test/unit/core/coordinator/conditions.test.ts",
      title: "read the same ones: the first shard decides",
      why: "requires a parent that ends between the dispatches of two shards of a node that others satisfied",
    },
    ...mutation(
      "each shard of a node reads the parents that satisfied it when it was dispatched",
      edit(
        scheduler,
        '[skips, chosen] = [first.status === "skipped", first.chosen];',
        'skips = first.status === "skipped";',
      ),
    ),
  },
  mutation(
    "the children of a skipped node are not checked",
    edit(scheduler, "if (skips) return this.nodeChanged(taskId, node.id);", "if (skips) return;"),
  ),
  mutation(
    "the log of a skipped shard is not closed",
    edit(
      transition,
      '  if (status === "skipped") Object.assign(record, { count: 0 }); // it has stored nothing, and never will\n',
      "",
    ),
  ),
  mutation(
    "a skipped node is adopted as finished",
    edit(transition, "    priority,\n    status,\n", '    priority,\n    status: "finished",\n'),
  ),
  mutation(
    "a skipped node is judged again in a retry",
    edit(adoption, 'status === "finished" || status === "skipped"', 'status === "finished"'),
  ),
  mutation(
    "the failure of an optional node fails the task",
    edit(looks, "const failed = records.filter(isFatal);", "const failed: ShardRecord[] = [];"),
  ),
  {
    elsewhere: {
      file: "test/sim/scheduler-races.test.ts",
      title: "a shard of an optional node that fails while the log of another is closed does not fail the task",
      why: "the directed test of this moment",
    },
    ...mutation(
      "a shard of an optional node fails the task if it fails while the log of another is closed",
      edit(looks, "    records = await store.readShards", "    return store.readShards"),
    ),
  },
  {
    elsewhere: {
      file: "test/sim/scheduler-races.test.ts",
      title: "a shard of an optional node that fails while the others are cancelled has its log closed",
      why: "the directed test of this moment",
    },
    ...mutation(
      "the log of an optional node that fails while its task ends is closed after the end",
      edit(
        scheduler,
        'if (status === "failed" && node.optional) await',
        'if (status === "finished" && node.optional) await',
      ),
    ),
  },
  mutation(
    "the log of a failed optional node is not closed",
    edit(recordStore, "    await logs.close(ref, generation);\n", ""),
  ),
  mutation(
    "what a failed optional node had stored is lost",
    edit(recordStore, "{ count, failedBatches, now }", "{ count: 0, failedBatches, now }"),
  ),
  mutation(
    "a node has ended when one of its shards has",
    edit(
      readiness,
      "shards.length < node.partitions || !shards.every(({ status }) => isShardTerminal(status))",
      "!shards.some(({ status }) => isShardTerminal(status))",
    ),
  ),
  mutation(
    "handlers of outcomes are cancelled with the others",
    edit(scheduler, "task.cancelsAll ? none : sparedNodes(plan, nodes, recordsOf)", "none"),
  ),
  mutation(
    "what is behind the handlers of outcomes is cancelled",
    edit(readiness, "if (!needs.every((id) => live.has(id))) continue;", "if (!node.startsOnEnded) continue;"),
  ),
  mutation(
    "what is behind the handlers of outcomes waits for what was cancelled",
    edit(readiness, "if (!needs.every((id) => live.has(id))) continue;", ""),
  ),
  mutation(
    "the end of the last handler of outcomes is not noticed",
    edit(
      scheduler,
      "if (cached.plan.handling.has(nodeId) && cached.ended.has(nodeId) && (await this.#isEnding(taskId))) {",
      "if (false) {",
    ),
  ),
  mutation(
    "a failure in a handler of outcomes replaces the first",
    edit(
      scheduler,
      '    if (task.status === "cancelling") return this.#cancelRest(task, cached);\n',
      `    if (task.status === "cancelling") {
      const late = (await this.#store.readShards(taskId)).findLast(isFatal)?.failure;
      if (late !== undefined) await this.#store.failTask(taskId, late);
      return this.#cancelRest(task, cached);
    }
`,
    ),
    edit(
      "core/model/task-transitions.ts",
      "if (failure.nodeId !== undefined || !isOverdue || task.cancelsAll) return undefined;",
      `if (failure.nodeId !== undefined && task.status === "cancelling") return { ...task, failure };
  if (!isOverdue || task.cancelsAll) return undefined;`,
    ),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/outcomes.test.ts",
      title: "a partitioned node has failed if one of its shards has",
      why: "two shards of one node rarely fail in a drawn graph",
    },
    ...mutation(
      "the outcome of a node is the failure of its last failed shard",
      edit(
        readiness,
        'shards.find(({ status }) => status === "failed")',
        'shards.findLast(({ status }) => status === "failed")',
      ),
    ),
  },
  mutation(
    "a node with a failed shard has finished",
    edit(
      readiness,
      'if (failed !== undefined) return { status: "failed"',
      'if (failed !== undefined && shards.length === 1) return { status: "failed"',
    ),
  ),
  mutation(
    "outcomes that do not match are delivered",
    edit(consume, "if (input.takes?.(outcome) === false || shardOf(uid", "if (shardOf(uid"),
  ),
  mutation(
    "every shard handles all outcomes",
    edit(consume, " || shardOf(uid, run.node.partitions) !== shard) continue;", ") continue;"),
  ),
  mutation("a handler of outcomes is adopted by a retry", edit(adoption, "  !node.startsOnEnded &&\n", "")),
  {
    elsewhere: {
      file: "test/integration/engine/outcomes.test.ts",
      title: "its own failure, and those behind it, are appended to the failure of the task",
      why: "the simulation does not read what is logged, nor failures in events",
    },
    ...mutation(
      "what failed after the failure of a task is not logged",
      edit("core/tasks/task-reader.ts", "for (const each of later) log(each, text);", ""),
    ),
  },
];
