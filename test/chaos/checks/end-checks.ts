import type { AttemptSpan, Calls } from "../calls.ts";
import { isExternal } from "../external-nodes.ts";
import { shared } from "../process-spec.ts";

/** From the end of a task until a worker notices it. */
const toleratedMs = 200;
/** A worker stops this long before its lease expires: with a shorter stall, it stops in time. */
const marginMs = shared.leaseMs / 10;

/** Law 9: the number of concurrent attempts, by the handlers' journals. */
export function checkLimits(calls: Calls, nodeLimits: ReadonlyMap<string, number>): string[] {
  const { maxRunning, maxRunningPerType, maxRunningPerTask } = shared.limits;
  const perType = maxRunningPerType as Readonly<Record<string, number>>;
  // Limits do not apply to external workers.
  const spans = [...calls.spans.values()]
    .filter((span) => !isExternal(span))
    .map((span) => ({ ...span, to: endOf(span, calls) }));
  const wrong = overLimit(
    spans,
    () => "all",
    () => maxRunning,
  );
  wrong.push(
    ...overLimit(
      spans,
      ({ type }) => `type ${type}`,
      ({ type }) => perType[type],
    ),
  );
  wrong.push(
    ...overLimit(
      spans,
      ({ task }) => `task ${task}`,
      () => maxRunningPerTask,
    ),
  );
  wrong.push(
    ...overLimit(
      spans,
      ({ task, node }) => `node ${task}:${node}`,
      ({ task, node }) => nodeLimits.get(`${task}:${node}`),
    ),
  );
  return wrong;
}

/** A process that stalls long enough loses its leases: its attempts count as ended then, even if it resumes them. */
function endOf(span: AttemptSpan, calls: Calls): number {
  const end = Math.min(span.to, span.life.endedAt ?? Number.POSITIVE_INFINITY);
  return calls.stoodStill(span.life, { from: span.from, to: end, atLeastMs: marginMs })?.from ?? end;
}

function overLimit(
  spans: readonly AttemptSpan[],
  groupOf: (span: AttemptSpan) => string,
  maxOf: (span: AttemptSpan) => number | undefined,
): string[] {
  const wrong: string[] = [];
  for (const [group, own] of Map.groupBy(spans, groupOf)) {
    const max = own[0] && maxOf(own[0]);
    const most = mostAtOnce(own);
    if (max !== undefined && most > max) {
      wrong.push(`limit of ${group}: ${most} attempts ran concurrently, at most ${max} may`);
    }
  }
  return wrong;
}

/** The maximum number of attempts that ran handler code concurrently. */
export const peakOf = (calls: Calls): number =>
  mostAtOnce([...calls.spans.values()].map((span) => ({ from: span.from, to: endOf(span, calls) })));

function mostAtOnce(spans: readonly Pick<AttemptSpan, "from" | "to">[]): number {
  const steps = spans.flatMap(({ from, to }) => [
    { at: from, by: 1 },
    { at: to, by: -1 },
  ]);
  let [running, most] = [0, 0];
  // At the same instant, ends count before starts.
  for (const { by } of steps.sort((a, b) => a.at - b.at || a.by - b.by)) {
    running += by;
    most = Math.max(most, running);
  }
  return most;
}

/** After this number of tasks, every feature that a run draws should have occurred. */
const enoughTasks = 250;

/** Features that did not occur in a long run, which therefore has not checked them. */
export function checkDrawn({
  created,
  ...counts
}: {
  readonly created: number;
  readonly [key: string]: number;
}): string[] {
  if (created < enoughTasks) return [];
  const missing = Object.keys(counts).filter((key) => counts[key] === 0);
  return missing.map((key) => `nothing of this kind in ${created} tasks: ${key}`);
}

/** Law 8: nothing of an ended task runs. */
export function checkNothingRan(
  calls: Calls,
  tasks: { readonly endedAt: ReadonlyMap<string, number>; readonly wallOffset: number },
): string[] {
  const wrong: string[] = [];
  for (const { life, task, node, epoch, lastBegan, type } of calls.spans.values()) {
    if (isExternal({ type })) continue; // asked to stop by a message; their later writes have no effect
    const wallEnd = tasks.endedAt.get(task);
    if (wallEnd === undefined) continue;
    const endedAt = wallEnd - tasks.wallOffset;
    if (lastBegan <= endedAt + toleratedMs) continue;
    if (calls.stoodStill(life, { from: endedAt - shared.leaseMs * 2, to: lastBegan }) !== undefined) continue;
    wrong.push(
      `${life.name} called ${task}:${node} at epoch ${epoch}, ${Math.round(lastBegan - endedAt)} ms after its task ended`,
    );
  }
  return wrong;
}
