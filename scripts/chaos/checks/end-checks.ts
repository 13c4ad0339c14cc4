import type { AttemptSpan, Calls } from "../calls.ts";
import { shared } from "../part-spec.ts";

/** A process that stood still longer than this may not have noticed that its time was over. */
const toleratedMs = 200;

/** Law 9: how many attempts ran handler code at once, by the handlers' own journals. */
export function checkLimits(calls: Calls, nodeLimits: ReadonlyMap<string, number>): string[] {
  const { maxRunning, maxRunningPerType, maxRunningPerTask } = shared.limits;
  const perType = maxRunningPerType as Readonly<Record<string, number>>;
  const spans = [...calls.spans.values()].map((span) => ({ ...span, to: endOf(span, calls) }));
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

/** A process that stands still long enough loses its leases: its attempts are over then, whatever it does when it wakes. */
function endOf(span: AttemptSpan, calls: Calls): number {
  const end = Math.min(span.to, span.life.endedAt ?? Number.POSITIVE_INFINITY);
  const still = calls.stoodStill(span.life, span.from, end);
  return still !== undefined && Math.min(still.to, end) - still.from > toleratedMs ? still.from : end;
}

function overLimit(
  spans: readonly AttemptSpan[],
  groupOf: (span: AttemptSpan) => string,
  maxOf: (span: AttemptSpan) => number | undefined,
): string[] {
  const wrong: string[] = [];
  for (const [group, own] of Map.groupBy(spans, groupOf)) {
    const max = own[0] && maxOf(own[0]);
    if (max === undefined) continue;
    // At the same instant, who ends makes room first.
    const steps = own
      .flatMap(({ from, to }) => [
        { at: from, by: 1 },
        { at: to, by: -1 },
      ])
      .sort((a, b) => a.at - b.at || a.by - b.by);
    let running = 0;
    let most = 0;
    for (const { by } of steps) {
      running += by;
      most = Math.max(most, running);
    }
    if (most > max) wrong.push(`limit of ${group}: ${most} attempts ran at once, at most ${max} may`);
  }
  return wrong;
}

/** Law 8: when a task has ended, nothing of it runs. */
export function checkNothingRan(
  calls: Calls,
  tasks: { readonly endedAt: ReadonlyMap<string, number>; readonly wallOffset: number },
): string[] {
  const wrong: string[] = [];
  for (const { life, task, node, epoch, lastBegan } of calls.spans.values()) {
    const wallEnd = tasks.endedAt.get(task);
    if (wallEnd === undefined) continue;
    const endedAt = wallEnd - tasks.wallOffset;
    if (lastBegan <= endedAt + toleratedMs) continue;
    if (calls.stoodStill(life, endedAt - shared.leaseMs * 2, lastBegan) !== undefined) continue;
    wrong.push(
      `${life.name} called ${task}:${node} at epoch ${epoch}, ${Math.round(lastBegan - endedAt)} ms after its task had ended`,
    );
  }
  return wrong;
}
