import { edit, type Mutation, mutation } from "./mutation.ts";

const carrying = "core/coordinator/carrying.ts";
const scheduler = "core/coordinator/scheduler.ts";
const copy = "core/worker/attempt/carried-log.ts";
const handlerRun = "core/worker/attempt/handler-run.ts";
const transition = "core/model/shard-transition.ts";
const directed = (title: string, why: string) => ({
  file: "test/integration/engine/carried-batches.test.ts",
  title,
  why,
});

export const carriedMutations: readonly Mutation[] = [
  mutation(
    "a retry carries nothing",
    edit(scheduler, "if (retryOf === undefined || this.#external", "if (retryOf !== undefined || this.#external"),
  ),
  mutation(
    "a shard is carried although a parent is new",
    edit(carrying, 'if (before.get("parent")?.every(continues) === false) return [];', ""),
  ),
  mutation(
    "a shard is carried although some of its parents are new",
    edit(carrying, '.get("parent")?.every(continues) === false)', '.get("parent")?.some(continues) === false)'),
  ),
  mutation(
    "a shard is carried although it needs only some of its parents",
    edit(carrying, "if (node.fn !== undefined || !node.needsAll) return [];", "if (node.fn !== undefined) return [];"),
  ),
  mutation(
    "a function is carried",
    edit(carrying, "if (node.fn !== undefined || !node.needsAll) return [];", "if (!node.needsAll) return [];"),
  ),
  mutation(
    "the generations that a carried log is built from are lost",
    edit(carrying, "    log,\n    sourceGens,\n", "    log,\n    sourceGens: {},\n"),
  ),
  mutation(
    "a carried log begins in generation 0",
    edit(transition, "=> ({ generation: log.generation, ...output", "=> ({ ...output"),
  ),
  mutation(
    "the checkpoint is not carried",
    edit(carrying, "    ...(checkpoint === undefined ? {} : { checkpoint }),\n", ""),
  ),
  mutation(
    "the index of a carried checkpoint is lost",
    edit(carrying, "    ...(checkpointIndex === undefined ? {} : { checkpointIndex }),\n", ""),
  ),
  mutation(
    "a checkpoint is carried without its batches",
    edit(handlerRun, "      log.length >= carried.length ||\n", "      definition.resumable ||\n"),
  ),
  mutation(
    "an interrupted copy is taken for complete",
    edit(handlerRun, "      log.length >= carried.length ||\n", "      log.length > 0 ||\n"),
  ),
  mutation(
    "a copy begins at the start again",
    edit(copy, "readPage(run, { carried, from: log.length })", "readPage(run, { carried, from: 0 })"),
  ),
  mutation(
    "a copy skips a batch",
    edit(copy, "readPage(run, { carried, from: log.length })", "readPage(run, { carried, from: log.length + 1 })"),
  ),
  mutation(
    "a wrong generation is copied",
    edit(copy, "readArtifacts(carried, carried.generation, from", "readArtifacts(carried, 0, from"),
  ),
  mutation(
    "the attempt resumes as if nothing had been copied",
    edit(copy, "  await log.open(); // with the origins of what was copied\n", ""),
  ),
  mutation(
    "copied artifacts lose their origin's open batches",
    edit(
      "core/worker/attempt/attempt-log.ts",
      "    await this.#insert(artifact);\n    this.#signals",
      "    const { open: _open, ...origin } = artifact.origin;\n    await this.#insert({ ...artifact, origin });\n    this.#signals",
    ),
  ),
  mutation(
    "a handler that cannot resume continues a carried log",
    edit(handlerRun, "(definition.resumable && (await copyCarried(", "((await copyCarried("),
    edit(handlerRun, "if (!definition.resumable || !isWhole) {", "if (!isWhole) {"),
  ),
  mutation(
    "a handler that cannot resume begins in the carried generation",
    edit(
      handlerRun,
      "      (definition.resumable && (await copyCarried",
      "      !definition.resumable || ((await copyCarried",
    ),
  ),
  mutation(
    "a restart keeps what the log began with",
    edit("core/model/attempt-transitions.ts", ", carried: _____, ...kept } = record;", ", ...kept } = record;"),
  ),
  mutation(
    "what a log begins with is forgotten at the next transition",
    edit(transition, "  if (record.carried !== undefined) Object.assign(next, { carried: record.carried });\n", ""),
  ),
  mutation(
    "a retry that ends early leaves nothing to the next",
    edit(
      "core/store/record-store.ts",
      'createShard(ref, { type, priority: 0, carried, status: "cancelled", at });',
      'createShard(ref, { type, priority: 0, status: "cancelled", at });',
    ),
  ),
  mutation(
    "what a retry had not copied is lost for the next",
    edit(carrying, "  if (carried !== undefined && carried.length > length) return carried;\n", ""),
  ),
  {
    elsewhere: directed(
      "a retry that fails again is continued",
      "requires a retry that is cancelled before it dispatches a node and its child, which both had stored batches",
    ),
    ...mutation(
      "a cancelled retry decides about children first",
      edit(scheduler, "of parentsFirst(cached.plan)", "of parentsFirst(cached.plan).toReversed()"),
    ),
  },
  {
    elsewhere: {
      file: "test/unit/core/coordinator/carrying.test.ts",
      title: "what was gathered",
      why: "requires a gather whose finished parent is not adopted",
    },
    ...mutation(
      "what was gathered is carried although its sources continue",
      edit(carrying, "  if (!mayGather && (await hasGathered(store, log))) return undefined;\n", ""),
    ),
  },
  {
    elsewhere: directed("the time of the copy", "copies of the simulation are short"),
    ...mutation(
      "the time of a copy counts against the time limit",
      edit(copy, "run.untimed(() => copyMissing(run, to));", "copyMissing(run, to);"),
    ),
  },
  {
    elsewhere: directed("a node whose batches are gone starts over", "the tasks that lend artifacts are kept"),
    ...mutation(
      "a node whose batches are gone keeps its generation",
      edit(copy, "      return false;\n", "      return true;\n"),
    ),
  },
];
