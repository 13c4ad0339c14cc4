/*
 * Kills the driver's processes when the driver exits for any reason: a process that is paused (SIGSTOP) cannot notice
 * that. The driver writes `+PID` and `-PID` to its input; the end of the input means that the driver has exited.
 */
import { createInterface } from "node:readline";

const alive = new Set<number>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {}); // only the input counts

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
