import { edit, type Mutation, mutation } from "./mutation.ts";

const moves = "core/model/attempt-transitions.ts";
const reports = "core/worker/attempt/attempt-reports.ts";
/** Of the contract of stores. */
const contract = (title: string) => ({
  file: "test/contract/memory/memory-store.test.ts",
  title,
  why: "few attempts live long enough to see a late report of their own",
});

export const reportMutations: readonly Mutation[] = [
  {
    ...mutation("a report that was overtaken counts", edit(moves, " || n <= (record.lease?.reports ?? 0);", ";")),
    elsewhere: contract("ignores a report that a later one"),
  },
  {
    ...mutation(
      "a report about a withdrawn output counts",
      edit(moves, "const overtaken = generation !== record.generation || n <=", "const overtaken = n <="),
    ),
    elsewhere: contract("ignores a report about a withdrawn log"),
  },
  mutation(
    "a restart keeps the checkpoint",
    edit(moves, "const { checkpoint: _, cursors: __, ...kept } = record;", "const kept = record;"),
  ),
  mutation(
    "reports overtake each other",
    edit(reports, "before.then(() => this.#write(generation, fields))", "this.#write(generation, fields)"),
  ),
  mutation(
    "the checkpoint of the attempt before is not read",
    edit(
      reports,
      "    this.#generation = generation;\n    this.#checkpoint = checkpoint;\n",
      "    this.#generation = generation;\n    this.#checkpoint = undefined;\n",
    ),
  ),
  mutation(
    "a restart of its own leaves the attempt its checkpoint",
    edit("core/worker/attempt/handler-run.ts", "        reports.resumeFrom({ generation: log.generation });\n", ""),
  ),
];
