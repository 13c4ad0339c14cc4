import { edit, type Mutation, mutation } from "./mutation.ts";

const backpressure = "core/worker/attempt/backpressure.ts";
const stream = "core/worker/input/stream-input.ts";

export const backpressureMutations: readonly Mutation[] = [
  mutation(
    "nobody waits for a consumer",
    edit(backpressure, "return seq < this.#mayStoreTo ? undefined : this.#wait(seq);", "return undefined;"),
  ),
  mutation(
    "one batch too many is pending",
    edit(backpressure, ": slowest + maxPending;", ": slowest + maxPending + 1;"),
  ),
  mutation(
    "a consumer is looked at once",
    edit(
      backpressure,
      "this.#mayStoreTo = slowest === undefined ? seq + reportEvery",
      "this.#mayStoreTo = slowest === undefined ? Number.POSITIVE_INFINITY",
    ),
  ),
  mutation("the fastest consumer counts", edit(backpressure, "Math.min(...positions)", "Math.max(...positions)")),
  mutation(
    "a consumer that doesn't run is waited for",
    edit(backpressure, 'const reads = status === "running" && ', "const reads = status.length > 0 && "),
  ),
  mutation(
    "a consumer tells too seldom how far it is",
    edit(
      "core/worker/attempt/backpressure.ts",
      "Math.min(every, limits.reportEvery)",
      "Math.min(every, 2 * limits.maxPending)",
    ),
  ),
  mutation(
    "a consumer reads its sources one after another",
    edit(
      stream,
      "for (let looked = 0; looked < this.#open.length; looked++) {",
      "for (let looked = 0; looked < 1; looked++) {",
    ),
    edit(stream, "this.#open[this.#turn++ % this.#open.length]", "this.#open[0]"),
  ),
];
