/** Lets this much real time pass, or less if the promise settles before. */
export async function passRealTime(ms: number, until: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([until, passed]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the event loop waits for, such as timers, sockets and files, by kind. */
export function realResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
