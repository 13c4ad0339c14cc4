import { edit, type Mutation, mutation } from "./mutation.ts";

const backpressure = "core/worker/attempt/backpressure.ts";
const stream = "core/worker/input/stream-input.ts";

export const backpressureMutations: readonly Mutation[] = [
  mutation(
    "producers do not wait for consumers",
    edit(backpressure, "return seq < this.#mayStoreTo ? undefined : this.#wait(seq);", "return undefined;"),
  ),
  mutation(
    "a producer may be one batch too far ahead",
    edit(backpressure, ": slowest + maxPending;", ": slowest + maxPending + 1;"),
  ),
  mutation(
    "the position of a consumer is read only once",
    edit(
      backpressure,
      "this.#mayStoreTo = slowest === undefined ? seq + reportEvery",
      "this.#mayStoreTo = slowest === undefined ? Number.POSITIVE_INFINITY",
    ),
  ),
  mutation(
    "the fastest consumer sets the pace",
    edit(backpressure, "Math.min(...positions)", "Math.max(...positions)"),
  ),
  mutation(
    "producers wait for consumers that are not running",
    edit(backpressure, 'const reads = status === "running" && ', "const reads = status.length > 0 && "),
  ),
  mutation(
    "a consumer reports its position too rarely",
    edit(
      "core/worker/attempt/backpressure.ts",
      "Math.min(every, limits.reportEvery)",
      "Math.min(every, 2 * limits.maxPending)",
    ),
  ),
  mutation(
    "a consumer reads its sources sequentially",
    edit(
      stream,
      "for (let looked = 0; looked < this.#open.length; looked++) {",
      "for (let looked = 0; looked < 1; looked++) {",
    ),
    edit(stream, "this.#open[this.#turn++ % this.#open.length]", "this.#open[0]"),
  ),
];
