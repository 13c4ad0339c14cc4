import { edit, type Mutation, mutation } from "./mutation.ts";

const children = "core/coordinator/child-tasks.ts";
const scheduler = "core/coordinator/scheduler.ts";

export const childMutations: readonly Mutation[] = [
  mutation(
    "each try of a batch runs its flow from the beginning",
    edit(children, "return own.count < ctx.tries ? continued(", "return own.count < ctx.tries ? restarted("),
    edit(
      children,
      "/** The task itself if it finished;",
      "const restarted = (parts: ChildTaskParts, batch: FlowBatch, _: TaskRecord, number: number) =>\n  create(parts, batch, firstTask(parts, batch, number));\n/** The task itself if it finished;",
    ),
  ),
  mutation(
    "a retried task runs the flows of its batches from the beginning",
    edit(
      children,
      "let { retryOf } = batch.parent;",
      "let retryOf: string | undefined = undefined as string | undefined;",
    ),
  ),
  mutation(
    "a flow runs again for a batch whose task had finished",
    edit(
      children,
      'if (task?.status === "finished") return task;',
      'if (task === undefined) throw new AttemptEnded("starving");',
    ),
  ),
  mutation(
    "the task of a batch has another id at each attempt",
    edit(
      children,
      "const text = JSON.stringify([nodeId, uid, number, params]);",
      "const text = JSON.stringify([nodeId, uid, number, params, ctx_epoch]);",
    ),
    edit(
      children,
      "{ ctx: { nodeId, uid }, params }: FlowBatch",
      "{ ctx: { nodeId, uid, epoch: ctx_epoch }, params }: FlowBatch",
    ),
  ),
  mutation(
    "the failure of a batch's task is its output without settled",
    edit(children, "if (flow.settled && (batch.isPermanent", "if ((batch.isPermanent"),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/child-tasks.test.ts",
      title: "cancels their tasks with its own",
      why: "the tasks of simulated nodes end by themselves",
    },
    ...mutation(
      "the tasks of a cancelled task go on until they are swept, and then too",
      edit(
        scheduler,
        'if (!spared.has(child.parent?.nodeId ?? "")) await this.#cancel(child.id);\n      else if',
        "if",
      ),
      edit(
        scheduler,
        "if (task.parent !== undefined && !(await isNeeded(this.#store, task.parent))) return",
        "if (false) return",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/child-tasks.test.ts",
      title: "pauses and resumes their tasks with its own, and only with it",
      why: "the directed test of this guarantee",
    },
    ...mutation(
      "the tasks of a paused task go on",
      edit(scheduler, "if (await followPause(this.#store, task)) return this.replan(taskId);", ""),
      edit(scheduler, "if ((child.paused ?? false) !== (task.paused ?? false)) await this.replan(child.id);", ""),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/child-tasks.test.ts",
      title: "begins nothing in a task that is created while its own is paused",
      why: "the directed test of this moment",
    },
    ...mutation(
      "a task of a node begins although its own was paused while it was created",
      edit(children, "isNew && !isPaused ? scheduler.begin", "isNew ? scheduler.begin"),
      edit(
        children,
        'const isPaused = isNew && (await store.readTask(task.parent?.taskId ?? ""))?.paused === true;',
        "",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/child-tasks.test.ts",
      title: "is not claimed again by a stopping coordinator",
      why: "the task of a batch must end while its coordinator stops and waits for a function: one seed in 6,800",
    },
    ...mutation(
      "a coordinator that stops waits for functions before it stops claiming batches of flows",
      edit(
        "core/coordinator/coordinator-core.ts",
        "() => this.#flowWorker.stop(), // first: the other may wait, and attempts of this one end at once now\n      () => this.#functionWorker.stop(options),",
        "() => this.#functionWorker.stop(options),\n      () => this.#flowWorker.stop(),",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/child-tasks.test.ts",
      title: "does not wait for a slot that its consumer or its source has",
      why: "requires that consumers of such a node occupy all slots",
    },
    ...mutation(
      "consumers keep their slots while the tasks of their source need them",
      edit("core/model/records.ts", 'status === "running" && type !== flowType', 'status === "running"'),
      edit(
        "core/model/records.ts",
        "({ status, type }: ShardRecord): boolean => status",
        "({ status }: ShardRecord): boolean => status",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/sim/scheduler-races.test.ts",
      title: "the paused task of a batch ends with the task of its node",
      why: "requires a batch that times out while its task is paused, in a world without sweeps: one seed in 15,000",
    },
    ...mutation(
      "the tasks of a task that has ended wait for a sweep",
      edit(
        scheduler,
        "for await (const child of openChildren(this.#store, { taskId, plan: cached.plan })) await this.replan(child.id);",
        "",
      ),
    ),
  },
];
