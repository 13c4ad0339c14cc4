import { edit, type Mutation, mutation } from "./mutation.ts";

const attemptMoves = "core/model/attempt-transitions.ts";
const sweeper = "core/coordinator/sweeper.ts";
const keeper = "core/worker/claim/lease-renewer.ts";
const steady = "core/ports/system.ts";

export const clockMutations: readonly Mutation[] = [
  mutation(
    "store time stops while the wall clock is behind it",
    edit(steady, "latest = Math.max(latest, Math.floor(base + passed - since));", ""),
  ),
  mutation(
    "store time follows the wall clock backwards",
    edit(steady, "if (reading >= latest) {", "if (reading >= 0) {"),
  ),
  mutation(
    "a worker measures leases by the wall clock",
    edit(keeper, "const now = this.#clock.monotonic();\n      for", "const now = this.#clock.now();\n      for"),
    edit(keeper, "const now = this.#clock.monotonic();\n    if", "const now = this.#clock.now();\n    if"),
    edit(keeper, "askedAt = this.#clock.monotonic();", "askedAt = this.#clock.now();"),
    edit("core/worker/claim/claimer.ts", "const askedAt = clock.monotonic();", "const askedAt = clock.now();"),
    edit("core/worker/attempt/batch-runner.ts", "const now = clock.monotonic();", "const now = clock.now();"),
  ),
  mutation(
    "a coordinator schedules retries by the wall clock",
    edit(sweeper, "const at = this.#options.clock.monotonic() + ms;", "const at = this.#options.clock.now() + ms;"),
    edit(sweeper, "this.#dueAt - clock.monotonic()", "this.#dueAt - clock.now()"),
  ),
  {
    ...mutation(
      "due times that arrive during a sweep are dropped",
      edit(
        sweeper,
        "      this.#dueAt = Number.POSITIVE_INFINITY; // before the sweep: hints that arrive during it are kept\n",
        "",
      ),
      edit(
        sweeper,
        "    this.payLooks(supervisor); //",
        "    this.#dueAt = Number.POSITIVE_INFINITY;\n    this.#expect((await store.dueDeferred(1)).nextInMs);\n    this.payLooks(supervisor); //",
      ),
    ),
    elsewhere: {
      file: "test/sim/scheduler-races.test.ts",
      title: "a due time that arrives during a sweep is not forgotten",
      why: "requires an attempt that fails between two calls of one sweep",
    },
  },
  mutation(
    "due times are dropped at the end of a sweep",
    edit(
      sweeper,
      "      this.#dueAt = Number.POSITIVE_INFINITY; // before the sweep: hints that arrive during it are kept\n",
      "",
    ),
    edit(
      sweeper,
      "      if (supervisor.signal.aborted) return;\n      const sleeping",
      "      if (supervisor.signal.aborted) return;\n      this.#dueAt = Number.POSITIVE_INFINITY;\n      const sleeping",
    ),
  ),
  mutation(
    "retries start before they are due",
    edit(
      "core/model/sweep-transitions.ts",
      "record.dueAt === undefined || record.dueAt > at.now",
      "record.dueAt === undefined",
    ),
    edit(
      "adapters/memory/shards.ts",
      "dueOf(state.deferred, { limit, now: now() })",
      "dueOf(state.deferred, { limit, now: now() + 1_000 })",
    ),
  ),
  mutation("retries have no backoff", edit(attemptMoves, "waitUntil(how.now + how.delayMs,", "waitUntil(how.now,")),
];
