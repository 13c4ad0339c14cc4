import { edit, type Mutation, mutation } from "./mutation.ts";

const moves = "core/model/attempt-transitions.ts";
const reports = "core/worker/attempt/attempt-reports.ts";
/** A test of the store contract. */
const contract = (title: string) => ({
  file: "test/contract/memory/memory-store.test.ts",
  title,
  why: "few attempts run long enough to receive a late report of their own",
});

export const reportMutations: readonly Mutation[] = [
  {
    ...mutation("an outdated report is accepted", edit(moves, " || n <= (record.lease?.reports ?? 0);", ";")),
    elsewhere: contract("ignores a report that a later one"),
  },
  {
    ...mutation(
      "a report about a withdrawn log is accepted",
      edit(moves, "const overtaken = generation !== record.generation || n <=", "const overtaken = n <="),
    ),
    elsewhere: contract("ignores a report about a withdrawn log"),
  },
  mutation(
    "a restart keeps the checkpoint",
    edit(moves, "const { checkpoint: _, checkpointIndex: __,", "const { checkpointIndex: __,"),
  ),
  mutation(
    "a restart keeps the tries of batches",
    edit(moves, "checkpointIndex: __, tries: ___,", "checkpointIndex: __,"),
  ),
  mutation(
    "reports are written out of order",
    edit(reports, "before.then(() => this.#write(generation, fields))", "this.#write(generation, fields)"),
  ),
  mutation(
    "the checkpoint of the previous attempt is not read",
    edit(reports, "    this.#checkpoint = record.checkpoint;\n", "    this.#checkpoint = undefined;\n"),
  ),
  mutation(
    "an attempt that restarts its log keeps its checkpoint in memory",
    edit("core/worker/attempt/handler-run.ts", "      reports.resumeFrom({ generation: log.generation });\n", ""),
  ),
];
