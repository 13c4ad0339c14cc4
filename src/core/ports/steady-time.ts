/**
 * Time from readings of wall clocks, but never backwards and never at a standstill: while a reading is behind what was
 * given last, time continues from there at the pace of `monotonic`. Readings count again once they have caught up, so the
 * two cannot drift apart.
 */
export function steadyTime(monotonic: () => number): (reading: number) => number {
  let latest = Number.NEGATIVE_INFINITY;
  /** The reading that counted last, and when that was. */
  let base = 0;
  let since = 0;
  return (reading) => {
    const passed = monotonic();
    if (reading >= latest) {
      base = reading;
      since = passed;
      latest = reading;
    } else {
      latest = Math.max(latest, Math.floor(base + passed - since));
    }
    return latest;
  };
}
