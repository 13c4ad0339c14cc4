import { edit, type Mutation, mutation } from "./mutation.ts";

const limits = "core/worker/claim/limits.ts";
const claimer = "core/worker/claim/claimer.ts";
const pool = "core/worker/attempt/batch-pool.ts";
const worker = "core/worker/worker-core.ts";
const attempt = "core/worker/attempt/attempt.ts";
const sweeper = "core/coordinator/sweeper.ts";

export const limitMutations: readonly Mutation[] = [
  {
    elsewhere: {
      file: "test/integration/engine/priorities.test.ts",
      title: "no priority starves under a steady load of a higher one",
      why: "the worlds end when all is done, so nothing starves in them",
    },
    ...mutation(
      "lower priorities have no turn",
      edit(claimer, "if (++this.#fullPeeks % sharedEvery !== 0)", "if (++this.#fullPeeks > 0)"),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/priorities.test.ts",
      title: "each lower priority has its turn",
      why: "the worlds end when all is done, so nothing starves in them",
    },
    ...mutation(
      "only the priority below the highest has turns",
      edit(claimer, "const below = this.#turn ?? queued[0]?.priority;", "const below = queued[0]?.priority;"),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/rates.test.ts",
      title: "get their turn: maxRunning, memory",
      why: "requires more than a thousand queued attempts",
    },
    ...mutation(
      "a scan of the queue ends behind a thousand blocked attempts",
      edit(limits, "if (this.#allFull) return [];", "if (this.#allFull || this.#passedOver.size >= 1_000) return [];"),
    ),
  },
  mutation(
    "an attempt that a limit of its own blocked once stays blocked",
    edit(limits, "const full = this.fullOf(this.#blockedBy.get(key));", "const full = this.#blockedBy.get(key);"),
  ),
  mutation(
    "a limit admits one attempt too many",
    edit("adapters/memory/memory-store.ts", "holders.size >= max", "holders.size > max"),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/limits.test.ts",
      title: "a node's own limit applies to its shards",
      why: "the directed test of this guarantee",
    },
    ...mutation(
      "a node's own limit is ignored",
      edit(limits, "if (maxRunning === undefined) return wide;", "if (maxRunning !== 0) return wide;"),
    ),
  },
  mutation(
    "a rate has one token too many at once",
    edit(limits, "+ apartMs - rate.burst * apartMs - now", "- rate.burst * apartMs - now"),
  ),
  mutation(
    "a rate forgets the tokens that were taken",
    edit(limits, "Math.min(Math.max(kept, now), now", "Math.min(Math.max(Math.min(kept, now), now), now"),
  ),
  mutation(
    "a token is looked at, but not taken",
    edit(limits, "return this.#ask(rates, retry, (rate) => takeToken(rate));", "return this.look(rates, retry);"),
  ),
  mutation(
    "only one of two rates is kept",
    edit(limits, "    for (const rate of rates) {", "    for (const rate of rates.slice(0, 1)) {"),
  ),
  mutation(
    "a try begins before its token is due",
    edit(pool, "if (inMs === 0) return this.#tryNow(open);", "if (inMs >= 0) return this.#tryNow(open);"),
  ),
  mutation(
    "further tries of a batch need no token",
    edit(
      pool,
      "return run.takeToken === undefined ? this.#tryNow(open)",
      "return run.takeToken === undefined || open.failed > 0 ? this.#tryNow(open)",
    ),
  ),
  mutation("a limit by a key is kept in each task", edit(limits, '["key", `', '["key", taskId + `')),
  mutation(
    "a rate by a key is one for all of its values",
    edit(limits, "const ofNode = key === undefined ?", "const ofNode = key !== undefined || key === undefined ?"),
  ),
  mutation(
    "limit slots are acquired after the claim",
    edit(
      claimer,
      "      const full = await this.#slots.take(claim, node, retry);\n      if (full !== undefined) return full;\n",
      "",
    ),
    edit(
      claimer,
      "      claimed = await this.#claimFrom(wanted);",
      "      claimed = await this.#claimFrom(wanted);\n      if (claimed) await this.#slots.take(claim, node, retry);",
    ),
  ),
  mutation(
    "limit slots are never released",
    edit(claimer, "if (left) return this.#slots.free(claim, this.#retry);", ""),
    edit(sweeper, "if (isOver(slot.holder, record)) await store.freeSlot(slot);\n        else ", ""),
  ),
  {
    ...mutation(
      "a lost claim keeps its limit slots",
      edit(claimer, "    await this.#slots.free(claim, this.#retry);\n", ""),
      edit(sweeper, "return !isOpen || record.lease?.claimId !== claim.claimId;", "return !isOpen;"),
    ),
    harmless: "a sweep releases them after that attempt; until then fewer attempts run",
  },
  mutation(
    "limit slots of an abandoned attempt are released",
    edit(attempt, "return false; // possibly", "return true; // possibly"),
  ),
  mutation(
    "limit slots are released before the outcome is written",
    edit(
      worker,
      "      running = this.#runTraced(run);",
      "      void this.#claimer.freeSlots(run.held.attempt, true);\n      running = this.#runTraced(run);",
    ),
  ),
  {
    ...mutation(
      "a full second limit leaves the slot of the first acquired",
      edit(
        limits,
        "        await this.#free(claim, taken, retry);\n        return limit.full;",
        "        return limit.full;",
      ),
    ),
    harmless: "a sweep releases it; until then fewer attempts run",
  },
  mutation(
    "the last slot of a limit is never used",
    edit(limits, "used(limit) < limit.max)", "used(limit) < limit.max - 1)"),
  ),
  mutation(
    "no sweep of limit slots",
    edit("core/coordinator/sweeper.ts", 'if (has("slots")) await this.#slots.sweep();', ""),
  ),
  mutation(
    "a sweep releases the limit slots of claims in progress",
    edit(sweeper, 'if (record.status === "queued") return false;', 'if (record.status === "queued") return true;'),
  ),
  mutation(
    "limit slots of a shard that stays queued are never swept",
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
