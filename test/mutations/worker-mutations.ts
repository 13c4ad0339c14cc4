import { edit, type Mutation, mutation } from "./mutation.ts";

const stream = "core/worker/input/stream-input.ts";
const handlerRun = "core/worker/attempt/handler-run.ts";
const consumeInput = "core/worker/attempt/consume-input.ts";
const attempt = "core/worker/attempt/attempt.ts";
const claimer = "core/worker/claim/claimer.ts";
const worker = "core/worker/worker-core.ts";
const inputWait = "core/worker/attempt/input-wait.ts";
const sources = "core/worker/attempt/source-batches.ts";

const raceOf = (title: string, why: string) => ({ file: "test/sim/worker-races.test.ts", title, why });

export const workerMutations: readonly Mutation[] = [
  mutation(
    "what lies at the edge of a page is totalled twice",
    edit("core/worker/attempt/attempt-log.ts", "from += page.length;", "from += Math.max(1, page.length - 1);"),
  ),
  mutation(
    "a handler that ignores its signal keeps no slot",
    edit(
      worker,
      "if (returned === undefined) this.#claimer.release(type);",
      "this.#claimer.release(type);\n      if (returned === undefined);",
    ),
    edit(worker, "      this.#claimer.release(type);\n      this.#scanQueue();", "      this.#scanQueue();"),
  ),
  mutation(
    "a handler that returns late never gives its slot back",
    edit(worker, "      this.#claimer.release(type);\n      this.#scanQueue();", "      this.#scanQueue();"),
  ),
  mutation(
    "a worker that stops begins further batches",
    edit("core/worker/attempt/attempt-handle.ts", 'if (this.#windingDown) throw new AttemptEnded("stopping");', ""),
  ),
  mutation(
    "cursor off by one",
    edit(stream, "stored === undefined ? 0 : stored.chunk + 1", "stored === undefined ? 0 : stored.chunk"),
  ),
  mutation(
    "cursor one ahead",
    edit(stream, "seq: stored?.seq ?? 0,", "seq: stored === undefined ? 0 : stored.seq + 1,"),
  ),
  mutation(
    "end of input from 'nothing new'",
    edit(stream, 'return { kind: "nothing", sourceRunning: seen.running };', 'return { kind: "end" };'),
  ),
  mutation(
    "generation ignored",
    edit(stream, "if (record.generation !== cursor.generation) restarted = true;\n      else if", "if"),
  ),
  mutation(
    "generations as they are today, not as the record has them",
    edit(
      stream,
      "if (this.#see(records).restarted) return restarted(records);\n    }",
      `for (const cursor of this.#open) {
        const now = records.find((record) => sourceKey(record.nodeId, record.shard) === cursor.key);
        if (now !== undefined) Object.assign(cursor, { generation: now.generation });
      }
      this.#see(records);
    }`,
    ),
  ),
  mutation(
    "end of input from the marker",
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
    edit(stream, 'else if (record.status === "finished") cursor.count = record.count;', ""),
  ),
  mutation(
    "state first, page after",
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
  mutation("no release of starving consumers", edit(inputWait, 'throw new AttemptEnded("released");', "return;")),
  mutation(
    "a consumer that can't resume holds its slot whatever waits for it",
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
      why: "takes a function upstream that is queued while the limit's last slot is held so",
    },
    ...mutation(
      "a consumer that can't resume holds the slot of a limit over all workers",
      edit(consumeInput, "  if (Object.keys(limits.running).length > 0) return false;\n", ""),
    ),
  },
  mutation(
    "finish announced before it is written",
    edit(attempt, '  await announce(run, { kind: "TASK_DONE", metrics: {} }); // its metrics are in the store\n', ""),
    edit(
      handlerRun,
      "  if (definition.finalize === undefined) {",
      '  await announce(run, { kind: "TASK_DONE", metrics: {} });\n  if (definition.finalize === undefined) {',
    ),
  ),
  mutation(
    "no first batch is announced",
    edit(handlerRun, "if (run.plan.streaming.has(run.node.id)) await", "if (false) await"),
  ),
  mutation(
    "no failure is announced",
    edit(attempt, "    announce(run, final ?", "    final ? Promise.resolve() : announce(run, final ?"),
  ),
  mutation("a handler that can't resume goes on", edit(handlerRun, "if (!definition.resumable) {", "if (false) {")),
  mutation(
    "a restart of a source is not passed on",
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
      why: "takes a log longer than what is read ahead of it, and a source that comes in another order",
    },
    ...mutation(
      "a uid that isn't read ahead is taken for a new one",
      edit(sources, "return this.#readTo < this.#length && this.#log.has(uid);", "return false;"),
    ),
  },
  mutation(
    "a source that is tried again is read ahead of what is stored",
    edit(
      consumeInput,
      "  let inHand: Promise<unknown> = Promise.resolve();\n",
      "  let inHand: Promise<unknown> = Promise.resolve();\n  const page: NumberedBatch[] = [];\n",
    ),
    edit(
      consumeInput,
      "    inHand = take(batch);\n    await inHand;\n  }\n",
      `    page.push(batch);
    if (log.length > 0 && page.length < 256) continue;
    for (const each of page.splice(0)) {
      inHand = take(each);
      await inHand;
    }
  }
  for (const each of page) await take(each);
`,
    ),
  ),
  mutation(
    "a source's checkpoint is written before its batches are stored",
    edit(sources, "if (!(await this.#stored())) throw", "if (false) throw"),
  ),
  mutation(
    "a source's checkpoint is written though a batch before it has failed",
    edit(sources, "if (!(await this.#stored())) throw", "if ((await this.#stored()) === undefined) throw"),
  ),
  mutation(
    "source origins are misnumbered on resume",
    edit(consumeInput, "  const { log } = pass;\n", "  const { log } = pass;\n  let fresh = 0;\n"),
    edit(consumeInput, "const take = async ({ uid, index, payload }", "const take = async ({ uid, payload }"),
    edit(consumeInput, 'source: "", seq: index, chunk: 0 }', 'source: "", seq: fresh++, chunk: 0 }'),
  ),
  mutation(
    "a shard takes every batch",
    edit(consumeInput, "if (shardOf(batch.uid, run.node.partitions) === run.held.attempt.shard) await", "await"),
  ),
  mutation(
    "gather takes all parents, whatever was chosen",
    edit("core/worker/input/gather-input.ts", "if (chosen === undefined) return sources;", "return sources;"),
  ),
  mutation("gather doesn't wait", edit("core/worker/input/gather-input.ts", "complete = false;", "")),
  mutation("no timeouts", edit(attempt, 'if (!ended.signal.aborted) run.held.abandon("timeout");', "")),
  mutation(
    "permanent_on is ignored",
    edit(attempt, "classified.permanent || retry.permanentOn.includes(failure.reasonCode)", "classified.permanent"),
  ),
  mutation(
    "a slot is not given back",
    edit(worker, "if (returned === undefined) this.#claimer.release(type);\n      else", "if (returned !== undefined)"),
  ),
  mutation(
    "no look at the queue when a slot is free again",
    edit(
      worker,
      '    if (this.#stopping === undefined) this.#supervisor.spawn("queue", () => this.#claimer.fill());',
      "",
    ),
  ),
  {
    elsewhere: raceOf(
      "a command dropped for a claim that fails",
      "takes a claim that fails while it holds the last slot",
    ),
    ...mutation("a dropped command is forgotten", edit(claimer, "this.#droppedCommand = true;", "")),
  },
  {
    elsewhere: raceOf("a command that arrives during a queue scan", "takes a command just behind the answer"),
    ...mutation(
      "a call during a look at the queue is forgotten",
      edit(claimer, "this.#fillAgain = true; // so that the command does not jump the queue", ""),
    ),
  },
  {
    elsewhere: raceOf("a command and a queue scan for the same attempt", "what is lost is a call of the store"),
    ...mutation(
      "a claim under way is made a second time",
      edit(claimer, "    if (known !== undefined) return known;\n", "    void known;\n"),
    ),
  },
  mutation("a claim that has ended is still under way", edit(claimer, ".finally(() => this.#asked.delete(key))", "")),
  mutation("cleanups don't run", edit(handlerRun, "    await cleanups.runAll();\n", "")),
  mutation(
    "watches stay",
    edit("core/worker/attempt/attempt-run.ts", "if (watch !== undefined) signals.unwatch(taskId, sources, watch);", ""),
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
      "a fenced attempt goes on",
      edit(
        "core/worker/attempt/attempt-log.ts",
        'throw new AttemptEnded(answer === "conflict" ? "reload" : answer);',
        'if (answer === "conflict") throw new AttemptEnded("reload");',
      ),
    ),
    harmless: "the store refuses whatever it writes",
  },
  {
    elsewhere: {
      file: "test/integration/engine/late-inserts.test.ts",
      title: "of a batch that the source no longer yields stays",
      why: "takes a late insert that meets another batch at its place",
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
    "the last of a full page is read again with the next page",
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
      why: "costs memory, and changes no result",
    },
    ...mutation(
      "a consumer reads all that there is at once",
      edit(
        "core/worker/input/stream-input.ts",
        "cursor.generation, cursor.seq, pageSize)",
        "cursor.generation, cursor.seq, pageSize * 1_000)",
      ),
    ),
  },
  mutation("a log's length is not read", edit("core/worker/attempt/attempt-log.ts", "this.#length = tail.length;", "")),
  mutation(
    "a crash between output and finish repeats a function",
    edit("core/worker/attempt/function-run.ts", "if (log.length > 0) {", "if (false) {"),
  ),
  mutation("stop abandons attempts without handing them back", edit(attempt, "await release(run, 0);", "")),
  {
    ...mutation(
      "a worker believes in its lease for ever",
      edit(
        "core/worker/claim/lease-renewer.ts",
        'for (const held of this.#held) if (now >= held.until) held.abandon("fenced");',
        "",
      ),
      edit(
        "core/worker/attempt/batch-runner.ts",
        'if (parts.clock.monotonic() >= held.until) held.abandon("fenced");',
        "",
      ),
    ),
    harmless: "the store's fence and the seq decide; what is lost is work",
  },
];
