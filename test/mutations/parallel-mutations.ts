import { edit, type Mutation, mutation } from "./mutation.ts";

const parallel = "core/worker/attempt/batch-runner.ts";
const runner = "core/worker/attempt/batch-runner.ts";
const consume = "core/worker/attempt/consume-input.ts";

const concurrency = (title: string, why: string) => ({
  file: "test/integration/engine/concurrency.test.ts",
  title,
  why,
});

export const parallelMutations: readonly Mutation[] = [
  mutation(
    "batches are stored in order of completion",
    edit(parallel, "        return before;\n", "        return Promise.resolve(true);\n"),
  ),
  mutation(
    "batches after a failed one are stored",
    edit(runner, "      if (!(await turn())) return false;\n", "      await turn();\n"),
  ),
  {
    elsewhere: concurrency(
      "a source that restarts withdraws them",
      "requires a batch that completes right after the restart instead of before it",
    ),
    ...mutation(
      "a restart does not wait for pending batches",
      edit(consume, "          await batches.drain(); // pending batches belong to the old output\n", ""),
    ),
  },
  mutation(
    "the end of input does not wait for pending batches",
    edit(parallel, "    while (this.#inHand > 0) await this.#change();\n", ""),
  ),
  {
    ...mutation(
      "only the last of several concurrent batches is aborted",
      edit(
        "core/worker/attempt/attempt-handle.ts",
        "      this.#rejects.add(reject);\n",
        "      this.#rejects.clear();\n      this.#rejects.add(reject);\n",
      ),
    ),
    elsewhere: concurrency(
      "a timeout releases all of them",
      "requires an attempt that is abandoned while several batches are pending and ignore their signals",
    ),
  },
  {
    ...mutation(
      "a failed batch does not stop the input",
      edit(parallel, "      this.#part.stop(error);\n", "      this.#failed ??= { error };\n"),
      edit(parallel, "  #processing = 0;", "  #failed: { readonly error: unknown } | undefined;\n  #processing = 0;"),
      edit(
        parallel,
        "    if (this.#part.stopped !== undefined) throw this.#part.stopped.error;\n  }\n\n  get",
        "    if (this.#failed !== undefined) throw this.#failed.error;\n  }\n\n  get",
      ),
    ),
    elsewhere: concurrency("ends an input that has nothing to deliver", "costs only time in most runs"),
  },
];
