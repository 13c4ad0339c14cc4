import { edit, type Mutation, mutation } from "./mutation.ts";

const attemptMoves = "core/model/attempt-transitions.ts";
const sweepMoves = "core/model/sweep-transitions.ts";
const taskMoves = "core/model/task-transitions.ts";
const log = "adapters/memory/artifact-log.ts";
const logs = "adapters/memory/logs.ts";

export const storeMutations: readonly Mutation[] = [
  mutation(
    "a lost lease keeps its epoch",
    edit(
      sweepMoves,
      "const set = { epoch: record.epoch + 1, readyAt: by.now, lost, storedAtLoss };",
      "const set = { readyAt: by.now, lost, storedAtLoss };",
    ),
  ),
  mutation(
    "a retry keeps its epoch",
    edit(sweepMoves, "const set = { epoch: record.epoch + 1, readyAt: at.now };", "const set = { readyAt: at.now };"),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/lost-workers.test.ts",
      title: "a lost lease does not count as a retry",
      why: "the directed test of this guarantee",
    },
    ...mutation(
      "a lost lease counts as a failure",
      edit(
        sweepMoves,
        "readyAt: by.now, lost, storedAtLoss }",
        "readyAt: by.now, lost, storedAtLoss, failures: record.failures + 1 }",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/contract/memory/memory-store.test.ts",
      title: "another attempt on a cancelling shard is fenced",
      why: "workers confirm only cancels of their own claims",
    },
    ...mutation(
      "any attempt can confirm a cancel",
      edit(
        attemptMoves,
        'if (record === undefined || fence(record, attempt) !== "cancelling") return',
        'if (record === undefined || (fence(record, attempt) !== "cancelling" && record.status !== "cancelling")) return',
      ),
    ),
  },
  mutation("lost leases are not limited", edit(sweepMoves, "if (lost <= by.maxLost) {", "if (true) {")),
  mutation(
    "progress does not reset the count of lost leases",
    edit(sweepMoves, "by.stored > longest ? 1 :", "by.stored < 0 ? 1 :"),
  ),
  mutation(
    "the count of lost leases resets without progress",
    edit(sweepMoves, "by.stored > longest ? 1 :", "by.stored > 0 ? 1 :"),
  ),
  {
    elsewhere: {
      file: "test/contract/memory/memory-store.test.ts",
      title: "a restarted log counts as progress once it is longer than before",
      why: "requires a restarted log between several lost leases",
    },
    ...mutation(
      "a restarted log counts as progress whatever its length",
      edit(sweepMoves, "const storedAtLoss = Math.max(longest, by.stored);", "const storedAtLoss = by.stored;"),
    ),
  },
  mutation(
    "a lease expires before its deadline",
    edit(sweepMoves, "if ((expiresAt(record) ?? Number.POSITIVE_INFINITY) > by.now) return undefined;", ""),
  ),
  mutation(
    "a renewal extends a lease by half its duration",
    edit(attemptMoves, "Math.max(record.lease.deadline, lease.now + lease.leaseMs)", "lease.now + lease.leaseMs / 2"),
  ),
  mutation(
    "an append ignores its seq",
    edit(log, 'if (this.#closed || seq !== this.length) return "conflict";', 'if (this.#closed) return "conflict";'),
    edit(log, "const output = { seq, uid,", "const output = { seq: this.length, uid,"),
  ),
  mutation("the complete marker is not written", edit(log, "this.#closed ||= this.length === count;", "")),
  mutation(
    "appends are not fenced",
    edit(
      logs,
      'if (entry === undefined || answer !== "ok") return answer;\n      const insert',
      "if (entry === undefined) return answer;\n      const insert",
    ),
  ),
  mutation(
    "the fence checks the status, not the epoch",
    edit(
      attemptMoves,
      "if (record?.lease?.claimId !== attempt.claimId || record.epoch !== attempt.epoch)",
      "if (record?.lease === undefined)",
    ),
  ),
  mutation(
    "a cancel writes no tombstones",
    edit(
      "core/store/record-store.ts",
      "await this.#driver.shards.insert(ref, tombstone)",
      '(tombstone(0), "inserted")',
    ),
  ),
  mutation(
    "a running shard may be claimed",
    edit(
      attemptMoves,
      'if (record.status !== "queued") return undefined;',
      'if (record.status !== "queued" && record.status !== "running") return undefined;',
    ),
  ),
  mutation(
    "a cancelled attempt may complete",
    edit(
      attemptMoves,
      'return record.status === "cancelling" ? "cancelling" : "fenced";',
      'return record.status === "cancelling" ? "ok" : "fenced";',
    ),
  ),
  mutation(
    "source_gens are not stored",
    edit(
      attemptMoves,
      "generation: to.generation, sourceGens: to.sourceGens",
      "generation: to.generation, sourceGens: record.sourceGens",
    ),
  ),
  {
    ...mutation(
      "a late restart withdraws newer output",
      edit(attemptMoves, 'if (to.generation < record.generation) return { answer: "fenced" };', ""),
    ),
    elsewhere: {
      file: "test/contract/memory/memory-store.test.ts",
      title: "restart repeated is ok",
      why: "requires a restart that arrives after that of the next attempt",
    },
  },
  mutation(
    "an update of variables overwrites concurrent changes",
    edit(taskMoves, 'if (vars.version !== write.version) return { answer: "conflict" };', ""),
  ),
  mutation(
    "an update of variables is applied again after a crash",
    edit(taskMoves, 'if (vars.appliedBy.includes(write.appliedBy)) return { answer: "applied" };', ""),
    edit("core/worker/attempt/function-run.ts", "if (appliedBy.includes(nodeId)) return;", ""),
  ),
  mutation(
    "retries are not limited",
    edit(attemptMoves, "how.permanent || failures >= how.maxFailures", "how.permanent"),
  ),
  mutation(
    "a release resets the count of failures",
    edit(attemptMoves, "yields: held.yields + 1,", "failures: 0, yields: held.yields + 1,"),
  ),
  mutation(
    "a release resets the count of lost leases",
    edit(attemptMoves, "yields: held.yields + 1,", "lost: 0, yields: held.yields + 1,"),
  ),
  {
    ...mutation(
      "a cancel is confirmed without the fence",
      edit(
        attemptMoves,
        'if (record === undefined || fence(record, attempt) !== "cancelling") return',
        'if (record?.status !== "cancelling") return',
      ),
    ),
    elsewhere: {
      file: "test/contract/memory/memory-store.test.ts",
      title: "confirmCancelled has no effect on a shard that is not being cancelled, or by another attempt",
      why: "requires a stale call that arrives while another attempt is being cancelled",
    },
  },
  mutation(
    "one retry too few is made",
    edit(attemptMoves, "failures >= how.maxFailures", "failures >= how.maxFailures - 1"),
  ),
  mutation(
    "a task can finish while it is being cancelled",
    edit(
      taskMoves,
      'if (task.status !== "running" || task.failure !== undefined) return undefined;\n  return moved(task, { to: "finished"',
      'return moved(task, { to: "finished"',
    ),
  ),
  {
    ...mutation(
      "a repeated outcome is fenced",
      edit(attemptMoves, "record.lastClaimId === attempt.claimId &&", "record.lastClaimId === '' &&"),
    ),
    harmless: "the outcome is stored, and a sweep finds it",
  },
  mutation(
    "a repeated claim is rejected",
    edit(attemptMoves, "if (record.lease?.claimId === by.claimId) return { won: record };", ""),
  ),
];
