import { createRequire } from "node:module";

/** The one version that is known to need it, and whose insides are known. */
const knownVersion = "2.2.4";
const mark = Symbol.for("flowkit.kafkajs.idle-timer-fix");

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  scheduleCheckPendingRequests(): void;
  [mark]?: true;
}

/**
 * kafkajs 2.2.4 arms a timer again and again on each connection, for ever, with a negative delay: an idle process uses a
 * few percent of a core, and Node 24 prints a `TimeoutNegativeWarning`. No option turns it off. This arms the timer
 * only while something waits to be sent; once a process, whoever calls it how often.
 *
 * @returns whether it is in place
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
