import { edit, type Mutation, mutation } from "./mutation.ts";

const pool = "core/worker/attempt/batch-pool.ts";
const queue = "core/worker/attempt/outcome-queue.ts";
const log = "core/worker/attempt/attempt-log.ts";
const consume = "core/worker/attempt/consume-input.ts";
const handlerRun = "core/worker/attempt/handler-run.ts";
const failedInput = "core/worker/input/failed-input.ts";
const timedTry = "core/worker/attempt/timed-try.ts";
const order = "core/worker/input/input-order.ts";

const directed = (title: string, why: string) => ({
  file: "test/integration/engine/failed-batches.test.ts",
  title,
  why,
});

/** Mistakes in how failed batches are set aside, and in the time limit of their tries. */
export const asideMutations: readonly Mutation[] = [
  mutation("one batch too many is set aside", edit(queue, "newlyAside < maxAside", "newlyAside <= maxAside")),
  mutation(
    "batches are set aside although their node does not",
    edit(pool, "if (node.batches.setsAside && failure", "if (failure"),
  ),
  mutation(
    "a batch gets one try too many before it is set aside",
    edit(
      pool,
      "open.failed >= node.retry.maxFailures",
      "open.failed >= node.retry.maxFailures + (node.batches.setsAside ? 1 : 0)",
    ),
  ),
  {
    ...mutation(
      "a batch whose uid is repeated is set aside",
      edit(pool, ' && failure.reasonCode !== "duplicate_uid"', ""),
    ),
    harmless: "the log refuses the uid in that case too, when the batch is stored as set aside",
  },
  mutation(
    "the next attempt forgets how many batches are set aside",
    edit(log, "this.#aside = asideIn(tail.origins);", ""),
  ),
  mutation(
    "a finished shard does not say how many batches are set aside",
    edit(
      log,
      "const failedBatches = this.#aside === 0 ? {} : { failedBatches: this.#aside };",
      "const failedBatches = {};",
    ),
  ),
  mutation(
    "a consumer processes what was set aside",
    edit(
      consume,
      "if (isOutput(artifact) !== (failuresOf === undefined)) return [];",
      "if (isOutput(artifact) && failuresOf !== undefined) return [];",
    ),
  ),
  mutation(
    "a node that reads failed batches also gets outputs",
    edit(
      consume,
      "if (isOutput(artifact) !== (failuresOf === undefined)) return [];",
      "if (!isOutput(artifact) && failuresOf === undefined) return [];",
    ),
  ),
  mutation(
    "a node that reads failed batches misses those behind the first of a page",
    edit(failedInput, "this.#page = rest.length === 0 ? undefined :", "this.#page = rest.length >= 0 ? undefined :"),
  ),
  {
    ...mutation(
      "a failed batch is delivered with what an earlier output had in its place",
      edit(failedInput, "const generation = record.sourceGens[origin.source] ?? 0;", "const generation = 0;"),
    ),
    elsewhere: {
      file: "test/integration/engine/failures-input.test.ts",
      title: "a source that starts over starts its reader of failures over",
      why: "few simulated nodes read what a node set aside of a source that had started over",
    },
  },
  {
    ...mutation(
      "the store drops what failed batches consist of before these are read",
      edit("core/plan/plan.ts", "if (!source?.batches.setsAside || source", "if (source !== undefined || source"),
    ),
    options: ["--drop"],
  },
  {
    ...mutation(
      "in a retry, a failed batch is not found that was copied before what it consisted of",
      edit(
        failedInput,
        "if (stored !== undefined || !isCarried) return stored;",
        "if (!isCarried || isCarried) return stored;",
      ),
    ),
    elsewhere: {
      file: "test/integration/engine/failures-input.test.ts",
      title: "in a retry, a failed batch is read that was copied before",
      why: "the node waits for the copy, which seldom waits for the node",
    },
  },
  {
    ...mutation(
      "readers of a whole log get what was set aside",
      edit(order, "(await readPage(log, 0)).filter(isOutput);", "(await readPage(log, 0));"),
    ),
    elsewhere: directed(
      "is left out of gathers, functions and finalize",
      "most simulated logs of which something is set aside are longer than a page, or have no such reader",
    ),
  },
  mutation(
    "readers of a log longer than a page get what was set aside",
    edit(order, "if (isOutput(artifact)) yield artifact;", "yield artifact;"),
  ),
  mutation(
    "readers of artifacts get what was set aside",
    edit("core/tasks/task-handle.ts", "pulled.artifacts.filter(isOutput)", "pulled.artifacts"),
  ),
  mutation(
    "the share of failed batches is not judged",
    edit(handlerRun, "if (newlyAside <= maxAsideShare * length) return;", "if (length >= 0) return;"),
  ),
  mutation(
    "the share of failed batches is one of those with an output",
    edit(handlerRun, "newlyAside <= maxAsideShare * length", "newlyAside <= maxAsideShare * (length - newlyAside)"),
  ),
  mutation(
    "a first batch that is set aside is not announced",
    edit(
      handlerRun,
      'return announce(run, { kind: "BATCH_FAILED",',
      'if (batchUid === "") return announce(run, { kind: "BATCH_FAILED",',
    ),
  ),
  {
    ...mutation(
      "batches are stored after an append of which the outcome is unknown",
      edit(queue, "    this.#mayNotStore = true;\n", ""),
    ),
    harmless: "the store refuses an entry whose seq is taken, and its origin calls the batch before it open",
  },
  mutation(
    "a try that exceeded its time limit frees its slot while its code runs",
    edit(pool, "this.#processing + (leftover?.count ?? 0) >= concurrency", "this.#processing >= concurrency"),
  ),
  {
    ...mutation(
      "tries that exceed their time limit are not counted",
      edit(pool, "    open.failed++;\n", "    if (!isInstance(error, TryTimedOut)) open.failed++;\n"),
    ),
    elsewhere: directed(
      "names the batch and the limit when it was the last",
      "simulated batches do not hang at every try",
    ),
  },
  {
    ...mutation(
      "an attempt whose slots are occupied by code that does not return waits for it",
      edit(
        pool,
        "    if (isIdle && leftover !== undefined && leftover.count >= concurrency) return this.#waitForSlot();\n",
        "",
      ),
    ),
    elsewhere: directed("occupies its slot until its code returns", "simulated code does return"),
  },
  {
    ...mutation(
      "a try that exceeds its time limit is not aborted",
      edit(timedTry, '      own.abort(new AttemptAborted("its batch exceeded the time limit"));\n', ""),
    ),
    elsewhere: directed("is aborted when it exceeds it", "the engine awaits the code of such a try no longer"),
  },
];
