/**
 * Time from readings of wall clocks, made to never go backwards or stand still: while a reading is behind the last
 * value, time advances from there by `monotonic`. Once readings have caught up they apply again, so the two cannot
 * drift apart.
 */
export function steadyTime(monotonic: () => number): (reading: number) => number {
  let latest = Number.NEGATIVE_INFINITY;
  /** The last reading that applied, and when it was taken. */
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
