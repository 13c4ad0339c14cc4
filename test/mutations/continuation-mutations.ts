import { edit, type Mutation, mutation } from "./mutation.ts";

const plan = "core/plan/plan.ts";
const claimer = "core/worker/claim/claimer.ts";
const store = "core/store/record-store.ts";
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
    edit(claimer, "if (limitsOf(limits.running, claim.taskId, next).length > 0 || ", "if ("),
  ),
  mutation(
    "a worker goes on with what a retry adopts",
    edit(claimer, "byCoordinators: retryOf !== undefined || startsAt", "byCoordinators: startsAt"),
  ),
  {
    elsewhere: raceOf("a worker does not go on in a task that starts later", "seeds wait for no signals in such tasks"),
    ...mutation(
      "a worker goes on before its task starts",
      edit(
        claimer,
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
      "shard === ref.shard && lease?.claimId === by.claimId",
      "shard === ref.shard && lease?.claimId !== by.workerId",
    ),
  ),
  mutation(
    "a slot that was passed on is released",
    edit(worker, "else if (!held.passedSlot) this.#claimer", "else this.#claimer"),
  ),
  {
    elsewhere: raceOf("a slot that could not be passed on", "few seeds limit a type that a worker goes on with"),
    ...mutation(
      "a slot that could not be passed on is kept",
      edit(
        claimer,
        "        if (claimed === undefined) {\n          this.#capacity.pass(next.type, node.type);",
        "        if (claimed === undefined) {",
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
    ...mutation(
      "a first attempt does not read its log again",
      edit(run, "if (!first || record.epoch > 1", "if (record.epoch > 1"),
    ),
  },
  {
    elsewhere: raceOf("a long chain leaves its slot", "costs others time, which seeds do not measure"),
    ...mutation(
      "a chain never leaves its slot to others",
      edit(claimer, " || row.count >= maxInRow) return;", ") return;"),
    ),
  },
  {
    elsewhere: raceOf(
      "a node whose command has come waits for a chain of short nodes only",
      "costs others time, which seeds do not measure",
    ),
    ...mutation(
      "a worker goes on for as long as it can although others wait",
      edit(claimer, "this.#othersWait && now - row.since >= maxRowMs", "false"),
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
      edit(store, 'appended === "ok" || appended === "fenced"; // as', 'appended === "ok"; // as'),
    ),
  },
  mutation(
    "the output of a later generation is handed over as if it were of the first",
    edit(log, "this.#generation === 0 && this.#kept", "this.#kept"),
  ),
];
