import { edit, type Mutation, mutation } from "./mutation.ts";

const plan = "core/plan/plan.ts";
const claimer = "core/worker/claim/claimer.ts";
const limits = "core/worker/claim/limits.ts";
const store = "core/store/complete-and-claim.ts";
const transitions = "core/model/attempt-transitions.ts";
const runner = "core/worker/attempt/batch-runner.ts";
const stream = "core/worker/input/stream-input.ts";
const run = "core/worker/attempt/attempt-run.ts";
const worker = "core/worker/worker-core.ts";
const consume = "core/worker/attempt/consume-input.ts";
const log = "core/worker/attempt/attempt-log.ts";

const raceOf = (title: string, why: string) => ({ file: "test/sim/worker-races.test.ts", title, why });

export const continuationMutations: readonly Mutation[] = [
  mutation(
    "a worker goes on although a second parent is open",
    edit(plan, "dependsOn.length === 1 && partitions", "partitions"),
  ),
  mutation(
    "a worker goes on although a second shard is open",
    edit(plan, " || node.partitions > 1) return", ") return"),
  ),
  mutation(
    "a worker goes on with one shard of several",
    edit(plan, "dependsOn.length === 1 && partitions === 1", "dependsOn.length === 1"),
  ),
  mutation(
    "a worker goes on without judging the condition",
    edit(plan, "isAlone && holds === undefined &&", "isAlone &&"),
  ),
  mutation("a worker goes on before a delay has passed", edit(plan, "&& delayMs === 0 && wait", "&& wait")),
  mutation(
    "a worker goes on without the signal",
    edit(plan, "&& delayMs === 0 && wait === undefined ?", "&& delayMs === 0 ?"),
  ),
  mutation(
    "a worker goes on although a limit is full",
    edit(claimer, "return limitsOf(limits.running, claim.taskId, next).length === 0 && ", "return "),
  ),
  mutation(
    "a worker goes on with what a retry adopts",
    edit(limits, "byCoordinators: retryOf !== undefined || startsAt", "byCoordinators: startsAt"),
  ),
  {
    elsewhere: raceOf("a worker does not go on in a task that starts later", "seeds wait for no signals in such tasks"),
    ...mutation(
      "a worker goes on before its task starts",
      edit(
        limits,
        "byCoordinators: retryOf !== undefined || startsAt !== undefined",
        "byCoordinators: retryOf !== undefined",
      ),
    ),
  },
  mutation(
    "a worker goes on in a paused task",
    edit(transitions, '{ ...init, status: "queued", paused, at });', '{ ...init, status: "queued", at });'),
  ),
  mutation(
    "a worker goes on with what another has dispatched",
    edit(
      store,
      "record.shard === shard && record.lease?.claimId === claimId",
      "record.shard === shard && record.lease?.claimId !== undefined",
    ),
  ),
  mutation(
    "a slot that was passed on is released",
    edit(worker, "else if (follower === undefined) this.#claimer", "else this.#claimer"),
  ),
  {
    elsewhere: raceOf("a slot that could not be passed on", "few seeds limit a type that a worker goes on with"),
    ...mutation(
      "a slot that could not be passed on is kept",
      edit(
        claimer,
        "        this.#capacity.pass(next.type, node.type);\n        return undefined;",
        "        return undefined;",
      ),
    ),
  },
  mutation(
    "coordinators look no further when a worker has not gone on",
    edit(
      "core/coordinator/coordinator-core.ts",
      'if (message.kind === "TASK_DONE" && message.continuesWith) return',
      'if (message.kind === "TASK_DONE") return',
    ),
  ),
  {
    harmless: "within a shard's first attempt, only a restart makes it read again, after which the log is empty too",
    ...mutation("a first attempt does not read its log again", edit(run, "    await log.open();\n", "")),
  },
  {
    elsewhere: raceOf("a long chain leaves its slot", "costs others time, which seeds do not measure"),
    ...mutation(
      "a chain never leaves its slot to others",
      edit(claimer, "if (row.count < maxInRow || this", "if (row.count >= 0 || this"),
    ),
  },
  {
    elsewhere: raceOf("a long chain leaves its slot", "costs others time, which seeds do not measure"),
    ...mutation(
      "a chain keeps its slot although others are queued",
      edit(claimer, "if (length > 0 || !this.#mayContinue", "if (!this.#mayContinue"),
    ),
  },
  {
    elsewhere: raceOf(
      "a node whose command has come waits for a chain of short nodes only",
      "costs others time, which seeds do not measure",
    ),
    ...mutation(
      "a worker goes on for as long as it can although others wait",
      edit(claimer, "this.#othersWait && clock.monotonic() - row.since >= maxRowMs", "false"),
    ),
  },
  mutation(
    "a node that reads several nodes takes what its parent handed over for all of them",
    edit(consume, "sources.length === 1 && sources[0]?.nodeId", "sources[0]?.nodeId"),
  ),
  mutation(
    "a node that reads another ancestor takes what its parent handed over for that",
    edit(consume, "sources.length === 1 && sources[0]?.nodeId === run.node.dependsOn[0]", "sources.length === 1"),
  ),
  mutation(
    "the end of a log is handed over as the whole",
    edit(log, "this.#kept.length === this.#length ?", "this.#kept.length > 0 ?"),
  ),
  mutation(
    "a batch that is not the last is stored with the end of its node",
    edit(stream, "sources.length === 1 && artifacts.length === cursor.count", "sources.length === 1"),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/failures-input.test.ts",
      title: "delivers each of the failed batches that its only source has handed over",
      why: "seeds hand few logs with several failed batches to a node that reads only these",
    },
    ...mutation(
      "a failed batch that others follow is stored with the end of its reader",
      edit("core/worker/input/failed-input.ts", "page.isAll && artifacts.length === 1;", "page.isAll;"),
    ),
  },
  mutation(
    "the only batch of an input is stored with the end of a node that reads its own outputs",
    edit(runner, "definition.finalize === undefined && ", ""),
  ),
  {
    harmless: "the node that starts at the first batch starts when its source ends, a little later",
    ...mutation(
      "the only batch of an input is stored at the end although a node starts at the first batch",
      edit(runner, " && !plan.streaming.has(node.id)", ""),
    ),
  },
  mutation(
    "the last artifact is not stored with the end of its node",
    edit(log, "{ ...whole, last }, next)", "{ ...whole, last: undefined }, next)"),
  ),
  {
    elsewhere: {
      file: "test/contract/memory/memory-store.test.ts",
      title: "completeAndClaim repeated gets the same answer, also after an append",
      why: "the attempt ends in any case, and the node behind it runs once its lease has expired",
    },
    ...mutation(
      "a repeated end of a node with its last artifact is taken for fenced",
      edit(store, 'stored === "ok" || stored === "fenced"; // as', 'stored === "ok"; // as'),
    ),
  },
  mutation(
    "what a node stored is handed to the nodes of another task",
    edit(log, "#logs.set(`${taskId", "#logs.set(`${nodeId"),
    edit(log, "#logs.get(`${taskId", "#logs.get(`${nodeId"),
  ),
  mutation(
    "what an attempt has stored is handed on before its node has finished",
    edit(run, "  run.flushLogs(); // before", "  keepForOthers(run, log.kept);\n  run.flushLogs(); // before"),
  ),
  mutation(
    "the output of a later generation is handed over as if it were of the first",
    edit(log, "this.#generation === 0 && this.#kept", "this.#kept"),
  ),
];
