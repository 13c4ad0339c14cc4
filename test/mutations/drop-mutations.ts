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
      "artifacts that every reader has read are dropped, except the one that it would resume from",
      "requires a reader that restarts right after the drop",
    ),
    ...mutation(
      "the artifact from which a reader resumes is dropped",
      edit(drop, "?? last?.to?.[0] ?? last?.seq ?? 0;", "?? (last?.to?.[0] ?? last?.seq ?? -1) + 1;"),
    ),
  },
  {
    options,
    ...mutation(
      "artifacts that a reader has left open are dropped",
      edit(drop, "return last?.open?.[0]?.[0] ?? last", "return last"),
    ),
  },
  {
    options,
    ...mutation(
      "the fastest reader determines what is dropped",
      edit(drop, "before = Math.min(", "before = Math.max(0, "),
    ),
  },
  {
    options,
    ...mutation(
      "readers that have not started are ignored",
      edit(drop, "if (reader === undefined) return 0;", "if (reader === undefined) return Number.POSITIVE_INFINITY;"),
      edit(drop, "if (!isSteady(task, readerId)) return;", ""),
    ),
  },
  {
    options,
    ...mutation(
      "a non-resumable source counts as resumable",
      edit(
        drop,
        "if (entry?.record.lease?.habits?.resumes !== true) return false;",
        "if (entry === undefined) return false;",
      ),
    ),
  },
  {
    options,
    elsewhere: retention(
      "a restart upstream that the reader has not noticed",
      "requires a reader that is busy with another source from the restart to the end of this one",
    ),
    ...mutation(
      "a restart of a source that a reader has not noticed is ignored",
      edit(drop, "seen(source.record) === source.record.generation", "seen(source.record) >= 0"),
    ),
  },
  {
    options,
    elsewhere: retention(
      "a source that reads its own log again",
      "requires a consumer that has caught up with its source when the source ends",
    ),
    ...mutation(
      "artifacts that finalize reads are dropped",
      edit(drop, "|| !isRead(entry) || !isSteady(task, nodeId)) return;", "|| !isSteady(task, nodeId)) return;"),
    ),
  },
  {
    options,
    ...mutation(
      "a partly dropped log reads as if it started at the first kept artifact",
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
      why: "requires a finished node that was partly read before its task failed",
    },
    ...mutation(
      "a retry adopts a partly dropped log",
      edit(
        "core/coordinator/adoption.ts",
        "readArtifacts(log, log.generation, 0, 1)",
        "readArtifacts(log, log.generation, log.length - 1, 1)",
      ),
    ),
  },
];
