import { createRequire } from "node:module";

/** The only version known to need the fix, and to have these internals. */
const knownVersion = "2.2.4";
const mark = Symbol.for("flowkit.kafkajs.idle-timer-fix");

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
  [mark]?: true;
}

/**
 * kafkajs 2.2.4 keeps rearming a timer on each connection with a negative delay: an idle process uses a few percent of
 * a core, and Node 24 prints a `TimeoutNegativeWarning`. No option disables it. This patch arms the timer only while
 * requests are pending. Repeated calls have no effect.
 *
 * @returns whether the patch is applied
 */
export function fixIdleTimer(): boolean {
  const load = createRequire(import.meta.url);
  const { version } = load("kafkajs/package.json") as { readonly version: string };
  if (version !== knownVersion) return false;
  const { prototype } = load("kafkajs/src/network/requestQueue/index.js") as { readonly prototype: RequestQueue };
  if (prototype[mark] === true) return true;
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype[mark] = true;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
    if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
  };
  return true;
}
