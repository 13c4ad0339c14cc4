import type { TaskRecord } from "../../src/core/model/records.ts";
import type { Client, Schedule } from "../../src/engine/index.ts";
import type { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import { machineMs } from "./journal.ts";
import { retryUntil } from "./retry-until.ts";

const everySec = 15;
const params = { limits: { rows: 10 }, tags: ["a"] };
const overlaps = ["skip", "queue", "replace", "allow"] as const;
/** The schedule that is paused now and then, so that its runs cannot be counted. */
const pausedOverlap = "allow";
const mostPauseMs = 20_000;

/** A run of a schedule whose task has been checked. */
interface Run {
  readonly taskId: string;
  readonly dueAt: number;
  readonly createdAt: number;
  readonly endedAt: number;
}

const keyForm = /^schedule:chaos-(\w+):(.*)$/;

/** The schedule and the time of a task, if it is a run of a schedule. */
export function runOf(idempotencyKey: string | undefined) {
  const [, overlap, dueAt] = keyForm.exec(idempotencyKey ?? "") ?? [];
  return overlap === undefined || dueAt === undefined ? undefined : { overlap, dueAt: Date.parse(dueAt) };
}

/** Schedules of all kinds, which coordinators fire while they are killed, and the outcomes of their runs. */
export class ChaosSchedules {
  readonly counts = { runs: 0, skippedRuns: 0, pausedRuns: 0 };
  readonly #client: Client;
  readonly #random: SeededRandom;
  readonly #runs = new Map<string, Run[]>();
  /** From the answer to a pause to the request to resume, in ms since 1970. */
  readonly #pauses: { readonly from: number; to: number }[] = [];
  #changeAt = 0;

  constructor({ client, random }: { readonly client: Client; readonly random: SeededRandom }) {
    this.#client = client;
    this.#random = random;
  }

  async start(): Promise<void> {
    for (const [index, overlap] of overlaps.entries()) {
      const seconds = Array.from({ length: 60 / everySec }, (_, n) => index * 3 + n * everySec);
      // Some are still running when the next one is due.
      const args = { batches: 2, shuffle: false, grow: false, saves: false, waits: false, partitions: 1 };
      const flow = {
        nodes: [
          { node_id: "first", type: "source", depends_on: [], io: { input_inline: args } },
          { node_id: "last", type: "map", depends_on: ["first"], delay_sec: this.#random.pick([0.05, 3, 8]) },
        ],
      };
      const cron = `${seconds.join()} * * * * *`;
      await retryUntil(() => this.#client.schedules.put(idOf(overlap), { flow, cron, overlap, params } as never));
    }
  }

  /** Now and then pauses or resumes one of them. */
  async turn(): Promise<void> {
    if (machineMs() < this.#changeAt) return;
    this.#changeAt = machineMs() + 2_000 + this.#random.int(mostPauseMs);
    const id = idOf(pausedOverlap);
    const last = this.#pauses.at(-1);
    if (last?.to === Number.POSITIVE_INFINITY) {
      last.to = Date.now();
      await retryUntil(() => this.#client.schedules.resume(id));
      return;
    }
    await retryUntil(() => this.#client.schedules.pause(id));
    this.#pauses.push({ from: Date.now(), to: Number.POSITIVE_INFINITY });
  }

  /** Called with each checked task. */
  ran({ id: taskId, idempotencyKey, createdAt, endedAt = 0, cancelReason = "" }: TaskRecord): void {
    const run = runOf(idempotencyKey);
    // Created by a coordinator that stalled until the task of the run had been deleted, and cancelled by it.
    if (run === undefined || cancelReason.endsWith("had a task before")) return;
    this.counts.runs++;
    const { overlap, dueAt } = run;
    this.#runs.set(overlap, [...(this.#runs.get(overlap) ?? []), { taskId, dueAt, createdAt, endedAt }]);
  }

  /** No run begins after this, except for pending ones. @returns the final states */
  async stop(): Promise<readonly Schedule[]> {
    const ids = overlaps.map(idOf);
    const states = await Promise.all(ids.map((id) => retryUntil(() => this.#client.schedules.get(id))));
    for (const id of ids) await retryUntil(() => this.#client.schedules.delete(id).catch(ignoreUnknown));
    return states;
  }

  /** Called once all tasks are checked. */
  check(states: readonly Schedule[]): string[] {
    return overlaps.flatMap((overlap) => {
      const state = states.find(({ id }) => id === idOf(overlap));
      const runs = (this.#runs.get(overlap) ?? []).toSorted((a, b) => a.dueAt - b.dueAt);
      const wrong = state === undefined ? ["has no state"] : this.#checkRuns(overlap, runs, state);
      return wrong.map((what) => `schedule ${idOf(overlap)}: ${what}`);
    });
  }

  #checkRuns(overlap: string, runs: readonly Run[], { createdAt, nextAt, skipped, missed }: Schedule): string[] {
    const wrong: string[] = [];
    for (const [index, run] of runs.entries()) {
      const before = runs[index - 1];
      const at = new Date(run.dueAt).toISOString();
      if (run.createdAt < run.dueAt) wrong.push(`its run of ${at} began ${run.dueAt - run.createdAt} ms early`);
      if (before?.dueAt === run.dueAt) wrong.push(`its run of ${at} has two tasks: ${before.taskId} and ${run.taskId}`);
      if (overlap !== "allow" && before !== undefined && before.endedAt > run.createdAt)
        wrong.push(`its run of ${at} began ${before.endedAt - run.createdAt} ms before the one before had ended`);
    }
    this.counts.skippedRuns += skipped;
    if (overlap === pausedOverlap) {
      const during = (dueAt: number) => this.#pauses.some(({ from, to }) => dueAt > from && dueAt < to);
      const late = runs.filter(({ dueAt }) => during(dueAt));
      this.counts.pausedRuns += this.#pauses.length;
      return [...wrong, ...late.map(({ taskId }) => `task ${taskId} was due while it was paused`)];
    }
    const decided = nextAt === undefined ? [] : dueTimes(overlap, createdAt, nextAt);
    const started = runs.filter(({ dueAt }) => dueAt < (nextAt ?? 0)).length;
    if (decided.length === started + skipped + missed) return wrong;
    return [...wrong, `was due ${decided.length} times: ${started} tasks, ${skipped} skipped, ${missed} missed`];
  }
}

const idOf = (overlap: string): string => `chaos-${overlap}`;

/** After one instant and before another. */
function dueTimes(overlap: string, after: number, before: number): readonly number[] {
  const offset = overlaps.indexOf(overlap as (typeof overlaps)[number]) * 3;
  const first = Math.floor(after / 60_000) * 60_000 + offset * 1_000;
  const count = Math.max(0, Math.ceil((before - first) / (everySec * 1_000)));
  return Array.from({ length: count }, (_, n) => first + n * everySec * 1_000).filter((at) => at > after);
}

function ignoreUnknown(error: unknown): void {
  if (!(error instanceof Error) || (error as { code?: string }).code !== "SCHEDULE_UNKNOWN") throw error; // an answer was lost
}
