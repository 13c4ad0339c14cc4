import { edit, type Mutation, mutation } from "./mutation.ts";

const limits = "core/worker/claim/concurrency-limits.ts";
const claimer = "core/worker/claim/claimer.ts";
const worker = "core/worker/worker-core.ts";
const attempt = "core/worker/attempt/attempt.ts";
const sweeper = "core/coordinator/sweeper.ts";

export const limitMutations: readonly Mutation[] = [
  mutation(
    "a full limit lets one more in",
    edit("adapters/memory/registry.ts", "holders.size >= max", "holders.size > max"),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/limits.test.ts",
      title: "a node's own limit applies to its shards",
      why: "the named test of the law",
    },
    ...mutation(
      "a node's own limit is forgotten",
      edit(limits, "if (maxRunning === undefined) return wide;", "if (maxRunning !== 0) return wide;"),
    ),
  },
  mutation(
    "slots are taken after the claim",
    edit(
      claimer,
      "      const full = await this.#slots.take(claim, node, retry);\n      if (full !== undefined) return full;\n",
      "",
    ),
    edit(
      claimer,
      "      claimed = await this.#claimFrom({ claim, task, node }, retry);",
      "      claimed = await this.#claimFrom({ claim, task, node }, retry);\n      if (claimed) await this.#slots.take(claim, node, retry);",
    ),
  ),
  mutation(
    "slots are never given back",
    edit(claimer, "if (!left) return this.#slots.leave(claim);", "if (left || !left) return this.#slots.leave(claim);"),
    edit(sweeper, "if (isOver(slot.holder, record)) await store.freeSlot(slot);\n        else ", ""),
  ),
  {
    ...mutation(
      "a claim that lost keeps its slots",
      edit(
        claimer,
        "if (record === undefined) await this.#slots.free(claim, retry);\n    else this",
        "if (record !== undefined) this",
      ),
      edit(sweeper, "return !isOpen || record.lease?.claimId !== claim.claimId;", "return !isOpen;"),
    ),
    harmless: "a sweep frees them when that attempt is over; until then fewer run",
  },
  mutation(
    "slots of an attempt that only its worker gave up are free",
    edit(attempt, "return false; // possibly", "return true; // possibly"),
  ),
  mutation(
    "slots are given back before the outcome is written",
    edit(
      worker,
      "      left = await runAttempt(run, this.#runtimes.get(claimed.node.type));",
      "      await this.#freeSlots(held.attempt, true);\n      left = await runAttempt(run, this.#runtimes.get(claimed.node.type));",
    ),
  ),
  {
    ...mutation(
      "slots of a full second limit stay taken",
      edit(
        limits,
        "        await this.#free(claim, taken, retry);\n        return limit.full;",
        "        return limit.full;",
      ),
    ),
    harmless: "a sweep frees them; until then fewer run",
  },
  mutation(
    "the last slot of a limit seems taken",
    edit(limits, "used(limit) < limit.max)", "used(limit) < limit.max - 1)"),
  ),
  mutation("no sweep of slots", edit("core/coordinator/sweeper.ts", "    await this.#slots.sweep();\n", "")),
  mutation(
    "a sweep frees the slots of claims that are on their way",
    edit(sweeper, 'if (record.status === "queued") return false;', 'if (record.status === "queued") return true;'),
  ),
  mutation(
    "the slots of a shard that stays queued are never swept",
    edit(
      sweeper,
      "const superseded = await store.supersede(record);",
      "const superseded = undefined as ShardRecord | undefined;",
    ),
  ),
  mutation(
    "a superseded attempt keeps its epoch",
    edit(
      "core/model/sweep-transitions.ts",
      'to: "queued", cause: "supersede", at: at.now, set: { epoch: record.epoch + 1 } }',
      'to: "queued", cause: "supersede", at: at.now, set: {} }',
    ),
  ),
];
