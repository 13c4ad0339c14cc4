import { edit, type Mutation, mutation } from "./mutation.ts";

const drop = "adapters/memory/streaming-drop.ts";
const log = "adapters/memory/artifact-log.ts";
const options = ["--drop"];

export const dropMutations: readonly Mutation[] = [
  {
    options,
    ...mutation(
      "what a reader goes on from is dropped too",
      edit(drop, "lastFrom(key)?.seq ?? 0;", "lastFrom(key)?.seq ?? -1) + 1;"),
      edit(drop, "return reader.logs[generation]?", "return (reader.logs[generation]?"),
    ),
  },
  {
    options,
    ...mutation(
      "the fastest reader decides what is dropped",
      edit(drop, "before = Math.min(", "before = Math.max(0, "),
    ),
  },
  {
    options,
    ...mutation(
      "a reader that hasn't begun doesn't count",
      edit(drop, "if (reader === undefined) return 0;", "if (reader === undefined) return Number.POSITIVE_INFINITY;"),
      edit(drop, "if (!isSteady(task, readerId)) return;", ""),
    ),
  },
  {
    options,
    ...mutation(
      "a source that may start over counts as one that doesn't",
      edit(
        drop,
        "if (record?.lease?.habits?.resumes !== true) return false;",
        "if (record === undefined) return false;",
      ),
    ),
  },
  {
    options,
    ...mutation(
      "a source that has started over unseen is forgotten",
      edit(drop, "if (seen !== source.record.generation) return false;", "void seen;"),
    ),
  },
  {
    options,
    ...mutation(
      "what finalize reads is dropped",
      edit(drop, "if (!isRead(entry) || !isSteady(task, nodeId)) return;", "if (!isSteady(task, nodeId)) return;"),
    ),
  },
  {
    options,
    ...mutation(
      "a log that is dropped in part reads as if it began there",
      edit(log, 'return from < this.#dropped ? "dropped" : ', "return "),
      edit(
        log,
        "this.#artifacts.slice(from - this.#dropped, from - this.#dropped + limit)",
        "this.#artifacts.slice(Math.max(0, from - this.#dropped), Math.max(0, from - this.#dropped) + limit)",
      ),
    ),
  },
  {
    options,
    elsewhere: {
      file: "test/integration/engine/retry-tasks.test.ts",
      title: "so are those that it dropped while they were read",
      why: "a node that has finished, and was read in part before its task failed, is rare",
    },
    ...mutation(
      "a retry adopts what is dropped in part",
      edit(
        "engine/coordinator/adoption.ts",
        "readArtifacts(logOf(record), generation, 0, 1)",
        "readArtifacts(logOf(record), generation, count - 1, 1)",
      ),
    ),
  },
];
