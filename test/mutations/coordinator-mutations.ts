import { edit, type Mutation, mutation } from "./mutation.ts";

const scheduler = "core/coordinator/scheduler.ts";
const looks = "core/coordinator/start-looks.ts";
const sweeper = "core/coordinator/sweeper.ts";
const records = "core/store/record-store.ts";
const raceOf = (title: string, why: string) => ({ file: "test/sim/scheduler-races.test.ts", title, why });

export const coordinatorMutations: readonly Mutation[] = [
  mutation(
    "no sweep of tasks",
    edit(sweeper, "() => store.dueTasks(tasksAPage, sweepMs, aheadMs)", "async () => [] as string[]"),
  ),
  mutation(
    "no sweep of leases",
    edit(sweeper, "() => store.expiredLeases(shardsAPage)", "async () => [] as EpochRef[]"),
  ),
  mutation(
    "a dispatch is announced before its shard is inserted",
    edit(
      records,
      "const inserted = await this.#driver.shards.insert(ref",
      "onQueued();\n    await announcing;\n    const inserted = await this.#driver.shards.insert(ref",
    ),
  ),
  mutation("no sweep of deadlines", edit(sweeper, "return overdue;", "return [];")),
  mutation(
    "a task deadline expires early",
    edit(
      "adapters/memory/tasks.ts",
      "dueOf(state.deadlines, { limit, now: now() })",
      "dueOf(state.deadlines, { limit, now: now() + 200 })",
    ),
  ),
  mutation(
    "a task past its deadline runs until the next sweep",
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
      why: "requires more due tasks than fit in a page",
    },
    ...mutation(
      "a sweep handles only one due task per page",
      edit(
        sweeper,
        "await all(tasksAPage, tasks, (taskId)",
        "await all(tasksAPage, async () => (await tasks()).slice(0, 1), (taskId)",
      ),
    ),
  },
  mutation("no sweep of retries", edit(sweeper, "return due;", "return [];")),
  {
    ...mutation(
      "no command is sent after a lease expires",
      edit(
        sweeper,
        'if (record?.status === "queued") await scheduler.command(record);',
        'if (record?.status === "queued") {}',
      ),
    ),
    harmless: "workers also scan the queue",
  },
  mutation(
    "no command is sent for a retry",
    edit(sweeper, "if (record !== undefined) await scheduler.command(record);", ""),
  ),
  mutation(
    "a sweep does not fail the task of a failed shard",
    edit(scheduler, "if (failure !== undefined) {", "if (false) {"),
  ),
  mutation(
    "a counter is shared across an await",
    edit(scheduler, '      while (cached.closed.has(nodes[cached.openFrom]?.id ?? "")) cached.openFrom++;\n', ""),
    edit(
      scheduler,
      "if (!next.every((node) => noteEnd(cached, node, shardsOf.get(node.id) ?? []))) return false;",
      "if (!next.every((node) => noteEnd(cached, node, shardsOf.get(node.id) ?? []))) return false;\n      cached.openFrom += next.length;",
    ),
  ),
  mutation(
    "'not finished' is cached",
    edit(looks, "export class StartLooks {", "const unfinished = new Set<string>();\nexport class StartLooks {"),
    edit(
      looks,
      "      await this.#read(taskId, cached, { node, parentIds: [parentId] });\n",
      "      if (unfinished.has([taskId, node.id, parentId].join())) return undefined;\n      await this.#read(taskId, cached, { node, parentIds: [parentId] });\n",
    ),
    edit(
      looks,
      "      if (!satisfies(cached, node, parentId)) return undefined;\n",
      "      if (!satisfies(cached, node, parentId)) return void unfinished.add([taskId, node.id, parentId].join());\n",
    ),
  ),
  mutation(
    "'not satisfied' is cached with a partial fan-in",
    edit(looks, "export class StartLooks {", "const lacking = new Set<string>();\nexport class StartLooks {"),
    edit(
      looks,
      "      await this.#read(taskId, cached, { node, parentIds, some });\n",
      "      const known = (id: string) => [taskId, node.id, id].join();\n      await this.#read(taskId, cached, { node, parentIds: parentIds.filter((id) => !lacking.has(known(id))), some });\n      for (const id of parentIds) if (!satisfies(cached, node, id)) lacking.add(known(id));\n",
    ),
  ),
  mutation("a postponed start check is dropped", edit(looks, "        this.#onOwed();\n", "")),
  mutation(
    "a child's state is taken from the cache",
    edit(scheduler, " || !noteEnd(cached, child, await this.#store.readShards(taskId, [child.id]));", " || true;"),
  ),
  {
    elsewhere: raceOf(
      "a streaming child that ends before its parent",
      "requires a child that does not read the artifacts of its parent",
    ),
    ...mutation(
      "a streaming child's state is taken from the cache",
      edit(
        scheduler,
        "const couldEndFirst = !child.needsAll || child.startsOnFirstBatch;",
        "const couldEndFirst = !child.needsAll;",
      ),
    ),
  },
  mutation(
    "a dispatch is cached before it is written",
    edit(
      scheduler,
      "    let { chosen } = verdict;\n",
      "    let { chosen } = verdict;\n    cached.dispatched.add(node.id);\n",
    ),
  ),
  mutation(
    "missing shards count as closed",
    edit(
      "core/plan/readiness.ts",
      "shards.length === node.partitions && shards.every(isClosed)",
      "shards.length > 0 && shards.every(isClosed)",
    ),
  ),
  mutation(
    "no command is sent for a dispatched node",
    edit(
      scheduler,
      "const announce = delayMs === 0 ? () => this.#command(node.type, ref, 1) : undefined;",
      "const announce = delayMs === 0 ? async () => {} : undefined;",
    ),
  ),
  mutation(
    "children are not checked when a node finishes",
    edit(
      scheduler,
      "        await this.#follow(verdict, { taskId, cached, node: child });\n",
      "        void verdict;\n",
    ),
  ),
  mutation(
    "an idempotency key matches a task with another graph",
    edit(
      "core/coordinator/new-task.ts",
      "const isOtherGraph = !isRetry && !isSameGraph(graph, found);",
      "const isOtherGraph = false && isSameGraph(graph, found);",
    ),
  ),
  mutation(
    "an idempotency key matches a task with other parameters",
    edit(
      "core/coordinator/new-task.ts",
      "const params = isRetry ? [] : differingKeys(task.params, found.params);",
      "const params = isRetry ? [] : differingKeys(task.params, task.params);",
    ),
  ),
  mutation(
    "a node starts with one parent too few",
    edit("core/plan/readiness.ts", "if (needed > 0) {", "if (needed > 1) {"),
    edit(looks, "node.dependsOn.length - node.needed - omitted", "node.dependsOn.length - node.needed - omitted + 1"),
  ),
  mutation(
    "all parents count as chosen",
    edit("core/plan/readiness.ts", "{ ready: true, chosen: satisfied }", "{ ready: true, chosen: node.dependsOn }"),
  ),
  mutation(
    "shards without a record are not closed",
    edit(
      scheduler,
      "if (seen !== undefined && isShardTerminal(seen.status)) continue;",
      "if (seen === undefined || isShardTerminal(seen.status)) continue;",
    ),
  ),
  mutation(
    "a confirmed cancel is not announced",
    edit(
      "core/worker/attempt/attempt.ts",
      'if (answer === "ok") await announce(run, { kind: "CANCELLED", reason: "cancelled" });',
      "",
    ),
  ),
  {
    elsewhere: raceOf(
      "a cancel goes to the current owner of the attempt",
      "requires an attempt that is claimed between two calls and then waits for a timer",
    ),
    ...mutation(
      "a cancel goes to the previous owner of the attempt",
      edit(scheduler, "await this.#signal(ref, cancelReason);", "await this.#signal(seen ?? ref, cancelReason);"),
      edit(
        scheduler,
        "    const records = await this.#store.readShards(ref.taskId, [ref.nodeId]);\n    const record = records.find(({ shard }) => shard === ref.shard);\n    if (record",
        "    const record = ref as ShardRecord;\n    if (record",
      ),
    ),
  },
  mutation(
    "a cancel names the previous attempt",
    edit(scheduler, "cancelMessage(record, {", "cancelMessage({ ...record, epoch: record.epoch - 1 }, {"),
  ),
  mutation(
    "waitingFrom is off by one",
    edit(looks, "cached.waitingFrom.set(node.id, from);", "cached.waitingFrom.set(node.id, from + 1);"),
  ),
  mutation(
    "a sweep takes what a look has found for not due",
    edit(sweeper, "due === undefined || due.found.has(kind);", 'due === undefined || kind === "tasks";'),
  ),
  mutation(
    "a node that was read with the last one is taken for ended",
    edit(
      scheduler,
      "if (looked.has(next[0].id)) return false;",
      "if (looked.has(next[0].id)) {\n        cached.openFrom++;\n        continue;\n      }",
    ),
  ),
];
