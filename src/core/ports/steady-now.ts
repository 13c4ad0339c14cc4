/**
 * The wall clock, but never backwards and never at a standstill: while it is behind what was given last, time goes on from
 * there as it passes by `monotonic`. The wall clock counts again once it has caught up, so the two can't drift apart.
 */
export function steadyNow(wall: () => number, monotonic: () => number): () => number {
  let latest = Number.NEGATIVE_INFINITY;
  /** What the wall clock gave when it last counted, and when that was. */
  let base = 0;
  let since = 0;
  return () => {
    const now = wall();
    const passed = monotonic();
    if (now >= latest) {
      base = now;
      since = passed;
      latest = now;
    } else {
      latest = Math.max(latest, Math.floor(base + passed - since));
    }
    return latest;
  };
}
