import { edit, type Mutation, mutation } from "./mutation.ts";

const pool = "core/worker/attempt/batch-pool.ts";
const queue = "core/worker/attempt/outcome-queue.ts";
const consume = "core/worker/attempt/consume-input.ts";
const reports = "core/worker/attempt/attempt-reports.ts";
const sources = "core/worker/attempt/source-batches.ts";
const stream = "core/worker/input/stream-input.ts";
const order = "core/worker/input/input-order.ts";

const concurrency = (title: string, why: string) => ({
  file: "test/integration/engine/concurrency.test.ts",
  title,
  why,
});

/** Mistakes in how the batches of an attempt are processed, stored, tried again, and resumed. */
export const parallelMutations: readonly Mutation[] = [
  mutation(
    "a stored batch does not say which earlier ones are open",
    edit(stream, "const open = position.open.filter(", "const open = [].filter("),
  ),
  mutation(
    "a batch that is stored late makes the log end at its place",
    edit(stream, "...(isFurthest ? {} : { to }),", ""),
  ),
  mutation(
    "batches that earlier attempts left open are forgotten by the next append",
    edit(stream, "open: [...(origin.open ?? [])] });", "open: [] });"),
  ),
  mutation(
    "batches that earlier attempts left open are not read",
    edit(stream, "open: openArtifacts(stored?.open ?? []),", "open: [],"),
  ),
  mutation(
    "all chunks of an artifact are processed again if one was left open",
    edit(stream, "isAll: false, only: next.chunks }", "isAll: false }"),
  ),
  mutation(
    "a resumed reader ignores how far its log has come",
    edit(stream, "({ to, seq, chunk }: Origin): Position => to ??", "({ seq, chunk }: Origin): Position =>"),
  ),
  mutation("appends of an attempt overlap", edit(queue, "if (!this.#isStoring) return", "if (!this.#ordered) return")),
  mutation("ordered is ignored", edit(queue, "= options.run.node.batches.ordered;", "= false;")),
  mutation(
    "readers of a whole log get it in the order in which batches were done",
    edit(order, "return artifacts.toSorted(compare);", "return artifacts;"),
  ),
  mutation(
    "a log longer than a page is delivered in the order in which batches were done",
    edit(order, "return isSorted ? undefined :", "return length > 0 ? undefined :"),
    edit(order, "  let isSorted = true;\n", "  let isSorted = true;\n  const { length } = log;\n"),
  ),
  mutation(
    "chunks have no place of their own",
    edit(consume, "...placeOf(artifact), ...(whole ? [] : [chunk])]", "...placeOf(artifact)]"),
  ),
  mutation(
    "a source that resumes from its checkpoint numbers its batches from 0",
    edit(sources, "this.index = Math.max(this.index, this.#reports.checkpointIndex ?? this.#afterLast);", ""),
  ),
  mutation(
    "the next attempt forgets how often batches have failed",
    edit(
      reports,
      "const { tries, lease, generation } = run.claimed;",
      "const { lease, generation } = run.claimed;\n    const tries = {} as typeof run.claimed.tries;",
    ),
  ),
  mutation(
    "a batch is tried again before its failed try is stored",
    edit(pool, "    await tries.failed(uid,", "    void tries.failed(uid,"),
  ),
  mutation(
    "a batch gets one try too many",
    edit(pool, "open.failed >= node.retry.maxFailures", "open.failed > node.retry.maxFailures"),
  ),
  {
    ...mutation(
      "permanent_on is ignored for batches",
      edit(pool, "permanent || node.retry.permanentOn.includes(failure.reasonCode)", "permanent"),
    ),
    elsewhere: {
      file: "test/integration/engine/retries.test.ts",
      title: "the number of retries",
      why: "in a simulated graph, the batch fails for good anyway or succeeds",
    },
  },
  mutation(
    "the backoff of a batch is ignored",
    edit(pool, "open.dueAt = parts.clock.monotonic() + delayMs;", "open.dueAt = delayMs * 0;"),
  ),
  mutation(
    "the next attempt ignores the backoff of a batch",
    edit(reports, "dueAt: now + Math.max(0, dueAt - claimedAt) });", "dueAt: now });"),
  ),
  mutation(
    "an attempt that restarts its log keeps the tries of its batches in memory",
    edit(reports, "if (generation !== this.#generation) this.#tried?.clear();", ""),
  ),
  mutation(
    "batches of other tries are forgotten when one fails",
    edit(reports, "    this.#tried.delete(uid);\n    this.#tried.set", "    this.#tried.clear();\n    this.#tried.set"),
  ),
  {
    elsewhere: concurrency(
      "a source that restarts withdraws them",
      "requires a batch that completes right after the restart instead of before it",
    ),
    ...mutation(
      "a restart does not wait for tries in progress",
      edit(consume, "          await batches.finishTries(); // of the old output\n", ""),
    ),
  },
  mutation(
    "the end of input does not wait for batches that are tried again",
    edit(pool, "    while (this.#open.size > 0 && !this.isOver) await this.#nextChange();\n", ""),
  ),
  {
    ...mutation(
      "only the last of several concurrent batches is aborted",
      edit(
        "core/worker/attempt/attempt-handle.ts",
        "      rejects.add(reject);\n",
        "      rejects.clear();\n      rejects.add(reject);\n",
      ),
    ),
    elsewhere: concurrency(
      "a timeout releases all of them",
      "requires an attempt that is abandoned while several batches are pending and ignore their signals",
    ),
  },
  {
    ...mutation(
      "a batch that fails for good does not stop the input",
      edit(
        pool,
        "    this.#options.part.stop(error);\n    this.changed();\n  }\n\n  changed()",
        "    if (this.#processing === 0) this.#options.part.stop(error);\n    this.changed();\n  }\n\n  changed()",
      ),
    ),
    elsewhere: concurrency("that is permanent aborts the others", "costs only time in most runs"),
  },
];
