/*
 * One process of the benchmark: `node part.ts coordinator` or `node part.ts worker`, with the addresses in the
 * environment. Reports its costs on request of its parent, and exits when the parent disconnects.
 */
import { Coordinator, Worker } from "flowkit/engine";
import { source, step } from "../flows.ts";
import { connected, countedBus, countedStore, noUse, type Use } from "./connections.ts";

/** The usage of a process since it was ready. */
export interface Usage extends Use {
  readonly cpuMs: number;
}

/** A request of its parent: to report its costs so far, or to exit after reporting them. */
export type Request = "usage" | "end";

const [, , role, sweepMs] = process.argv;
const used = noUse();
const { store, bus, close } = connected(process.env, used);
const shared = { store: countedStore(store, used), bus: countedBus(bus, used), handlers: [source, step] };
const sweeps = sweepMs === undefined ? {} : { sweepMs: Number(sweepMs) };
const part = role === "coordinator" ? new Coordinator({ ...shared, ...sweeps }) : new Worker(shared);

process.on("message", (request: Request) => void answer(request));
process.once("disconnect", () => void part.stop({ graceMs: 0 }));
await part.start();
const atStart = process.cpuUsage();
Object.assign(used, noUse());
process.send?.("ready");

async function answer(request: Request): Promise<void> {
  const { user, system } = process.cpuUsage(atStart);
  const usage: Usage = { ...used, cpuMs: (user + system) / 1000 };
  process.send?.(usage);
  if (request === "usage") return;
  await part.stop({ graceMs: 0 });
  await close();
  if (process.connected) process.disconnect();
}
