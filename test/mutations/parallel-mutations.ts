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
    "batches are stored as they get done",
    edit(parallel, "        return before;\n", "        return Promise.resolve(true);\n"),
  ),
  mutation(
    "a batch behind one that failed is stored",
    edit(runner, "      if (!(await turn())) return false;\n", "      await turn();\n"),
  ),
  {
    elsewhere: concurrency(
      "a source that restarts withdraws them",
      "takes a batch that gets done just behind the restart which it should have been before",
    ),
    ...mutation(
      "a restart doesn't wait for the batches in hand",
      edit(consume, "          await batches.drain(); // pending batches belong to the old output\n", ""),
    ),
  },
  mutation(
    "the end of input is the end of the batches",
    edit(parallel, "    while (this.#inHand > 0) await this.#change();\n", ""),
  ),
  mutation(
    "only the last of several batches is let go",
    edit(
      "core/worker/attempt/attempt-handle.ts",
      "      this.#rejects.add(reject);\n",
      "      this.#rejects.clear();\n      this.#rejects.add(reject);\n",
    ),
  ),
  {
    ...mutation(
      "a failed batch doesn't end the input",
      edit(parallel, "      this.#part.stop(error);\n", "      this.#failed ??= { error };\n"),
      edit(parallel, "  #processing = 0;", "  #failed: { readonly error: unknown } | undefined;\n  #processing = 0;"),
      edit(
        parallel,
        "    if (this.#part.stopped !== undefined) throw this.#part.stopped.error;\n  }\n\n  get",
        "    if (this.#failed !== undefined) throw this.#failed.error;\n  }\n\n  get",
      ),
    ),
    elsewhere: concurrency("ends an input that has nothing to deliver", "what is lost is time, in most worlds"),
  },
];
