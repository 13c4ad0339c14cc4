/*
 * Kills what the driver has started when the driver ends, however it ends: a process that stands still (SIGSTOP) hears
 * of nothing else. The driver writes `+PID` and `-PID` to its input; the input's end is the driver's end.
 */
import { createInterface } from "node:readline";

const alive = new Set<number>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {}); // the input decides

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) alive.add(pid);
  else alive.delete(pid);
}
for (const pid of alive) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // it has ended already
  }
}
