import { edit, type Mutation, mutation } from "./mutation.ts";

const stream = "core/worker/input/stream-input.ts";
const handlerRun = "core/worker/attempt/handler-run.ts";
const consumeInput = "core/worker/attempt/consume-input.ts";
const attempt = "core/worker/attempt/attempt.ts";
const claimer = "core/worker/claim/claimer.ts";
const worker = "core/worker/worker-core.ts";
const inputWait = "core/worker/attempt/input-wait.ts";
const sources = "core/worker/attempt/source-batches.ts";
const lists = "builtins/input-adapters/rechunk.ts";

const raceOf = (title: string, why: string) => ({ file: "test/sim/worker-races.test.ts", title, why });

const contention = (title: string, why: string) => ({
  file: "test/unit/core/worker/claim/contention.test.ts",
  title,
  why,
});

export const workerMutations: readonly Mutation[] = [
  mutation(
    "metrics at page boundaries are counted twice",
    edit("core/worker/attempt/attempt-log.ts", "from += page.length;", "from += Math.max(1, page.length - 1);"),
  ),
  mutation(
    "the slot of a handler that ignores its signal is released early",
    edit(
      worker,
      "    else if (follower === undefined) this.#claimer.release(run.claimed.type);",
      "    if (follower === undefined) this.#claimer.release(run.claimed.type);",
    ),
    edit(worker, "      this.#claimer.release(type);\n      this.#scanQueue();", "      this.#scanQueue();"),
  ),
  mutation(
    "the slot of a handler that returns late is never released",
    edit(worker, "      this.#claimer.release(type);\n      this.#scanQueue();", "      this.#scanQueue();"),
  ),
  mutation(
    "a stopping worker starts further batches",
    edit("core/worker/attempt/attempt-handle.ts", 'if (this.#windingDown) throw new AttemptEnded("stopping");', ""),
  ),
  mutation(
    "the chunk of a resumed cursor is off by one",
    edit(stream, "furthestOf(stored)[1] + 1,", "furthestOf(stored)[1],"),
  ),
  mutation(
    "the seq of a resumed cursor is off by one",
    edit(stream, "furthestOf(stored)[0],", "furthestOf(stored)[0] + 1,"),
  ),
  mutation(
    "an artifact without the list that is to be cut makes no batch",
    edit(lists, "return Array.isArray(value) ? value : [meta];", "return Array.isArray(value) ? value : [];"),
  ),
  mutation(
    "the elements of a list have the uid of their artifact",
    edit(lists, "({ whole: false, expand: (meta) => itemsAt(", "({ whole: true, expand: (meta) => itemsAt("),
  ),
  mutation(
    "no new artifacts count as the end of input",
    edit(stream, 'return { kind: "nothing", sourceRunning: seen.running };', 'return { kind: "end" };'),
  ),
  mutation(
    "a changed generation is ignored",
    edit(stream, "if (record.generation !== cursor.generation) restarted = true;\n      else if", "if"),
  ),
  mutation(
    "current generations replace the recorded ones",
    edit(
      stream,
      "return this.#see(records).restarted ? restarted(records) : undefined;",
      `for (const cursor of this.#open) {
        const now = records.find((record) => sourceKey(record.nodeId, record.shard) === cursor.key);
        if (now !== undefined) Object.assign(cursor, { generation: now.generation });
      }
      this.#see(records);
      return undefined;`,
    ),
  ),
  mutation(
    "the complete marker counts as the end of input",
    edit(
      stream,
      "    const seen = this.#see(records);",
      `    for (const cursor of this.#open) {
      const ref = { taskId: this.#options.taskId, nodeId: cursor.nodeId, shard: cursor.shard };
      const tail = await this.#options.store.tail(ref, cursor.generation);
      if (tail.closed) cursor.count = tail.length;
    }
    const seen = this.#see(records);`,
    ),
    edit(stream, "else if (isClosed(record)) cursor.count = record.count;", ""),
  ),
  mutation(
    "shard states are read before the page",
    edit(
      stream,
      "    for (let looked = 0; looked < this.#open.length; looked++) {",
      `    const before = await this.#options.store.readShards(this.#options.taskId, this.#nodeIds);
    for (let looked = 0; looked < this.#open.length; looked++) {`,
    ),
    edit(
      stream,
      `    const records = await this.#options.store.readShards(this.#options.taskId, this.#nodeIds);
    const seen`,
      `    const records = before;
    if (records.length === this.#options.sources.length && records.every(({ status }) => status === "finished")) return { kind: "end" };
    const seen`,
    ),
  ),
  mutation("starving consumers are not released", edit(inputWait, 'throw new AttemptEnded("starving");', "return;")),
  mutation(
    "a non-resumable consumer keeps its slot while the queue is not empty",
    edit(
      consumeInput,
      "peekQueue([...handlers.keys()], 1))).length === 0;",
      "peekQueue([...handlers.keys()], 1))).length >= 0;",
    ),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/queue.test.ts",
      title: "even one that would have to start over",
      why: "requires a function upstream that is queued while such a consumer has the last slot",
    },
    ...mutation(
      "a non-resumable consumer keeps its slot of a limit",
      edit(consumeInput, "  if (Object.keys(limits.running).length > 0) return false;\n", ""),
    ),
  },
  {
    elsewhere: {
      file: "test/integration/engine/queue.test.ts",
      title: "starts over only once its sources run or have finished",
      why: "costs only time: what was processed in vain is processed again",
    },
    ...mutation(
      "a released consumer starts over while its sources wait",
      edit(consumeInput, "  if (!all) throw", "  if (all === undefined) throw"),
    ),
  },
  mutation(
    "a finish is announced before it is written",
    edit(attempt, "if (next === undefined) return announce(run, done).then(() => true as const);", ""),
    edit(attempt, "  run.spawn(() => announce(run, { ...done, continuesWith: next.nodeId }));", ""),
    edit(
      handlerRun,
      "  if (runtime.definition.finalize !== undefined) return",
      '  void announce(run, { kind: "TASK_DONE", metrics: {} });\n  if (runtime.definition.finalize !== undefined) return',
    ),
  ),
  mutation(
    "the first batch is not announced",
    edit(handlerRun, 'return announce(run, { kind: "BATCH_OK"', 'return void ({ kind: "BATCH_OK"'),
  ),
  mutation(
    "failures are not announced",
    edit(attempt, "    announce(run, final ?", "    final ? Promise.resolve() : announce(run, final ?"),
  ),
  mutation(
    "a non-resumable handler resumes",
    edit(handlerRun, "if (!definition.resumable || !isWhole) {", "if (!isWhole) {"),
  ),
  mutation(
    "a restart of a source does not restart its consumer",
    edit(consumeInput, "await pass.log.restart(pulled.sourceGens);", ""),
  ),
  mutation(
    "stored uids are not skipped",
    edit(sources, "    if (this.#ahead.delete(uid)) return true;\n    return this", "    return this"),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/sources.test.ts",
      title: "are one per batch if a long log is repeated in another order",
      why: "requires a log longer than the read-ahead, and a source that repeats its batches in another order",
    },
    ...mutation(
      "a uid beyond the read-ahead counts as new",
      edit(sources, "return this.#readTo < this.#length && this.#log.has(uid);", "return false;"),
    ),
  },
  mutation(
    "a retried source is read ahead of the stored batches",
    edit(
      consumeInput,
      "  let inHand: Promise<unknown> | undefined;\n",
      "  let inHand: Promise<unknown> | undefined;\n  const page: NumberedBatch[] = [];\n",
    ),
    edit(
      consumeInput,
      "    const isStored = uids.has(batch.uid);\n",
      `    page.push(batch);
    if (log.length > 0 && page.length < 256) continue;
    for (const each of page.splice(0)) await processUnlessStored(each, Promise.resolve(uids.has(each.uid)));
    continue;
    const isStored = uids.has(batch.uid);
`,
    ),
    edit(
      consumeInput,
      "  run.at.method = undefined;\n}\n\nasync function consumeSingle",
      `  for (const each of page) await processUnlessStored(each, Promise.resolve(uids.has(each.uid)));
  run.at.method = undefined;
}

async function consumeSingle`,
    ),
  ),
  mutation(
    "a source's checkpoint is written before its batches are stored",
    edit(sources, "if (!(await stored)) throw", "if (false) throw"),
  ),
  mutation(
    "a source's checkpoint is written although an earlier batch failed",
    edit(sources, "if (!(await stored)) throw", "if ((await stored) === undefined) throw"),
  ),
  mutation(
    "origins are misnumbered when a source resumes",
    edit(consumeInput, "  const uids = new StoredUids(log,", "  let nextSeq = 0;\n  const uids = new StoredUids(log,"),
    edit(consumeInput, 'source: "", seq: index, chunk: 0 }', 'source: "", seq: nextSeq++, chunk: 0 }'),
  ),
  mutation(
    "a shard processes the batches of all shards",
    edit(
      consumeInput,
      "return shardOf(batch.uid, run.node.partitions) === run.held.attempt.shard ? batches.process(batch) : undefined;",
      "return batches.process(batch);",
    ),
  ),
  mutation(
    "gather reads all parents, not only the chosen ones",
    edit("core/worker/input/gather-input.ts", "if (chosen === undefined) return sources;", "return sources;"),
  ),
  mutation("gather does not wait for its parents", edit("core/worker/input/gather-input.ts", "complete = false;", "")),
  mutation("timeouts are not enforced", edit(attempt, 'run.held.abandon("timeout");', "")),
  mutation(
    "permanent_on is ignored",
    edit(attempt, "classified.permanent || retry.permanentOn.includes(failure.reasonCode)", "classified.permanent"),
  ),
  mutation(
    "a slot is not released",
    edit(worker, "    else if (follower === undefined) this.#claimer.release(run.claimed.type);\n", ""),
  ),
  mutation(
    "a released slot does not trigger a queue scan",
    edit(
      worker,
      '    if (this.#stopping === undefined) this.#supervisor.spawn("queue", () => this.#claimer.fill());',
      "",
    ),
  ),
  {
    elsewhere: raceOf(
      "a command dropped for a claim that fails",
      "requires a claim that fails while it has the last slot",
    ),
    ...mutation("a dropped command does not trigger a queue scan", edit(claimer, "this.#droppedCommand = true;", "")),
  },
  {
    elsewhere: raceOf(
      "a command that arrives during a queue scan",
      "requires a command that arrives right after the response",
    ),
    ...mutation(
      "a command during a queue scan is ignored",
      edit(claimer, "this.#fillAgain = true; // so that the command does not jump the queue", ""),
    ),
  },
  {
    elsewhere: raceOf("a command and a queue scan for the same attempt", "costs only an extra store call"),
    ...mutation(
      "concurrent claims are not coalesced",
      edit(claimer, "    if (known !== undefined) return known;\n", "    void known;\n"),
    ),
  },
  mutation("an ended claim counts as in progress", edit(claimer, ".finally(() => this.#asked.delete(key))", "")),
  mutation("cleanups are not run", edit(handlerRun, "  await cleanups.runAll();\n", "")),
  mutation(
    "watches are not removed",
    edit("core/worker/attempt/input-wait.ts", "if (watch !== undefined) signals.unwatch(taskId, sources, watch);", ""),
  ),
  mutation(
    "leases are not renewed",
    edit(
      "core/worker/claim/lease-renewer.ts",
      "if (!supervisor.signal.aborted) await this.#renew",
      "if (false) await this.#renew",
    ),
  ),
  {
    ...mutation(
      "a fenced attempt continues",
      edit(
        "core/worker/attempt/attempt-log.ts",
        'throw new AttemptEnded(answer === "conflict" ? "reload" : answer);',
        'if (answer === "conflict") throw new AttemptEnded("reload");',
      ),
    ),
    harmless: "the store rejects its writes",
  },
  {
    elsewhere: {
      file: "test/integration/engine/late-inserts.test.ts",
      title: "of a batch that the source no longer yields stays",
      why: "requires a late insert at the seq of another batch",
    },
    ...mutation(
      "a conflict counts as stored",
      edit(
        "core/worker/attempt/attempt-log.ts",
        'throw new AttemptEnded(answer === "conflict" ? "reload" : answer);',
        'if (answer !== "conflict") throw new AttemptEnded(answer);',
      ),
    ),
  },
  mutation(
    "the last artifact of a full page is read twice",
    edit(
      "core/worker/attempt/attempt-log.ts",
      "      from += page.length;\n",
      "      from += Math.max(1, page.length - (page.length === pageSize ? 1 : 0));\n",
    ),
  ),
  {
    elsewhere: {
      file: "test/integration/engine/many-batches.test.ts",
      title: "a hundred thousand batches through three nodes",
      why: "costs memory and does not change results",
    },
    ...mutation(
      "a consumer reads its whole input in one page",
      edit("core/worker/input/stream-input.ts", "generation, seq, pageSize)", "generation, seq, pageSize * 1_000)"),
    ),
  },
  {
    elsewhere: contention("after a claim that another worker won", "it costs time only"),
    ...mutation(
      "a worker that loses claims goes on with what is first in the queue",
      edit(claimer, "this.#contendedScans = scansSpread;", ""),
    ),
  },
  {
    elsewhere: contention("only what has the first priority is rotated", "requires lost claims and several priorities"),
    ...mutation(
      "a worker that loses claims ignores priorities",
      edit(
        "core/worker/claim/limits.ts",
        "const count = other === -1 ? queued.length : other;",
        "const count = queued.length;",
      ),
    ),
  },
  {
    elsewhere: {
      file: "test/unit/core/worker/input/stream-input.test.ts",
      title: "a first page that is gone does not matter",
      why: "requires a page that was dropped after its reader was claimed",
    },
    ...mutation(
      "a first page that is gone fails an attempt whose source has started over",
      edit("core/worker/input/stream-input.ts", "this.#read(cursor).catch(() => []);", "this.#read(cursor);"),
    ),
  },
  mutation(
    "an attempt does not read the length of its log",
    edit("core/worker/attempt/attempt-log.ts", "this.#length = tail.length;", ""),
  ),
  mutation(
    "a function runs again after a crash between output and finish",
    edit("core/worker/attempt/function-run.ts", "if (log.length > 0) {", "if (false) {"),
  ),
  mutation(
    "an attempt is released forever while its batches wait",
    edit(attempt, 'error.reason === "waiting" ? error.dueInMs :', 'error.reason === "waiting" ? 1e12 :'),
  ),
  mutation("stop does not release its attempts", edit(attempt, "await release(run, 0);", "")),
  {
    ...mutation(
      "a worker ignores the expiry of its leases",
      edit(
        "core/worker/claim/lease-renewer.ts",
        'for (const held of this.#held) if (now >= held.until) held.abandon("fenced");',
        "",
      ),
      edit("core/worker/attempt/batch-runner.ts", 'if (now >= held.until) held.abandon("fenced");', ""),
    ),
    harmless: "the store fences its writes; only work is lost",
  },
  mutation(
    "with a bus, an idle worker does not scan the queue",
    edit(
      "core/worker/worker-core.ts",
      "pollMinMs : Math.min(maxMs, waitMs * 2);",
      "pollMinMs : isNotified ? 3_600_000 : Math.min(maxMs, waitMs * 2);",
    ),
  ),
];
