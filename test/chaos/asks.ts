import type { Client } from "../../src/engine/client.ts";
import type { SeededRandom } from "../../src/testing/scheduler/seeded-random.ts";
import { machineMs } from "./journal.ts";
import { shared } from "./process-spec.ts";
import { retryUntil } from "./retry-until.ts";

/** The maximum delay of a signal or a pause after the creation of its task: soon, while it runs, or when it may have ended. */
const spans = [50, 1_500, 9_000] as const;
const paused = 0.3;
/** Some pauses are long enough for every process to notice them. */
const mostPausedMs = [1_000, 4_000, 20_000] as const;

/** When the answer to a pause arrived, and when its resume was sent; by the machine's clock. */
export interface AskedPause {
  readonly from: number;
  to: number;
}

interface Ask {
  readonly taskId: string;
  readonly at: number;
  readonly send: () => Promise<void>;
}

/** A node of a graph, as drawn or as stored with its task. */
export interface AskedNode {
  readonly node_id: string;
  readonly type: string;
  readonly io?: unknown;
  readonly timeout_sec?: unknown;
  readonly limits?: unknown;
}

/** The answers to the signals for a node. */
interface Signalled {
  /** As JSON. */
  accepted: string | undefined;
  /** In ms since 1970. */
  acceptedAt: number;
}

const isWait = ({ io }: AskedNode): boolean => (io as { readonly fn?: string } | undefined)?.fn === "wait.signal";

/** The requests of a client about running tasks, and the answers. */
export class Asks {
  readonly counts = { signals: 0, already: 0, late: 0, pauses: 0, resumes: 0 };
  /** Two signals for one node that were both the first, and one that was accepted by a task that had ended. */
  readonly wrong: string[] = [];
  readonly #client: Pick<Client, "task">;
  readonly #random: SeededRandom;
  #open: Ask[] = [];
  readonly #signals = new Map<string, Signalled>();
  readonly #pauses = new Map<string, AskedPause[]>();

  constructor(options: { readonly client: Pick<Client, "task">; readonly random: SeededRandom }) {
    this.#client = options.client;
    this.#random = options.random;
  }

  /** Plans the signals that this task needs, additional ones, and some pauses. */
  plan(taskId: string, nodes: readonly AskedNode[]): void {
    const random = this.#random;
    const later = (ask: () => Promise<void>): void => {
      this.#open.push({ taskId, at: machineMs() + random.int(random.pick(spans)), send: ask });
    };
    for (const { node_id, timeout_sec } of nodes.filter(isWait)) {
      const signals = (timeout_sec === undefined ? 1 : random.int(2)) + (random.chance(0.3) ? 1 : 0);
      for (let n = 0; n < signals; n++) later(async () => void (await this.#signal(taskId, node_id, { rows: [n] })));
    }
    const isPausable = !nodes.some(({ type }) => shared.externalTypes.some((name) => name === type));
    if (isPausable && random.chance(paused)) later(() => this.#pause(taskId));
  }

  /** Called once it is known that this task has ended: sends a late signal. */
  ended(taskId: string, nodes: readonly AskedNode[]): void {
    const waiting = nodes.find(isWait);
    if (waiting === undefined) return;
    const send = async () => {
      const answer = await this.#signal(taskId, waiting.node_id, { rows: [9] });
      if (answer === "accepted") this.wrong.push(`${taskId} had ended, but accepted a signal`);
    };
    this.#open.push({ taskId, at: 0, send });
  }

  /** Sends due requests to tasks that still exist. */
  async sendDue(exists: (taskId: string) => boolean): Promise<void> {
    const due = this.#open.filter(({ at }) => at <= machineMs());
    this.#open = this.#open.filter((ask) => !due.includes(ask));
    await Promise.all(due.filter(({ taskId }) => exists(taskId)).map(({ send }) => send()));
  }

  /** As JSON, the signal that was answered as the first one. */
  acceptedOf(taskId: string, nodeId: string): string | undefined {
    return this.#signals.get(`${taskId}:${nodeId}`)?.accepted;
  }

  /** In ms since 1970. */
  acceptedAt(taskId: string, nodeId: string): number | undefined {
    return this.#signals.get(`${taskId}:${nodeId}`)?.acceptedAt;
  }

  pausesOf(taskId: string): readonly AskedPause[] {
    return this.#pauses.get(taskId) ?? [];
  }

  async #signal(taskId: string, nodeId: string, payload: { readonly rows: readonly number[] }) {
    const answer = await retryUntil(() => this.#client.task(taskId).signal(nodeId as never, payload as never));
    if (answer === "already") this.counts.already++;
    if (answer === "terminal") this.counts.late++;
    if (answer !== "accepted") return answer;
    this.counts.signals++;
    const key = `${taskId}:${nodeId}`;
    const text = JSON.stringify(payload);
    const before = this.#signals.get(key)?.accepted;
    if (before !== undefined) this.wrong.push(`${key}: accepted the signal ${text} after ${before}`);
    this.#signals.set(key, { accepted: text, acceptedAt: Date.now() });
    return answer;
  }

  async #pause(taskId: string): Promise<void> {
    const answer = await retryUntil(() => this.#client.task(taskId).pause());
    if (answer === "terminal") return;
    this.counts.pauses++;
    const pause: AskedPause = { from: machineMs(), to: Number.POSITIVE_INFINITY };
    this.#pauses.set(taskId, [...this.pausesOf(taskId), pause]);
    const at = machineMs() + this.#random.int(this.#random.pick(mostPausedMs));
    this.#open.push({ taskId, at, send: () => this.#resume(taskId, pause) });
  }

  async #resume(taskId: string, pause: AskedPause): Promise<void> {
    pause.to = machineMs();
    const answer = await retryUntil(() => this.#client.task(taskId).resume());
    if (answer === "recorded") this.counts.resumes++;
  }
}
