import { setTimeout as sleep } from "node:timers/promises";
import { flow } from "flowkit";
import { Client } from "flowkit/engine";
import { source } from "../flows.ts";
import { connected, noUse, type Servers } from "./connections.ts";
import { Fleet, type FleetOptions } from "./fleet.ts";

/** After their start, workers detect each other within two announcements, and then scan the queue at growing intervals. */
const settleMs = 40_000;
const windowMs = 30_000;
const neverMs = 3_600_000;

export const idleColumns = ["processes", "open tasks", "sweeps/s", "commands/s", "by name"];

/** The requests per second of idle processes. */
export async function measureIdle(name: string, options: FleetOptions, servers: Servers): Promise<readonly string[]> {
  const fleet = await Fleet.start(options, servers);
  await sleep(settleMs);
  const row = await measureWindow(fleet);
  await fleet.stop();
  return [name, "0", ...row];
}

/**
 * The same, with tasks that wait for a time far in the future; each is swept once when it is new, or also at the
 * default interval.
 */
export async function measureOpen(tasks: number, isSwept: boolean, servers: Servers): Promise<readonly string[]> {
  const sweeps = isSwept ? {} : { sweepMs: neverMs };
  const fleet = await Fleet.start({ coordinators: 1, workers: 1, ...sweeps }, servers);
  const { store, bus, close } = connected(servers as NodeJS.ProcessEnv, noUse());
  const client = new Client({ store, bus, handlers: [source] });
  await client.start();
  const waiting = flow("open").node("later", source, { delaySec: neverMs / 1_000 });
  const atOnce = 10;
  for (let made = 0; made < tasks; made += atOnce)
    await Promise.all(Array.from({ length: atOnce }, () => client.run(waiting)));
  await untilSwept(fleet, tasks);
  await sleep(settleMs);
  const row = await measureWindow(fleet);
  await client.stop();
  await close();
  await fleet.stop();
  return [isSwept ? "1 coordinator and 1 worker" : "the same, without sweeps", tasks.toLocaleString("en"), ...row];
}

/** Each task is swept once when it is new. */
async function untilSwept(fleet: Fleet, tasks: number): Promise<void> {
  while ((await fleet.usage()).sweeps < tasks) await sleep(1_000);
}

async function measureWindow(fleet: Fleet): Promise<readonly string[]> {
  const from = await fleet.usage();
  await sleep(windowMs);
  const to = await fleet.usage();
  const perSecond = (count: number) => (count / (windowMs / 1_000)).toFixed(2);
  const byName = Object.entries(to.byName)
    .map(([name, count]) => [name, count - (from.byName[name] ?? 0)] as const)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a);
  return [
    perSecond(to.sweeps - from.sweeps),
    perSecond(to.commands - from.commands),
    byName.map(([name, count]) => `${name} ${perSecond(count)}`).join(", "),
  ];
}
