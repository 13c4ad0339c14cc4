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

const retriedElsewhere = (title: string, why: string) => ({
  file: "test/integration/engine/failed-batches.test.ts",
  title,
  why,
});

export const carriedMutations: readonly Mutation[] = [
  {
    elsewhere: directed(
      "carried batches are decoded by their reader's schema",
      "the handlers of the simulation have no schemas that change what they read",
    ),
    ...mutation(
      "a reader trusts copied batches as if their source had encoded them",
      edit("core/worker/attempt/consume-input.ts", "if (isOwn && run.plan", "if (run.plan"),
    ),
  },
  mutation(
    "a failed batch that is retried is not left open",
    edit(
      copy,
      "      if (isLeftOut?.(artifact)) log.leaveOut(artifact);\n",
      "      if (isLeftOut?.(artifact)) continue;\n",
    ),
  ),
  mutation(
    "what was open when an entry was stored is forgotten if the entry moves up",
    edit(
      "core/worker/input/stream-input.ts",
      "    for (const position of origin.open ?? []) this.#leaveOpen(origin.source, position);\n",
      "",
    ),
  ),
  mutation(
    "what reads a node whose failed batches are retried is carried",
    edit(
      carrying,
      "(parent?.carried !== undefined && parent.carried.without === undefined)",
      "parent?.carried !== undefined",
    ),
  ),
  mutation(
    "a source whose failed batches are retried keeps its checkpoint",
    edit(carrying, "return isSource ? { log, sourceGens } : {", "return {"),
  ),
  {
    elsewhere: retriedElsewhere(
      "processes only what was set aside",
      "few tasks of the simulation retry failed batches",
    ),
    ...mutation(
      "a node whose failed batches are retried is adopted",
      edit(
        "core/coordinator/adoption.ts",
        "if (again.has(node.id) || node.id === retried) continue;",
        "if (again.has(node.id)) continue;",
      ),
    ),
  },
  {
    elsewhere: retriedElsewhere("goes on from the first", "few tasks of the simulation retry failed batches"),
    ...mutation(
      "an ordered node goes on behind its failed batches",
      edit(
        "core/coordinator/retried-batches.ts",
        "if (node.batches.ordered && first !== undefined) {",
        "if (false && first !== undefined) {",
      ),
    ),
  },
  {
    elsewhere: retriedElsewhere(
      "of a retry that began nothing",
      "few retries of failed batches are cancelled so early",
    ),
    ...mutation(
      "what a retry of failed batches left out comes back in the next",
      edit(carrying, "without: output.log.without ?? { count: 0 }", "without: { count: 0 }"),
    ),
  },
  {
    elsewhere: retriedElsewhere(
      "of a retry that began nothing",
      "few retries of failed batches are cancelled so early",
    ),
    ...mutation(
      "failed batches are looked for only among those that a retry has copied",
      edit(
        "core/coordinator/retried-batches.ts",
        "longestLog(parts.store, shard)",
        "longestLog(parts.store, { ...shard, carried: undefined } as never)",
      ),
    ),
  },
  {
    elsewhere: retriedElsewhere("retries the named ones", "few tasks of the simulation retry failed batches"),
    ...mutation(
      "other batches than the named ones are left out",
      edit(
        "core/model/records.ts",
        "named === undefined ? !isOutput(artifact) : named.has(artifact.seq)",
        "!isOutput(artifact)",
      ),
    ),
  },
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
    edit(carrying, " || !node.needsAll ||", " ||"),
  ),
  mutation("a function is carried", edit(carrying, "if (node.fn !== undefined || ", "if (")),
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
    edit(handlerRun, "    log.length >= keptLength(carried) ||\n", "    definition.resumable ||\n"),
  ),
  mutation(
    "an interrupted copy is taken for complete",
    edit(handlerRun, "    log.length >= keptLength(carried) ||\n", "    log.length > 0 ||\n"),
  ),
  mutation("a copy begins at the start again", edit(copy, "  let from = passed;\n", "  let from = 0;\n")),
  mutation("a copy skips a batch", edit(copy, "  let from = passed;\n", "  let from = passed + 1;\n")),
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
      "    this.#inserted(artifact, await this.#insert(artifact));\n    this.#signals",
      `    const { open: _open, ...origin } = artifact.origin;
    this.#inserted(artifact, await this.#insert({ ...artifact, origin }));
    this.#signals`,
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
      "    (definition.resumable && (await copyCarried",
      "    !definition.resumable || ((await copyCarried",
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
    edit(carrying, "  if (carried !== undefined && keptLength(carried) > length) return carried;\n", ""),
  ),
  {
    elsewhere: directed(
      "a retry that fails can be retried in turn",
      "requires a retry that is cancelled before it dispatches a node and its child, which both had stored batches",
    ),
    ...mutation(
      "a cancelled retry decides about children first",
      edit(scheduler, "of nodes) {\n      const records", "of nodes.toReversed()) {\n      const records"),
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
