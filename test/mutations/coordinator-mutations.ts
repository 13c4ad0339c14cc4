import { edit, type Mutation, mutation } from "./mutation.ts";

const scheduler = "core/coordinator/scheduler.ts";
const looks = "core/coordinator/start-looks.ts";
const sweeper = "core/coordinator/sweeper.ts";
const raceOf = (title: string, why: string) => ({ file: "test/sim/scheduler-races.test.ts", title, why });

export const coordinatorMutations: readonly Mutation[] = [
  mutation(
    "no task sweep",
    edit(sweeper, "() => store.dueTasks(tasksAPage, sweepMs, sweepMs - pace.sweepMs)", "async () => [] as string[]"),
  ),
  mutation("no lease sweep", edit(sweeper, "() => store.expiredLeases(shardsAPage)", "async () => [] as EpochRef[]")),
  mutation("no sweep of deadlines", edit(sweeper, "return overdue;", "return [];")),
  mutation(
    "a deadline passes a little early",
    edit(
      "adapters/memory/tasks.ts",
      "dueOf(state.deadlines, { limit, now: now() })",
      "dueOf(state.deadlines, { limit, now: now() + 200 })",
    ),
  ),
  mutation(
    "a task past its deadline goes on until it is swept",
    edit(
      sweeper,
      "if (await store.failTask(taskId, deadlineExceeded)) await scheduler.replan(taskId);",
      "await store.failTask(taskId, deadlineExceeded);",
    ),
  ),
  {
    elsewhere: {
      file: "test/sim/bulk-sweeps.test.ts",
      title: "two thousand tasks whose messages were lost",
      why: "takes more tasks than a page has, due at once",
    },
    ...mutation(
      "of the tasks that are due, a sweep skips all but one of a page",
      edit(
        sweeper,
        "await all(tasksAPage, due, (taskId)",
        "await all(tasksAPage, async () => (await due()).slice(0, 1), (taskId)",
      ),
    ),
  },
  mutation("no sweep of retries", edit(sweeper, "return due;", "return [];")),
  {
    ...mutation(
      "an expired lease is not commanded again",
      edit(
        sweeper,
        'if (record?.status === "queued") await scheduler.command(record);',
        'if (record?.status === "queued") {}',
      ),
    ),
    harmless: "workers look in the queue by themselves",
  },
  mutation("a retry is not commanded", edit(sweeper, "if (record !== undefined) await scheduler.command(record);", "")),
  mutation(
    "a failed shard is not swept into its task",
    edit(scheduler, "if (failure !== undefined) {", "if (false) {"),
  ),
  mutation(
    "a counter shared across an await",
    edit(
      scheduler,
      "for (let index = cached.openFrom; index < nodes.length; index++) {\n      const node = nodes[index] as NodePlan;",
      "while (cached.openFrom < nodes.length) {\n      const node = nodes[cached.openFrom] as NodePlan;",
    ),
    edit(scheduler, "cached.openFrom = Math.max(cached.openFrom, index + 1);", "cached.openFrom++;"),
  ),
  mutation(
    "'not finished' is remembered",
    edit(looks, "export class StartLooks {", "const unfinished = new Set<string>();\nexport class StartLooks {"),
    edit(
      looks,
      "      await this.#read(taskId, cached, { node, parentIds: [parentId] });\n",
      "      if (unfinished.has([taskId, node.id, parentId].join())) return undefined;\n      await this.#read(taskId, cached, { node, parentIds: [parentId] });\n",
    ),
    edit(
      looks,
      "      // A concurrent call may have advanced further during the read: never move back.\n",
      "      unfinished.add([taskId, node.id, parentId].join());\n",
    ),
  ),
  mutation(
    "'not satisfied' is remembered, where some parents are enough",
    edit(looks, "export class StartLooks {", "const lacking = new Set<string>();\nexport class StartLooks {"),
    edit(
      looks,
      "      await this.#read(taskId, cached, { node, parentIds, some });\n",
      "      const known = (id: string) => [taskId, node.id, id].join();\n      await this.#read(taskId, cached, { node, parentIds: parentIds.filter((id) => !lacking.has(known(id))), some });\n      for (const id of parentIds) if (!satisfies(cached, node, id)) lacking.add(known(id));\n",
    ),
  ),
  mutation("a look that is owed is never made", edit(looks, "        this.#onOwed();\n", "")),
  mutation(
    "a child's state from memory",
    edit(
      scheduler,
      "if (finished && couldEndFirst && isNodeFinished(child, await this.#store.readShards(taskId, [child.id])))",
      "if (false)",
    ),
  ),
  {
    elsewhere: raceOf(
      "a streaming child that ends before its parent",
      "takes a child that reads nothing of its parent",
    ),
    ...mutation(
      "a streaming child's state from memory",
      edit(
        scheduler,
        "const couldEndFirst = !child.needsAll || child.startsOnFirstBatch;",
        "const couldEndFirst = !child.needsAll;",
      ),
    ),
  },
  mutation(
    "dispatch is remembered before it is written",
    edit(
      scheduler,
      "    const { chosen } = verdict;\n",
      "    const { chosen } = verdict;\n    cached.dispatched.add(node.id);\n",
    ),
  ),
  mutation(
    "a node is finished when the shards that exist are",
    edit("core/plan/plan.ts", "shards.length === node.partitions && ", "shards.length > 0 && "),
  ),
  mutation(
    "a dispatch is not commanded",
    edit(scheduler, 'if (outcome === "dispatched") await this.#command(node.type, ref, 1);', ""),
  ),
  mutation(
    "the children of a finished node are not looked at",
    edit(
      scheduler,
      "        await this.#follow(verdict, { taskId, cached, node: child });\n",
      "        void verdict;\n",
    ),
  ),
  mutation(
    "an idempotency key returns a task with another graph",
    edit(
      "core/coordinator/new-task.ts",
      "const isOtherGraph = !isRetry && !isSameGraph(graph, found);",
      "const isOtherGraph = false && isSameGraph(graph, found);",
    ),
  ),
  mutation(
    "an idempotency key returns a task with other parameters",
    edit(
      "core/coordinator/new-task.ts",
      "const params = isRetry ? [] : differingKeys(task.params, found.params);",
      "const params = isRetry ? [] : differingKeys(task.params, task.params);",
    ),
  ),
  mutation(
    "one parent too few",
    edit("core/plan/plan.ts", "if (satisfied.length < node.needed) {", "if (satisfied.length + 1 < node.needed) {"),
    edit(looks, "node.dependsOn.length - node.needed;", "node.dependsOn.length - node.needed + 1;"),
  ),
  mutation(
    "all parents count as chosen",
    edit("core/plan/plan.ts", "{ ready: true, chosen: satisfied }", "{ ready: true, chosen: node.dependsOn }"),
  ),
  mutation(
    "a task closes with what has a record",
    edit(
      scheduler,
      "if (seen !== undefined && isShardTerminal(seen.status)) continue;",
      "if (seen === undefined || isShardTerminal(seen.status)) continue;",
    ),
  ),
  mutation(
    "nobody says that a cancelled attempt has stopped",
    edit(
      "core/worker/attempt/attempt.ts",
      'if (answer === "ok") await announce(run, { kind: "CANCELLED", reason: "cancelled" });',
      "",
    ),
  ),
  {
    elsewhere: raceOf(
      "a cancel goes to the current owner of the attempt",
      "takes an attempt that is claimed between two calls, and then waits for time to pass",
    ),
    ...mutation(
      "a cancel goes to who held the attempt before it",
      edit(scheduler, "await this.#signal(ref, cancelReason);", "await this.#signal(seen ?? ref, cancelReason);"),
      edit(
        scheduler,
        "    const records = await this.#store.readShards(ref.taskId, [ref.nodeId]);\n    const record = records.find(({ shard }) => shard === ref.shard);\n    if (record",
        "    const record = ref as ShardRecord;\n    if (record",
      ),
    ),
  },
  mutation(
    "a cancel names the attempt before",
    edit(scheduler, "cancelMessage(record, {", "cancelMessage({ ...record, epoch: record.epoch - 1 }, {"),
  ),
  mutation(
    "waitingFrom goes one too far",
    edit(
      looks,
      "Math.max(index, cached.waitingFrom.get(node.id) ?? 0)",
      "Math.max(index + 1, cached.waitingFrom.get(node.id) ?? 0)",
    ),
  ),
];
