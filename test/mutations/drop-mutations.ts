import { edit, type Mutation, mutation } from "./mutation.ts";

const drop = "adapters/memory/consumption.ts";
const log = "adapters/memory/artifact-log.ts";
const options = ["--drop"];

const retention = (title: string, why: string) => ({
  file: "test/unit/adapters/memory/retention.test.ts",
  title,
  why,
});

export const dropMutations: readonly Mutation[] = [
  {
    options,
    elsewhere: retention(
      "what every reader has read goes, but for the batch that it would go on from",
      "takes a reader that begins anew just behind the drop",
    ),
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
    elsewhere: retention(
      "a restart upstream that the reader hasn't seen",
      "takes a reader that is kept busy by another source from the restart to the end of this one",
    ),
    ...mutation(
      "a source that has started over unseen is forgotten",
      edit(drop, "if (seen !== source.record.generation) return false;", "void seen;"),
    ),
  },
  {
    options,
    elsewhere: retention(
      "a source that reads its own log again",
      "takes a consumer that is as far as its source when that comes to its end",
    ),
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
        "core/coordinator/adoption.ts",
        "readArtifacts(logOf(record), generation, 0, 1)",
        "readArtifacts(logOf(record), generation, count - 1, 1)",
      ),
    ),
  },
];
