import { createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { TaskFailure, TaskStatus } from "../../core/model/records.ts";
import type { Store } from "../../core/ports/index.ts";
import type { Logger } from "../../definitions/index.ts";
import type { Engine } from "../../engine/engine.ts";
import type { EndedTask } from "../../engine/lifecycle.ts";
import { propertyOf } from "../../errors/index.ts";
import type { Settings } from "../settings/schema.ts";

export type WebhookEvent = NonNullable<NonNullable<Settings["webhook"]>["events"]>[number];

/** The settings of a webhook that are needed to send. */
export interface WebhookOptions {
  readonly url: string;
  /** Plain text, or `whsec_` and base64 as in Standard Webhooks. */
  readonly secret: string;
  /** @defaultValue `["failed"]` */
  readonly events?: readonly WebhookEvent[] | undefined;
  /** The timeout of one request. @defaultValue 10 */
  readonly timeoutSec?: number | undefined;
  /** Tasks that ended at most this long before the start are reported again. @defaultValue 300 */
  readonly replaySec?: number | undefined;
  /** The first delay before a request is repeated; it doubles. @defaultValue 1 */
  readonly backoffSec?: number | undefined;
}

const tries = 8;
const longestBackoffMs = 60_000;
const concurrent = 4;
/** The maximum number of waiting alerts: memory must not grow while the receiver is down. */
const mostWaiting = 1_000;
/** How many of the newest ended tasks are searched at the start. */
const mostReplayed = 1_000;

interface Ended extends EndedTask {
  readonly status: TaskStatus;
  readonly failure?: TaskFailure;
  readonly cancelReason?: string;
}

/**
 * Sends a signed request for each task that a coordinator ends, and repeats it until the receiver answers with 2xx.
 * Deliveries are not recorded: at the start, recently ended tasks are reported again, under the same ids.
 */
export class Webhook {
  readonly #options: WebhookOptions;
  readonly #store: Pick<Store, "listTasks">;
  readonly #logger: Logger;
  readonly #events: ReadonlySet<TaskStatus>;
  readonly #key: Buffer | string;
  /** Ids of alerts that were sent or wait, the oldest first. */
  readonly #known = new Set<string>();
  readonly #waiting: Ended[] = [];
  readonly #running = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  #dropped = 0;

  constructor(parts: {
    readonly options: WebhookOptions;
    readonly store: Pick<Store, "listTasks">;
    readonly logger: Logger;
  }) {
    this.#options = parts.options;
    this.#store = parts.store;
    this.#logger = parts.logger;
    this.#events = new Set(parts.options.events ?? ["failed"]);
    const { secret } = parts.options;
    this.#key = secret.startsWith("whsec_") ? Buffer.from(secret.slice("whsec_".length), "base64") : secret;
  }

  /** Follows a coordinator that has started, and reports recently ended tasks. */
  async start(coordinator: Pick<Engine, "on">): Promise<void> {
    const add = (status: WebhookEvent) => (task: Omit<Ended, "status">) => this.#add({ ...task, status });
    coordinator.on("taskFinished", add("finished"));
    coordinator.on("taskFailed", add("failed"));
    coordinator.on("taskCancelled", add("cancelled"));
    const { replaySec = 300 } = this.#options;
    if (replaySec === 0) return;
    try {
      await this.#replay(Date.now() - replaySec * 1_000);
    } catch (error) {
      this.#logger.warn({ err: error }, "tasks that ended before the start could not be looked through for alerts");
    }
  }

  /** Waits until all alerts are delivered or dropped, for a limited time; logs how many are left. */
  async close(ms: number): Promise<void> {
    const late = new AbortController();
    const timeUp = sleep(ms, undefined, { signal: late.signal }).catch(() => undefined);
    await Promise.race([this.#idle(), timeUp]);
    late.abort();
    const left = this.#waiting.length + this.#running.size;
    this.#stop.abort();
    this.#waiting.length = 0;
    await this.#idle();
    if (left > 0)
      this.#logger.warn({ alerts: left }, "stopped before alerts were delivered; the next start repeats them");
  }

  async #idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #replay(since: number): Promise<void> {
    let seen = 0;
    for (let page: { cursor?: string } | undefined = {}; page !== undefined && seen < mostReplayed; ) {
      const answer: Awaited<ReturnType<Store["listTasks"]>> = await this.#store.listTasks({
        limit: 200,
        statuses: [...this.#events],
        ...page,
      });
      for (const { id: taskId, name, endedAt, ...task } of answer.items) {
        const flow = name === undefined ? {} : { flow: name };
        if (endedAt !== undefined && endedAt >= since) this.#add({ ...task, ...flow, taskId, endedAt });
      }
      seen += answer.items.length;
      page = answer.cursor === undefined ? undefined : { cursor: answer.cursor };
    }
  }

  #add(task: Ended): void {
    const id = idOf(task);
    if (!this.#events.has(task.status) || this.#known.has(id) || this.#stop.signal.aborted) return;
    if (this.#waiting.length >= mostWaiting) {
      if (this.#dropped++ === 0)
        this.#logger.error({ waiting: mostWaiting }, "too many alerts wait: further ones are lost");
      return;
    }
    this.#dropped = 0;
    this.#known.add(id);
    const [oldest] = this.#known;
    if (this.#known.size > 10 * mostWaiting && oldest !== undefined) this.#known.delete(oldest);
    this.#waiting.push(task);
    this.#next();
  }

  #next(): void {
    while (this.#running.size < concurrent) {
      const task = this.#waiting.shift();
      if (task === undefined) return;
      const running = this.#deliver(task).finally(() => {
        this.#running.delete(running);
        this.#next();
      });
      this.#running.add(running);
    }
  }

  /** Never rejects. */
  async #deliver(task: Ended): Promise<void> {
    const { signal } = this.#stop;
    const { backoffSec = 1 } = this.#options;
    const body = JSON.stringify(payloadOf(task));
    for (let made = 1; ; made++) {
      const problem = await this.#request(idOf(task), body);
      if (problem === undefined || signal.aborted) return;
      const fields = { taskId: task.taskId, event: `task.${task.status}`, tries: made, maxTries: tries, problem };
      if (made === tries) return this.#logger.error(fields, "an alert was not delivered");
      const backoffMs = Math.min(longestBackoffMs, backoffSec * 1_000 * 2 ** (made - 1));
      this.#logger.warn({ ...fields, retryInMs: backoffMs }, "an alert was not delivered; will retry");
      await sleep(backoffMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
    }
  }

  /** Returns why it was not delivered, without the URL, which may be secret. */
  async #request(id: string, body: string): Promise<string | undefined> {
    const { url, timeoutSec = 10 } = this.#options;
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const mac = createHmac("sha256", this.#key).update(`${id}.${timestamp}.${body}`).digest("base64");
    const timeout = AbortSignal.timeout(timeoutSec * 1_000);
    try {
      const response = await fetch(url, {
        method: "POST",
        body,
        redirect: "manual",
        signal: AbortSignal.any([timeout, this.#stop.signal]),
        headers: {
          "content-type": "application/json",
          "webhook-id": id,
          "webhook-timestamp": timestamp,
          "webhook-signature": `v1,${mac}`,
        },
      });
      await response.body?.cancel();
      return response.ok ? undefined : `status ${response.status}`;
    } catch (error) {
      if (timeout.aborted) return `no answer within ${timeoutSec} s`;
      const code = propertyOf(propertyOf(error, "cause"), "code");
      return typeof code === "string" ? code : "the request failed";
    }
  }
}

/** The same for each request about this end of the task, by any coordinator. */
const idOf = ({ taskId, status }: Ended): string => `${taskId}_${status}`;

/** Without parameters and stacks, which may contain data that a receiver must not see. */
function payloadOf({ taskId, flow, status, createdAt, endedAt, failure, cancelReason }: Ended): object {
  const { nodeId, batchUid, reasonCode, message } = failure ?? {};
  return {
    type: `task.${status}`,
    timestamp: new Date(endedAt).toISOString(),
    data: {
      taskId,
      flow,
      createdAt: new Date(createdAt).toISOString(),
      endedAt: new Date(endedAt).toISOString(),
      ...(status === "failed" ? { failure: { nodeId, batchUid, reasonCode, message } } : {}),
      ...(status === "cancelled" ? { reason: cancelReason } : {}),
    },
  };
}
