import { edit, type Mutation, mutation } from "./mutation.ts";

const tasks = "core/model/task-transitions.ts";
const shards = "core/model/shard-transition.ts";
const sweeps = "core/model/sweep-transitions.ts";
const scheduler = "core/coordinator/scheduler.ts";
const coordinator = "core/coordinator/coordinator-core.ts";
const created = "core/coordinator/new-task.ts";
const marks = "core/coordinator/task-marks.ts";
const worker = "core/worker/worker-core.ts";
const functions = "core/worker/attempt/function-run.ts";

export const signalMutations: readonly Mutation[] = [
  mutation(
    "a second signal replaces the first",
    edit(tasks, "if (known !== undefined) {", "if (known !== undefined && known.id === id) {"),
  ),
  mutation(
    "a signal does not wake its node",
    edit(coordinator, "() => this.#scheduler.marks.signalled(taskId, nodeId)", "async () => {}"),
  ),
  mutation(
    "a dispatch does not look for a signal that came before it",
    edit(scheduler, "if (node.wait !== undefined) await this.marks.dispatched(taskId, node.id);", ""),
  ),
  mutation(
    "a sweep does not wake a node whose signal is there",
    edit(
      scheduler,
      "if (node.wait !== undefined && signalOf(task, node.id) !== undefined) await this.marks.wake(shards);",
      "",
    ),
  ),
  mutation(
    "a wait that times out ignores a signal that came first",
    edit(
      functions,
      "const { payload = onTimeout } = outcome.signal;",
      "const payload = onTimeout ?? outcome.signal.payload;",
    ),
  ),
  mutation(
    "a wait ends before its time",
    edit(scheduler, "(node.wait.timeoutMs ?? Number.POSITIVE_INFINITY)", "(node.wait.timeoutMs ?? 60_000)"),
  ),
  mutation(
    "a retry forgets the signals of its task",
    edit(created, "...(received.length === 0 ? {} : {", "...(received.length >= 0 ? {} : {"),
  ),
  mutation(
    "a retry begins with waits that have ended",
    edit(created, "filter(([, { payload }]) => payload !== undefined)", "filter(([, { id }]) => id !== undefined)"),
  ),
  mutation(
    "a delayed node is dispatched as queued",
    edit(scheduler, "node.wait === undefined ? node.delayMs :", "node.wait === undefined ? 0 :"),
  ),
  mutation(
    "the coordinator that dispatches a delayed node sleeps until its next tick",
    edit(scheduler, 'if (outcome === "dispatched" && announce === undefined) this.#onDue(delayMs);', ""),
  ),
  mutation(
    "a pause leaves queued shards in the queue",
    edit(sweeps, 'if (status === "queued") return', 'if (status === "queued" && at.now < 0) return'),
  ),
  mutation(
    "a pause forgets when a shard is due",
    edit(sweeps, "waitUntil(dueAt ?? Number.POSITIVE_INFINITY, true)", "waitUntil(at.now, true)"),
  ),
  mutation(
    "a paused shard is due",
    edit(shards, "return paused ? { paused: due } : due;", "return paused ? { paused: due, ...due } : due;"),
  ),
  mutation(
    "a dispatch ignores that its task is paused",
    edit(
      "core/store/record-store.ts",
      '{ ...init, status: "queued", paused, at });\n    let announcing',
      '{ ...init, status: "queued", at });\n    let announcing',
    ),
  ),
  mutation(
    "a lost lease queues a shard of a paused task",
    edit(sweeps, "    if (record.paused !== undefined) {", "    if (record.epoch < 0) {"),
  ),
  mutation(
    "a released attempt of a paused task is due",
    edit(
      "core/model/attempt-transitions.ts",
      "...waitUntil(until.now + until.delayMs, held.paused !== undefined),",
      "...waitUntil(until.now + until.delayMs, false),",
    ),
  ),
  mutation(
    "a resume leaves shards paused",
    edit(marks, "(shard.paused !== undefined) !== paused);", "shard.paused === undefined && paused);"),
  ),
  mutation(
    "a resume waits for the next tick",
    edit(
      marks,
      "else if ((await this.#store.resumeShard(shard)) !== undefined) this.#onDue(0);",
      "else await this.#store.resumeShard(shard);",
    ),
  ),
  mutation(
    "a pause renews no lease of a running attempt",
    edit(
      "core/model/attempt-transitions.ts",
      'if (record?.lease === undefined || (answer !== "ok" && answer !== "pausing")) return { answer };',
      'if (record?.lease === undefined || answer !== "ok") return { answer };',
    ),
  ),
  mutation(
    "a worker is not told that a task is paused",
    edit(
      marks,
      "await this.#bus.publish(topics.signals, lease.workerId, message);\n    }\n    return shards;",
      "}\n    return shards;",
    ),
  ),
  mutation(
    "an attempt of a paused task begins further batches",
    edit(worker, "    held.windDown();\n    const { clock }", "    const { clock }"),
  ),
  {
    elsewhere: {
      file: "test/sim/scheduler-races.test.ts",
      title: "a pause and a resume at once",
      why: "requires two coordinators that pause and resume one task within the same few steps",
    },
    ...mutation(
      "a pause does not look whether its task was resumed meanwhile",
      edit(marks, "if (((await this.#store.readTask(id))?.paused ?? false) !== paused) return undefined;", ""),
    ),
  },
  mutation(
    "a pause does not interrupt what waits for something new",
    edit(worker, "        held.releaseIdle();\n      }\n    });", "      }\n    });"),
  ),
];
