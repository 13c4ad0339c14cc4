/**
 * The wall clock, made to never go backwards or stand still: while the wall clock is behind the last value, time
 * advances from there by `monotonic`. Once the wall clock has caught up it applies again, so the two cannot drift
 * apart.
 */
export function steadyNow(wall: () => number, monotonic: () => number): () => number {
  let latest = Number.NEGATIVE_INFINITY;
  /** The last value taken from the wall clock, and when it was taken. */
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
