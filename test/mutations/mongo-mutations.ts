import { edit, type Mutation, mutation } from "./mutation.ts";

const shards = "adapters/mongo/driver/shards.ts";
const records = "adapters/mongo/format/records.ts";
const ends = "test/services/mongodb/ends.test.ts";
const contract = "test/services/mongodb/store-contract.test.ts";
const late = "test/services/mongodb/late-inserts.test.ts";
const why = "requires MongoDB, with `MONGODB_URL`: the simulation does not run its requests";

/** Mistakes in the requests of the MongoDB store. */
export const mongoMutations: readonly Mutation[] = [
  {
    elsewhere: { file: ends, title: "an end after a cancel is refused", why },
    ...mutation(
      "MongoDB: the next shard is inserted although the record before it has changed",
      edit(shards, "replacement: end, upsert: true", "replacement: end"),
    ),
  },
  {
    elsewhere: { file: ends, title: "the end of an attempt whose task was deleted leaves nothing", why },
    ...mutation(
      "MongoDB: the end of a shard whose task was deleted is kept",
      edit(shards, "if (0 in upserted) {", "if (false) {"),
    ),
  },
  {
    elsewhere: { file: ends, title: "the next node of a task that was paused is deferred", why },
    ...mutation(
      "MongoDB: the task of a claimed next shard is not read",
      edit(
        shards,
        "const inserted = await followTask(session, next.ref, { first, made });",
        "const inserted = keepWritten(session, first.document);",
      ),
    ),
  },
  {
    elsewhere: { file: ends, title: "an end is written although the record has changed", why },
    ...mutation(
      "MongoDB: an end decided by an outdated record overwrites a newer one",
      edit(
        shards,
        "{ replaceOne: { filter: { _id: doc._id, rev: doc.rev }",
        "{ replaceOne: { filter: { _id: doc._id }",
      ),
    ),
  },
  {
    elsewhere: { file: ends, title: "a dispatch reads its task before the insert only if", why },
    ...mutation(
      "MongoDB: a dispatch is decided by what was read of its task a while ago",
      edit("adapters/mongo/driver/removal.ts", "performance.now() - known.readAt > headKnownMs", "false"),
    ),
  },
  {
    elsewhere: { file: late, title: "a dispatch delayed past a pause", why },
    ...mutation(
      "MongoDB: the task of a dispatched shard is not read again",
      edit(
        shards,
        'return (await followTask(session, ref, { first, made })) === undefined ? "gone" : "inserted";',
        'return "inserted";',
      ),
    ),
  },
  {
    elsewhere: { file: ends, title: "claims of one turn are one update and one read", why },
    ...mutation(
      "MongoDB: of several claims at once, all are answered as won",
      edit(
        shards,
        "return ids.map((id) => byClaim.get(id));",
        "return updates.map(({ filter }) => docs.find(({ _id }) => _id === filter._id));",
      ),
    ),
  },
  {
    elsewhere: { file: ends, title: "dispatches of one turn are one insert", why },
    ...mutation(
      "MongoDB: of several inserts whose answer was lost, none counts as made",
      edit(
        shards,
        "return documents.map(({ _id }) => inserted.has(_id));",
        "return documents.map((_, index) => !existing.has(index));",
      ),
    ),
  },
  {
    elsewhere: { file: contract, title: "only a queued shard with the same epoch can be claimed", why },
    ...mutation(
      "MongoDB: a claim does not name the epoch",
      edit(records, "attempt_epoch: ref.epoch, $or: mayClaim };", "$or: mayClaim };"),
    ),
  },
  {
    elsewhere: { file: contract, title: "claim, called again with the same arguments, has no further effect", why },
    ...mutation(
      "MongoDB: a repeated claim begins anew",
      edit(records, '{ $cond: [isOwn, "$$ROOT", {', '{ $cond: [false, "$$ROOT", {'),
    ),
  },
  {
    elsewhere: { file: ends, title: "one request returns which kinds of sweeps have work", why },
    ...mutation(
      "MongoDB: a look does not see due tasks",
      edit("adapters/mongo/driver/registry.ts", 'union(tasks, earliest("tasks", "sweep_at")),', ""),
    ),
  },
  {
    elsewhere: { file: contract, title: "each due task is returned to one caller only", why },
    ...mutation(
      "MongoDB: a due task is taken whatever another process has done",
      edit("adapters/mongo/driver/tasks.ts", "filter: { _id, sweep_at: new Date(at) }", "filter: { _id }"),
    ),
  },
];
